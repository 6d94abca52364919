import { formatProblem, metricUsesOf, type DocumentPath, type DocumentProblem, type ReadDocument } from '@slipway/contracts';
import { checkLimits, verifies, type DeploymentDoc, type MetricSpec, type PolicyDoc } from '@slipway/core';
import type { NextInventory } from './next-inventory.js';

interface PlacedMetric {
  metric: MetricSpec;
  path: DocumentPath;
}

/** The metrics of a document as they will be judged, templates filled in, each with the place where it is written. */
function metricsOf({ written }: ReadDocument, next: NextInventory): PlacedMetric[] {
  if (written.doc === null) return [];
  if (written.kind === 'metric') return [{ metric: written.doc, path: [] }];
  if (written.kind !== 'deployment' && written.kind !== 'policy') return [];
  const doc = next.doc(written.kind, written.name) as unknown as DeploymentDoc | PolicyDoc;
  const metrics =
    'verification' in doc ? doc.verification : doc.rules.flatMap((rule) => (rule.kind === 'verification' ? rule.metrics : []));
  return metricUsesOf(written.doc).flatMap(({ path }, at) => (metrics[at] ? [{ metric: metrics[at], path }] : []));
}

/** Measurements are told apart by the name of their metric: in one list each name stands once. */
function repeatedNames(document: ReadDocument, metrics: readonly PlacedMetric[]): DocumentProblem[] {
  const lists = Map.groupBy(metrics, ({ path }) => JSON.stringify(path.slice(0, -1)));
  return [...lists.values()].flatMap((list) =>
    list
      .filter(({ metric }, at) => list.findIndex((other) => other.metric.name === metric.name) < at)
      .map(({ metric, path }) =>
        document.problem(path, `a metric ${metric.name} stands in this list already; give this one another name with metric:`),
      ),
  );
}

/** Check the metrics of deployments, policies and Metric documents as they will be, templates filled in. */
export function checkMetrics(documents: readonly ReadDocument[], next: NextInventory): { problems: DocumentProblem[]; warnings: string[] } {
  const problems: DocumentProblem[] = [];
  const warnings: string[] = [];
  for (const document of documents) {
    const metrics = metricsOf(document, next);
    if (document.written.kind !== 'metric') problems.push(...repeatedNames(document, metrics));
    for (const { metric, path } of metrics) {
      const found = checkLimits(metric);
      problems.push(...found.problems.map((issue) => document.problem([...path, issue.path], issue.message)));
      warnings.push(...found.warnings.map((issue) => formatProblem(document.problem([...path, issue.path], issue.message))));
    }
    if (document.written.kind === 'deployment' && metrics.length > 0 && !verifies(metrics.map(({ metric }) => metric)))
      warnings.push(
        formatProblem(document.problem(['verification'], 'every metric is a dry run: what is deployed is measured and never verified')),
      );
  }
  return { problems, warnings };
}

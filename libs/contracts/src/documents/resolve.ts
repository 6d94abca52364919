import type { DeploymentDoc, MetricSpec, PolicyDoc } from '@slipway/core';
import type { WrittenDeployment, WrittenPolicy } from './kinds.js';
import { resolveMetricUse, type MetricUse } from './metric.js';

type Templates = ReadonlyMap<string, MetricSpec>;

const resolveUses = (uses: readonly MetricUse[], templates: Templates): MetricSpec[] =>
  uses.map((use) => resolveMetricUse(use, templates)).filter((metric) => metric !== undefined);

/** The deployment with its metric templates filled in. That every template is there was checked when the document was applied. */
export const resolveDeployment = (written: WrittenDeployment, templates: Templates): DeploymentDoc => ({
  ...written,
  verification: resolveUses(written.verification, templates),
});

/** The policy with its metric templates filled in. */
export const resolvePolicy = (written: WrittenPolicy, templates: Templates): PolicyDoc => ({
  ...written,
  rules: written.rules.map((rule) => (rule.kind === 'verification' ? { ...rule, metrics: resolveUses(rule.metrics, templates) } : rule)),
});

/** Every use of a metric in a document, with the path at which it is written. */
export function metricUsesOf(doc: WrittenDeployment | WrittenPolicy): { use: MetricUse; path: (string | number)[] }[] {
  if ('verification' in doc) return doc.verification.map((use, i) => ({ use, path: ['verification', i] }));
  return doc.rules.flatMap((rule, i) =>
    rule.kind === 'verification' ? rule.metrics.map((use, j) => ({ use, path: ['rules', i, 'verification', j] })) : [],
  );
}

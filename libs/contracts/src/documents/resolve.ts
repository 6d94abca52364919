import type { DeploymentDoc, MetricSpec, PolicyDoc, VariableSetDoc } from '@slipway/core';
import type { WrittenDeployment, WrittenPolicy } from './kinds.js';
import { resolveMetricUse, type MetricUse } from './metric.js';

type Templates = ReadonlyMap<string, MetricSpec>;

const resolveUses = (uses: readonly MetricUse[], templates: Templates): MetricSpec[] =>
  uses.map((use) => resolveMetricUse(use, templates)).filter((metric) => metric !== undefined);

/**
 * The deployment with its metric templates filled in, and the variable sets that give a value to what it declares. That every template is there was checked
 * when the document was applied.
 */
export function resolveDeployment(written: WrittenDeployment, templates: Templates, sets: Iterable<VariableSetDoc>): DeploymentDoc {
  const variableSets = setsFor(written.variables, sets);
  return {
    ...written,
    verification: resolveUses(written.verification, templates),
    ...(variableSets.length > 0 ? { variableSets } : {}),
  };
}

/** Sets by name, each with the values only that these variables take: a change of another value of the set is none of theirs. */
function setsFor(declared: WrittenDeployment['variables'], sets: Iterable<VariableSetDoc>): VariableSetDoc[] {
  const concerned: VariableSetDoc[] = [];
  for (const { name, selector, priority, variables } of sets) {
    const given = Object.entries(variables).filter(([variable]) => Object.hasOwn(declared, variable));
    if (given.length > 0) concerned.push({ name, selector, priority, variables: Object.fromEntries(given) });
  }
  return concerned.sort((a, b) => (a.name < b.name ? -1 : 1));
}

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

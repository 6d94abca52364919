import {
  checkExpressions,
  documentsInvalid,
  didYouMean,
  metricUsesOf,
  parsePath,
  readDocuments,
  resolvePolicy,
  type DocumentProblem,
  type ParsedRequestOf,
  type ReadDocument,
} from '@slipway/contracts';
import { SlipwayError, checkPolicy, findDependencyCycle, type Inventory, type MetricSpec, type PolicyDoc } from '@slipway/core';

/** Metrics were checked where they are written. */
const OF_A_METRIC = /\.verification\.metrics\[/;

/** The policies as they are, and as they would be. */
export interface PolicyChange {
  before: PolicyDoc[];
  after: PolicyDoc[];
  added: string[];
  changed: string[];
  removed: string[];
  /** `Deployment/checkout`: documents that were not looked at. */
  ignored: string[];
}

/** What a request would change of the policies; refused with all problems, as `apply` would refuse it. */
export function readPolicyChange(
  request: Pick<ParsedRequestOf<'policy.simulate'>, 'files' | 'remove'>,
  inventory: Inventory,
): PolicyChange {
  const { documents, problems } = readDocuments(request.files);
  const metrics = new Map<string, MetricSpec>(inventory.metrics);
  for (const { written } of documents) if (written.kind === 'metric' && written.doc !== null) metrics.set(written.name, written.doc);
  const after = new Map(inventory.policies);
  const ignored: string[] = [];
  for (const document of documents) {
    const { written, title } = document;
    if (written.kind === 'policy') {
      if (written.doc === null) after.delete(written.name);
      else {
        const found = checkWritten(document, metrics);
        problems.push(...found.problems);
        if (found.doc) after.set(written.name, found.doc);
      }
    } else if (written.kind !== 'metric') ignored.push(title);
  }
  if (problems.length > 0) throw documentsInvalid(problems);
  for (const name of request.remove) if (!after.delete(name)) throw unknownPolicy(name, inventory);
  const cycle = findDependencyCycle([...after.values()], [...inventory.deployments.values()], [...inventory.environments.values()]);
  if (cycle) throw cyclic(cycle);
  return { before: [...inventory.policies.values()], after: [...after.values()], ...differences(inventory, after), ignored };
}

function checkWritten(document: ReadDocument, metrics: ReadonlyMap<string, MetricSpec>): { problems: DocumentProblem[]; doc?: PolicyDoc } {
  const { written } = document;
  if (written.kind !== 'policy' || written.doc === null) return { problems: [] };
  const problems = [...checkExpressions(document).problems];
  for (const { use, path } of metricUsesOf(written.doc))
    if (use.template !== undefined && !metrics.has(use.template)) {
      const hint = didYouMean(use.template, [...metrics.keys()]);
      problems.push(document.problem([...path, 'template'], `there is no metric ${use.template}${hint}`));
    }
  if (problems.length > 0) return { problems };
  const doc = resolvePolicy(written.doc, metrics);
  for (const { path, message } of checkPolicy(doc)) if (!OF_A_METRIC.test(path)) problems.push(document.problem(parsePath(path), message));
  return problems.length > 0 ? { problems } : { problems, doc };
}

function differences(inventory: Inventory, after: ReadonlyMap<string, PolicyDoc>): Pick<PolicyChange, 'added' | 'changed' | 'removed'> {
  const known = inventory.policies;
  const same = (name: string): boolean => sorted(known.get(name)) === sorted(after.get(name));
  return {
    added: [...after.keys()].filter((name) => !known.has(name)).sort(),
    changed: [...after.keys()].filter((name) => known.has(name) && !same(name)).sort(),
    removed: [...known.keys()].filter((name) => !after.has(name)).sort(),
  };
}

/** The same text for the same document, whatever the order of its keys. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

function unknownPolicy(name: string, inventory: Inventory): SlipwayError {
  const hint = didYouMean(name, inventory.policies.keys());
  return new SlipwayError({
    code: 'policy.simulate.unknownPolicy',
    kind: 'missing',
    message: `Simulating without policy ${name}: there is none${hint}`,
  });
}

function cyclic(cycle: readonly string[]): SlipwayError {
  return new SlipwayError({
    code: 'policy.simulate.cycle',
    kind: 'invalid',
    message: `dependency rules would make a cycle, ${cycle.join(' → ')}: each would wait for the other for ever; take one of these dependencies away`,
  });
}

import { parsePath, type DocumentProblem, type ReadDocument } from '@slipway/contracts';
import { checkPolicy, checkTies, findDependencyCycle, type PolicyDoc } from '@slipway/core';
import type { NextInventory } from './next-inventory.js';

/** Metrics of policies were checked where they are written, by `checkExpressions`: a template of another document has no line here. */
const OF_A_METRIC = /\.verification\.metrics\[/;

function checkDocument(document: ReadDocument, next: NextInventory): DocumentProblem[] {
  const { written } = document;
  if (written.kind !== 'policy' || written.doc === null) return [];
  const issues = checkPolicy(next.doc('policy', written.name) as unknown as PolicyDoc);
  return issues.filter(({ path }) => !OF_A_METRIC.test(path)).map(({ path, message }) => document.problem(parsePath(path), message));
}

/** A cycle of dependencies, told at the document of this apply that closed it. */
function checkCycle(documents: readonly ReadDocument[], next: NextInventory): DocumentProblem[] {
  const closing = documents.filter(({ written }) => written.doc !== null && (written.kind === 'policy' || written.kind === 'deployment'));
  if (closing.length === 0) return [];
  const cycle = findDependencyCycle([...next.policies()], [...next.deployments()], [...next.environments()]);
  if (!cycle) return [];
  const rules = (document: ReadDocument): boolean =>
    document.written.kind === 'policy' && JSON.stringify(document.value['rules']).includes('"dependency"');
  const culprit = closing.find(rules) ?? closing.find(({ written }) => cycle.includes(written.name)) ?? closing[0];
  const message = `dependency rules make a cycle, ${cycle.join(' → ')}: each would wait for the other for ever; take one of these dependencies away`;
  return culprit ? [culprit.problem(culprit.written.kind === 'policy' ? ['rules'] : [], message)] : [];
}

/** Check policies as they will be, templates filled in, with each other and with the deployments. */
export function checkPolicies(
  documents: readonly ReadDocument[],
  next: NextInventory,
): { problems: DocumentProblem[]; warnings: string[] } {
  const problems = documents.flatMap((document) => checkDocument(document, next));
  if (problems.length === 0) problems.push(...checkCycle(documents, next));
  const touched = documents.some(({ written }) => written.kind === 'policy' && written.doc !== null);
  return { problems, warnings: touched ? checkTies([...next.policies()]) : [] };
}

import type { DocumentPath, DocumentProblem, ReadDocument } from '@slipway/contracts';
import { explainVariables, type ExplainedVariable, type ResourceDoc, type TargetsChange } from '@slipway/core';
import { concernedTargets, type ConcernedTarget } from './concerned-targets.js';
import type { NextInventory } from './next-inventory.js';

/** At more targets variables are not looked at while a person waits for the apply; a release that finds one wrong later is `rejected` with the same reason. */
const TARGETS_MAX = 20_000;

interface Place {
  document: ReadDocument;
  path: DocumentPath;
}

/** Where a wrong value stands, when its document is in this apply; else the document of this apply that brought it about. */
function placeOf(target: ConcernedTarget, { name, offers, problem }: ExplainedVariable, byTitle: ReadonlyMap<string, ReadDocument>): Place {
  const document = (kind: string, of: string): ReadDocument | undefined => byTitle.get(`${kind}/${of}`);
  const source = offers[0]?.source;
  const part = offers[0]?.undecided === undefined ? 'value' : 'selector';
  const own = source && document(source.from === 'default' ? 'deployment' : source.from, source.name);
  if (own && source) {
    if (source.from === 'default') return { document: own, path: ['variables', name, 'default'] };
    if (source.from === 'deployment') return { document: own, path: ['variables', name, 'values', source.at, part] };
    return { document: own, path: part === 'selector' ? ['selector'] : ['variables', name] };
  }
  const { deployment, environment, resource } = target;
  const declaring = document('deployment', deployment.name);
  if (declaring) return { document: declaring, path: ['variables', name] };
  const related = Object.values(resource.relations ?? {}).map((other) => document('resource', other));
  const nearest = [document('resource', resource.identifier), ...related, document('environment', environment.name)];
  const there = nearest.find((one) => one !== undefined) ?? [...byTitle.values()][0];
  if (there) return { document: there, path: [] };
  throw new Error(`an apply without documents found: ${problem}`);
}

/** Two sets of one priority that say different things of the same variable at a target: the name decides, which is hardly what anyone meant. */
function tieOf(
  { name, offers }: ExplainedVariable,
  { resource, deployment }: ConcernedTarget,
): { key: string; warning: string } | undefined {
  const [first, second] = offers;
  if (first?.source.from !== 'variableSet' || second?.source.from !== 'variableSet') return undefined;
  if (first.source.priority !== second.source.priority || JSON.stringify(first.written) === JSON.stringify(second.written))
    return undefined;
  const [a, b] = [first.source.name, second.source.name];
  const where = `for ${deployment.name} at ${resource.identifier}`;
  return {
    key: `${name} ${a} ${b}`,
    warning: `variable sets ${a} and ${b} both set ${name} ${where} at priority ${first.source.priority}; ${a} counts: give one a higher priority`,
  };
}

/**
 * Variables that would have no value, or one of another type, at the targets that this apply concerns: what is wrong now would be a rejected release
 * later. Equal findings at several targets are told once.
 */
export function checkVariables(
  documents: readonly ReadDocument[],
  next: NextInventory,
  targets: readonly TargetsChange[],
): { problems: DocumentProblem[]; warnings: string[] } {
  const byTitle = new Map(documents.map((document) => [`${document.written.kind}/${document.written.name}`, document]));
  const lookup = (identifier: string): ResourceDoc | undefined => next.doc('resource', identifier) as unknown as ResourceDoc | undefined;
  const found = new Map<string, { place: Place; message: string; more: number }>();
  const warnings = new Map<string, string>();
  let looked = 0;
  for (const target of concernedTargets(next, targets)) {
    if ((looked += 1) > TARGETS_MAX) break;
    for (const variable of explainVariables({ ...target, lookup })) {
      const tie = tieOf(variable, target);
      if (tie && !warnings.has(tie.key)) warnings.set(tie.key, tie.warning);
      if (variable.problem === undefined) continue;
      const place = placeOf(target, variable, byTitle);
      const key = JSON.stringify([place.document.title, place.path, variable.name, variable.offers[0]?.source]);
      const known = found.get(key);
      if (known) known.more += 1;
      else found.set(key, { place, message: variable.problem, more: 0 });
    }
  }
  const problems = [...found.values()].map(({ place, message, more }) =>
    place.document.problem(place.path, more === 0 ? message : `${message}; and so at ${more} more ${more === 1 ? 'target' : 'targets'}`),
  );
  const rest = looked > TARGETS_MAX ? [`variables were looked at for the first ${TARGETS_MAX} targets only`] : [];
  return { problems, warnings: [...warnings.values(), ...rest] };
}

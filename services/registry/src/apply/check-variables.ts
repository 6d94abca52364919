import type { DocumentPath, DocumentProblem, ReadDocument } from '@slipway/contracts';
import {
  explainVariables,
  hasType,
  holdsTemplate,
  mistyped,
  type ExplainedVariable,
  type ResourceDoc,
  type TargetsChange,
  type VariableOffer,
  type VariableSource,
} from '@slipway/core';
import { concernedTargets, type ConcernedTarget } from './concerned-targets.js';
import type { NextInventory } from './next-inventory.js';

/** At more targets variables are not looked at while a person waits for the apply; a release that finds one wrong later is `rejected` with the same reason. */
const TARGETS_MAX = 20_000;

interface Place {
  document: ReadDocument;
  path: DocumentPath;
}

interface Wrong {
  place: Place;
  message: string;
  source: VariableSource | undefined;
}

type Documents = ReadonlyMap<string, ReadDocument>;

/** Where a value stands, when its document is in this apply. */
function placeOfValue(variable: string, { source, undecided }: VariableOffer, documents: Documents): Place | undefined {
  const document = documents.get(`${source.from === 'default' ? 'deployment' : source.from}/${source.name}`);
  if (!document) return undefined;
  if (source.from === 'default') return { document, path: ['variables', variable, 'default'] };
  const part = undecided === undefined ? 'value' : 'selector';
  if (source.from === 'deployment') return { document, path: ['variables', variable, 'values', source.at, part] };
  return { document, path: part === 'selector' ? ['selector'] : ['variables', variable] };
}

/** The document of this apply that brought it about that a variable has no value. */
function placeOfCause({ deployment, environment, resource }: ConcernedTarget, variable: string, documents: Documents): Place {
  const declaring = documents.get(`deployment/${deployment.name}`);
  if (declaring) return { document: declaring, path: ['variables', variable] };
  const resources = [resource.identifier, ...Object.values(resource.relations ?? {})].map((name) => documents.get(`resource/${name}`));
  const nearest = [...resources, documents.get(`environment/${environment.name}`), ...documents.values()];
  const document = nearest.find((one) => one !== undefined);
  if (!document) throw new Error(`an apply without documents changed ${variable} of ${deployment.name}`);
  return { document, path: [] };
}

/** What is wrong with a variable at a target: it has no value, or one that does not count there could never count, being of another type. */
function* wrongWith(
  target: ConcernedTarget,
  { name, declaration, problem, offers }: ExplainedVariable,
  documents: Documents,
): Generator<Wrong> {
  const [winner, ...losers] = offers;
  if (problem !== undefined) {
    const place = (winner && placeOfValue(name, winner, documents)) ?? placeOfCause(target, name, documents);
    yield { place, message: problem, source: winner?.source };
  }
  for (const loser of losers) {
    const { written, source, undecided } = loser;
    if (undecided !== undefined || holdsTemplate(written) || hasType(written, declaration.type)) continue;
    const place = placeOfValue(name, loser, documents);
    if (place) yield { place, message: mistyped(name, loser, declaration.type, target.deployment.name), source };
  }
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
      for (const { place, message, source } of wrongWith(target, variable, byTitle)) {
        const key = JSON.stringify([place.document.title, place.path, variable.name, source]);
        const known = found.get(key);
        if (known) known.more += 1;
        else found.set(key, { place, message, more: 0 });
      }
    }
  }
  const problems = [...found.values()].map(({ place, message, more }) =>
    place.document.problem(place.path, more === 0 ? message : `${message}; and so at ${more} more ${more === 1 ? 'target' : 'targets'}`),
  );
  const rest = looked > TARGETS_MAX ? [`variables were looked at for the first ${TARGETS_MAX} targets only`] : [];
  return { problems, warnings: [...warnings.values(), ...rest] };
}

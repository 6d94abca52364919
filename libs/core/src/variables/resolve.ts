import { compileExpression, evaluateBoolean } from '../cel/compile.js';
import { renderTemplate } from '../cel/template.js';
import { SlipwayError } from '../errors.js';
import type { DeploymentDoc, EnvironmentDoc, ResourceDoc, VariableDeclaration } from '../model/inventory.js';
import type { Json, JsonObject } from '../model/json.js';
import { relationsOf, type ResourceLookup } from './relations.js';
import { hasType, holdsTemplate, notOfType, type VariableType } from './variable-type.js';

/*
 * Who gives a variable its value at a target. What stands nearer to the target counts: the resource itself; what the deployment gives by selector; variable
 * sets by selector; the deployment's default. Among the deployment's values, and among sets, the higher priority counts; at equal priority the first
 * written, and of sets the first by name. So the order is total: for one target there is always exactly one first.
 */

/** Where a value stands. `at`: its position among the deployment's values for the variable. */
export type VariableSource =
  | { from: 'resource'; name: string }
  | { from: 'deployment'; name: string; at: number; selector: string; priority: number }
  | { from: 'variableSet'; name: string; selector: string; priority: number }
  | { from: 'default'; name: string };

/** Something that gives a variable a value at the target, in the order of precedence. `undecided`: why its selector says neither yes nor no. */
export interface VariableOffer {
  source: VariableSource;
  /** As it is written, before templates. */
  written: Json;
  undecided?: string;
}

export interface VariableProblem {
  variable: string;
  message: string;
  /** Where the wrong value stands; absent when there is none. */
  source?: VariableSource;
}

export interface ResolvedVariables {
  /** Only what has a value: an absent name is an error where a template asks for it, never an empty string. */
  values: Record<string, Json>;
  /** Who won, by variable. */
  sources: Record<string, VariableSource>;
  /** Not empty: the release must not be made. */
  problems: VariableProblem[];
}

/** What the values of variables may depend on. */
export interface VariableTarget {
  deployment: DeploymentDoc;
  environment: EnvironmentDoc;
  resource: ResourceDoc;
  /** For relations. */
  lookup: ResourceLookup;
}

/**
 * The values of a deployment's variables at one target, each rendered and checked against the declared type. A variable that a resource or set has and the
 * deployment does not declare is another deployment's business, and is left out. A selector without an answer is a problem where it could have won.
 */
export function resolveVariables(target: VariableTarget): ResolvedVariables {
  const resolved: ResolvedVariables = { values: {}, sources: {}, problems: [] };
  const names = lazily(() => namesOf(target));
  for (const [variable, declaration] of Object.entries(target.deployment.variables)) {
    const [offer] = offersOf(target, variable, declaration);
    const outcome = valueOf(target, { variable, declaration, offer, names });
    if (outcome === undefined) continue;
    if ('message' in outcome) resolved.problems.push({ variable, ...outcome });
    else {
      resolved.values[variable] = outcome.value;
      resolved.sources[variable] = (offer as VariableOffer).source;
    }
  }
  return resolved;
}

/** One variable with everyone who gives it a value: the winner first, then the losers in the order in which they would have won. */
export interface ExplainedVariable {
  name: string;
  declaration: VariableDeclaration;
  value?: Json;
  /** Why it has no value that could be used. */
  problem?: string;
  offers: VariableOffer[];
}

/** All variables of a deployment at a target, by the same order that `resolveVariables` goes by. */
export function explainVariables(target: VariableTarget): ExplainedVariable[] {
  const names = lazily(() => namesOf(target));
  return Object.entries(target.deployment.variables).map(([name, declaration]) => {
    const offers = [...offersOf(target, name, declaration)];
    const outcome = valueOf(target, { variable: name, declaration, offer: offers[0], names });
    const said = outcome === undefined ? {} : 'message' in outcome ? { problem: outcome.message } : { value: outcome.value };
    return { name, declaration, ...said, offers };
  });
}

/** Who gives the variable a value there, in order of precedence; a selector that has no answer is among them. */
function* offersOf(target: VariableTarget, variable: string, declaration: VariableDeclaration): Generator<VariableOffer> {
  const { deployment, resource } = target;
  const own = Object.hasOwn(resource.variables, variable) ? resource.variables[variable] : undefined;
  if (isThere(own)) yield { source: { from: 'resource', name: resource.identifier }, written: own };
  for (const candidate of inOrder(deployment, variable, declaration)) {
    const { selector } = candidate.source;
    const said = evaluateBoolean(compileExpression(selector), selectorNames(target));
    if ('error' in said) yield { ...candidate, undecided: said.error };
    else if (said.value) yield candidate;
  }
  if (isThere(declaration.default)) yield { source: { from: 'default', name: deployment.name }, written: declaration.default };
}

type Candidate = VariableOffer & { source: Extract<VariableSource, { selector: string }> };

/** What is given by selector, sorted once per document: documents are never changed, only replaced. */
const sorted = new WeakMap<DeploymentDoc, Map<string, Candidate[]>>();

function inOrder(deployment: DeploymentDoc, variable: string, declaration: VariableDeclaration): readonly Candidate[] {
  let byVariable = sorted.get(deployment);
  if (!byVariable) sorted.set(deployment, (byVariable = new Map()));
  let candidates = byVariable.get(variable);
  if (!candidates) byVariable.set(variable, (candidates = sort(deployment, variable, declaration)));
  return candidates;
}

function sort(deployment: DeploymentDoc, variable: string, declaration: VariableDeclaration): Candidate[] {
  const values = (declaration.values ?? []).map(({ selector, value, priority }, at): Candidate => ({
    source: { from: 'deployment', name: deployment.name, at, selector, priority },
    written: value,
  }));
  const sets = (deployment.variableSets ?? []).flatMap(({ name, selector, priority, variables }): Candidate[] => {
    const written = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
    return isThere(written) ? [{ source: { from: 'variableSet', name, selector, priority }, written }] : [];
  });
  const byPriority = (a: Candidate, b: Candidate): number => b.source.priority - a.source.priority;
  const byName = (a: Candidate, b: Candidate): number => (a.source.name < b.source.name ? -1 : 1);
  return [...values.filter(({ written }) => isThere(written)).sort(byPriority), ...sets.sort((a, b) => byPriority(a, b) || byName(a, b))];
}

interface Asked {
  variable: string;
  declaration: VariableDeclaration;
  offer: VariableOffer | undefined;
  names: () => JsonObject;
}

/** The value of the first offer, why it has none, or undefined when nobody gives one and nobody needs one. */
function valueOf(
  { deployment, environment, resource }: VariableTarget,
  { variable, declaration, offer, names }: Asked,
): { value: Json } | { message: string; source?: VariableSource } | undefined {
  if (!offer) {
    if (!declaration.required) return undefined;
    const right = 'set it on the resource or by a variable set, or give the deployment a default';
    return {
      message: `${deployment.name} requires variable ${variable}, and nothing sets it for ${resource.identifier} in ${environment.name}; ${right}`,
    };
  }
  const { source, written, undecided } = offer;
  const whose = `variable ${variable} of ${nameOf(source)}`;
  if (undecided !== undefined)
    return {
      source,
      message: `${whose}: its selector cannot be decided for ${resource.identifier}: ${undecided}; ask with has(…) for what may be absent`,
    };
  let value = written;
  try {
    if (holdsTemplate(written)) value = renderTemplate(written, names());
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    return { source, message: `${whose} has no value for ${resource.identifier}: ${error.message}${hintOf(error, resource)}` };
  }
  if (hasType(value, declaration.type)) return { value };
  return { source, message: mistyped(variable, { source, written: value }, declaration.type, deployment.name) };
}

/** `variable port of resource par-1: "80" is not an integer, as checkout declares it`. */
export function mistyped(variable: string, { source, written }: VariableOffer, type: VariableType, deployment: string): string {
  return `variable ${variable} of ${nameOf(source)}: ${notOfType(written, type)}, as ${deployment} declares it`;
}

/** `set eu-proxies` as a person calls it. */
export function nameOf(source: VariableSource): string {
  switch (source.from) {
    case 'resource':
      return `resource ${source.name}`;
    case 'deployment':
      return `deployment ${source.name}, value ${source.at + 1}`;
    case 'variableSet':
      return `variable set ${source.name}`;
    case 'default':
      return `deployment ${source.name}, default`;
  }
}

/** A relation that the resource does not have is named with what would be right. */
function hintOf(error: SlipwayError, resource: ResourceDoc): string {
  const missing = String(error.details?.['name'] ?? '');
  const [root, relation] = missing.split('.');
  if (root !== 'relations' || relation === undefined || (resource.relations && Object.hasOwn(resource.relations, relation))) return '';
  return `; give ${resource.identifier} the relation: relations: { ${relation}: <identifier of a resource> }`;
}

const isThere = (value: Json | undefined): value is Json => value !== undefined && value !== null;

/** Selectors see the documents as they are. */
function selectorNames({ deployment, environment, resource }: VariableTarget): JsonObject {
  return { deployment, environment, resource } as unknown as JsonObject;
}

/** Templates see what a deployment is, not its own templates. */
function namesOf(target: VariableTarget): JsonObject {
  const { name, system, description, metadata } = target.deployment;
  const deployment = { name, system, metadata, ...(description === undefined ? {} : { description }) };
  const { environment, resource, lookup } = target;
  return { deployment, environment, resource, relations: relationsOf(resource, lookup) } as unknown as JsonObject;
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

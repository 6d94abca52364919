import { didYouMean, type ParsedRequestOf, type ReplyOf, type VariableView } from '@slipway/contracts';
import {
  explainVariables,
  nameOf,
  SlipwayError,
  type DeploymentDoc,
  type EnvironmentDoc,
  type ExplainedVariable,
  type Inventory,
  type InventoryTargets,
  type ResourceDoc,
  type VariableOffer,
} from '@slipway/core';
import type { KnownInventory } from './known-inventory.js';

type Asked = ParsedRequestOf<'registry.variables'>;
type Offer = NonNullable<VariableView['winner']>;

/** How many targets an error names. */
const NAMED_MAX = 5;

/** The variables of a deployment at a target, each with its winner and its losers. Throws `registry.target.missing`, `registry.target.ambiguous`. */
export async function showVariables(known: KnownInventory, asked: Asked): Promise<ReplyOf<'registry.variables'>> {
  const { all } = await known.current();
  const targets = all.targets(asked.deployment, asked.environment);
  const deployment = all.deployments.get(asked.deployment);
  const environment = all.environments.get(asked.environment);
  if (!deployment || !environment || !targets || targets.size === 0) throw noTargets(all, asked, { deployment, environment });
  const resource = all.resources.get(identifierOf(targets, asked)) as ResourceDoc;
  const lookup = (identifier: string): ResourceDoc | undefined => all.resources.get(identifier);
  return {
    deployment: deployment.name,
    environment: environment.name,
    resource: resource.identifier,
    variables: explainVariables({ deployment, environment, resource, lookup }).map(viewOf),
  };
}

/** The resource that was named, or the only one there is. */
function identifierOf(targets: InventoryTargets, { deployment, environment, resource }: Asked): string {
  const there = [...targets.resources()];
  if (resource !== undefined && targets.has(resource)) return resource;
  const [only] = there;
  if (resource === undefined && there.length === 1 && only !== undefined) return only;
  const some = `${there.slice(0, NAMED_MAX).join(', ')}${there.length > NAMED_MAX ? ` and ${there.length - NAMED_MAX} more` : ''}`;
  if (resource === undefined)
    throw new SlipwayError({
      code: 'registry.target.ambiguous',
      kind: 'invalid',
      message: `${deployment} has ${there.length} targets in ${environment}; name one with --resource: ${some}`,
    });
  throw new SlipwayError({
    code: 'registry.target.missing',
    kind: 'missing',
    message: `${resource} is no target of ${deployment} in ${environment}${didYouMean(resource, there) || `; there are ${some}`}`,
  });
}

function noTargets(
  all: Inventory,
  asked: Asked,
  { deployment, environment }: { deployment: DeploymentDoc | undefined; environment: EnvironmentDoc | undefined },
): SlipwayError {
  const unknown = !deployment
    ? `there is no deployment ${asked.deployment}${didYouMean(asked.deployment, all.deployments.keys())}`
    : !environment
      ? `there is no environment ${asked.environment}${didYouMean(asked.environment, all.environments.keys())}`
      : `${asked.deployment} has no targets in ${asked.environment}`;
  return new SlipwayError({ code: 'registry.target.missing', kind: 'missing', message: unknown });
}

function viewOf({ name, declaration, value, problem, offers }: ExplainedVariable): VariableView {
  const [winner, ...losers] = offers;
  return {
    name,
    type: declaration.type,
    required: declaration.required ?? false,
    ...(value === undefined ? {} : { value }),
    ...(problem === undefined ? {} : { problem }),
    ...(winner ? { winner: offerOf(winner) } : {}),
    losers: losers.map((loser) => ({ ...offerOf(loser), because: whyNot(loser, winner as VariableOffer) })),
  };
}

function offerOf({ source, written }: VariableOffer): Offer {
  const selected = 'selector' in source ? { selector: source.selector, priority: source.priority } : {};
  return { from: source.from, name: source.name, called: nameOf(source), written, ...selected };
}

/** Why the other one goes before it. */
function whyNot({ source, undecided }: VariableOffer, { source: winner }: VariableOffer): string {
  if (undecided !== undefined) return `its selector cannot be decided: ${undecided}`;
  if (source.from !== winner.from || !('priority' in source) || !('priority' in winner))
    return `${LEVEL[winner.from]} goes before ${LEVEL[source.from]}`;
  if (source.priority !== winner.priority) return `priority ${winner.priority} goes before ${source.priority}`;
  return source.from === 'variableSet' ? `equal priority; ${winner.name} is first by name` : 'equal priority; the other is written first';
}

const LEVEL: Record<VariableOffer['source']['from'], string> = {
  resource: 'the resource',
  deployment: 'what the deployment gives by selector',
  variableSet: 'a variable set',
  default: 'the default',
};

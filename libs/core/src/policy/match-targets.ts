import { compileExpression } from '../cel/compile.js';
import { CelFailure } from '../cel/failure.js';
import type { DeploymentDoc, EnvironmentDoc, ResourceDoc } from '../model/inventory.js';

/** Where a deployment runs in an environment, and the resources for which that cannot be known. */
export interface MatchedTargets {
  resources: string[];
  errors: { resource: string; message: string }[];
}

/**
 * The resources that both selectors match, in the given order; none when the two do not share a system. A resource that one selector rules out
 * is out, whatever the other says. Throws SlipwayError when a selector cannot be compiled.
 */
export function matchTargets(deployment: DeploymentDoc, environment: EnvironmentDoc, resources: Iterable<ResourceDoc>): MatchedTargets {
  const matched: MatchedTargets = { resources: [], errors: [] };
  if (deployment.system !== environment.system) return matched;
  const selectors = [compileExpression(environment.resources), compileExpression(deployment.resources)];
  for (const resource of resources) {
    const activation = { resource: resource as never };
    const answers = selectors.map((selector) => selector.evaluate(activation));
    if (answers.includes(false)) continue;
    const wrong = answers.findIndex((answer) => answer !== true);
    if (wrong < 0) matched.resources.push(resource.identifier);
    else matched.errors.push({ resource: resource.identifier, message: messageOf(selectors[wrong]!.source, answers[wrong]) });
  }
  return matched;
}

function messageOf(source: string, answer: unknown): string {
  return answer instanceof CelFailure ? `${source}: ${answer.message}` : `${source}: is not true or false but ${JSON.stringify(answer)}`;
}

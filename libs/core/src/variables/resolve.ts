import type { DeploymentDoc, ResourceDoc, VariableDeclaration } from '../model/inventory.js';
import type { Json } from '../model/json.js';

export interface ResolvedVariables {
  /** Only what has a value: an absent name is an error where a template asks for it, never an empty string. */
  values: Record<string, Json>;
  /** Who won, by variable. */
  sources: Record<string, 'resource' | 'default'>;
  /** Not empty: the release must not be made. */
  problems: VariableProblem[];
}

export interface VariableProblem {
  variable: string;
  message: string;
}

/**
 * The values of a deployment's variables at one resource: what the resource says, else the declared default, each checked against the declared type.
 * A variable that the resource has and the deployment does not declare is another deployment's business, and is left out.
 */
export function resolveVariables(
  deployment: Pick<DeploymentDoc, 'name' | 'variables'>,
  resource: Pick<ResourceDoc, 'identifier' | 'variables'>,
): ResolvedVariables {
  const resolved: ResolvedVariables = { values: {}, sources: {}, problems: [] };
  for (const [variable, declaration] of Object.entries(deployment.variables)) {
    const own = Object.hasOwn(resource.variables, variable) ? resource.variables[variable] : undefined;
    const value = own ?? declaration.default ?? undefined;
    if (value === undefined) {
      if (declaration.required) {
        const message = `${deployment.name} requires variable ${variable}, and ${resource.identifier} does not set it; set it on the resource or give the deployment a default`;
        resolved.problems.push({ variable, message });
      }
      continue;
    }
    const source = own === undefined || own === null ? 'default' : 'resource';
    if (!hasType(value, declaration.type)) {
      const whose = source === 'resource' ? resource.identifier : `the default of ${deployment.name}`;
      resolved.problems.push({
        variable,
        message: `variable ${variable} of ${whose} is ${JSON.stringify(value)}, which is no ${declaration.type}`,
      });
      continue;
    }
    resolved.values[variable] = value;
    resolved.sources[variable] = source;
  }
  return resolved;
}

/** Whether a value is of a declared type; a whole number is also a `number`, null is nothing. */
export function hasType(value: Json, type: VariableDeclaration['type']): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'list':
      return Array.isArray(value);
  }
}

/**
 * The names expressions may read and, for those of a fixed shape, their fields. `null` marks names whose fields are data
 * (`variables`, `result`). Fields that hold maps of free keys (`metadata`, `config`) are not looked into.
 */
const FIELDS: Record<string, readonly string[] | null> = {
  system: ['name', 'description'],
  environment: ['name', 'system', 'description', 'metadata'],
  deployment: ['name', 'system', 'description', 'pool', 'metadata'],
  resource: ['identifier', 'name', 'kind', 'version', 'metadata', 'config', 'variables', 'relations', 'provider'],
  version: ['id', 'deployment', 'tag', 'name', 'status', 'sequence', 'config', 'metadata', 'message', 'author', 'createdAt'],
  running: ['version', 'tag', 'verified', 'since'],
  job: ['id', 'action', 'attempt', 'rollback', 'weight', 'slot'],
  release: ['id'],
};

/** Fields of a root name, or undefined when they are not fixed. */
export function fieldsOf(root: string): readonly string[] | undefined {
  return Object.hasOwn(FIELDS, root) ? (FIELDS[root] ?? undefined) : undefined;
}

/** Names an environment's or deployment's resource selector sees. */
export const RESOURCE_NAMES = ['resource'] as const;
/** Names a policy's selector and a `versionSelector` see. */
export const SELECTOR_NAMES = ['deployment', 'environment', 'resource', 'version'] as const;
/** Names a `condition` sees. */
export const CONDITION_NAMES = [...SELECTOR_NAMES, 'running', 'now'] as const;
/** Names a freeze's scope sees. */
export const SCOPE_NAMES = ['deployment', 'environment', 'resource'] as const;
/** Names a pool template sees. */
export const POOL_NAMES = ['resource', 'environment', 'deployment'] as const;
/** Names an executor's or a metric's template sees. */
export const TEMPLATE_NAMES = ['job', 'version', 'release', 'deployment', 'environment', 'resource', 'variables', 'relations'] as const;
/** Names the value of a variable sees, when it is a template. */
export const VARIABLE_NAMES = ['deployment', 'environment', 'resource', 'relations'] as const;
/** Names the selector of a deployment's own value for a variable sees. */
export const VALUE_SELECTOR_NAMES = ['environment', 'resource'] as const;
/** Names the selector of a variable set sees. */
export const SET_SELECTOR_NAMES = ['deployment', 'environment', 'resource'] as const;
/** Names a metric's condition sees. */
export const METRIC_CONDITION_NAMES = ['result', ...TEMPLATE_NAMES] as const;

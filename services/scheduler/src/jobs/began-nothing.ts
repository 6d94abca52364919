import type { JobRow } from '../tables.js';

/**
 * A deployment that was refused before it touched its target: a wrong credential, a template without a value, a config that the vendor does not take. An
 * earlier attempt, or a step before it, may have touched it.
 */
export function beganNothing({ kind, state, attempt }: Pick<JobRow, 'kind' | 'state' | 'attempt'>): boolean {
  return kind === 'deploy' && state === 'rejected' && attempt === 1;
}

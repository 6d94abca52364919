import { SlipwayError } from '@slipway/core';
import type { Requests } from '@slipway/messaging';
import { setVersionStatus, type StatusRequest, type VersionDeps } from './publish.js';

/** How long the scheduler has to take what a person rejected or paused. */
const TAKE_TIMEOUT_MS = 5_000;

/**
 * Reject, pause or make ready a version. What stops it is acknowledged only once the scheduler has taken it, so that nothing of it starts afterwards
 * (I2); when the scheduler does not answer, the person is told that the word stands and is not in force yet.
 */
export async function sayStatus(deps: VersionDeps & { requests: Requests }, request: StatusRequest, by: string): Promise<string> {
  const { done, changes, revision } = await setVersionStatus(deps, request, by);
  if (request.status === 'ready') return done;
  const { deployment, tag, status } = request;
  try {
    await deps.requests.ask('scheduler.takeChanges', { deployment, revision, changes: changes as never }, { timeoutMs: TAKE_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
    const message = `${deployment} ${tag} is recorded as ${status}, but the scheduler does not answer: it takes effect as soon as the scheduler is back, until then a job of it may still begin`;
    throw new SlipwayError({ code: 'registry.version.notTakenYet', kind: 'unavailable', message }, { cause: error });
  }
  return done;
}

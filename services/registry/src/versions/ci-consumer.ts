import { deploymentOfCiSubject, type VersionPayload } from '@slipway/contracts';
import type { BatchHandler, Settlement } from '@slipway/messaging';
import { publishVersions, type VersionDeps } from './publish.js';

/**
 * Versions from CI. No inbox is needed: a repeated message is a duplicate by its tag. What is refused becomes a dead letter at once, since
 * only a person can mend it; it can be replayed when the deployment is there.
 */
export function ciConsumer(deps: VersionDeps): BatchHandler<VersionPayload> {
  return async (batch) => {
    const publications = batch.map(({ subject, body }) => ({ deployment: deploymentOfCiSubject(subject), payload: body }));
    const results = await publishVersions(deps, publications);
    const settlements = new Map<string, Settlement>();
    for (const [i, result] of results.entries())
      if ('error' in result) settlements.set(batch[i]?.id ?? '', { kind: 'deadLetter', error: result.error });
    return settlements;
  };
}

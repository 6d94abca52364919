import { ciVersionSchema, deploymentOfCiSubject } from '@slipway/contracts';
import type { BatchHandler, Settlement } from '@slipway/messaging';
import { z } from 'zod';
import { publishVersions, type Publication, type VersionDeps } from './publish.js';

const refused = (code: string, message: string): Settlement => ({ kind: 'deadLetter', error: { code, kind: 'invalid', message } });

/**
 * Versions from CI. No inbox is needed: a repeated message is a duplicate by its tag. What is refused becomes a dead letter at once, since
 * only a person can mend it; it can be replayed when the deployment is there.
 */
export function ciConsumer(deps: VersionDeps): BatchHandler {
  return async (batch) => {
    const settlements = new Map<string, Settlement>();
    const publications: (Publication & { id: string })[] = [];
    for (const { id, subject, body } of batch) {
      const deployment = deploymentOfCiSubject(subject);
      const parsed = ciVersionSchema.safeParse(body);
      if (parsed.success) publications.push({ id, deployment, payload: parsed.data });
      else
        settlements.set(
          id,
          refused(
            'registry.version.invalid',
            `Publishing a version of ${deployment}: ${z.prettifyError(parsed.error)}; send {"tag":"1.4.2"} at least`,
          ),
        );
    }
    const results = publications.length === 0 ? [] : await publishVersions(deps, publications);
    for (const [i, result] of results.entries())
      if ('error' in result) settlements.set(publications[i]?.id ?? '', { kind: 'deadLetter', error: result.error });
    return settlements;
  };
}

import type { Outbound } from '@slipway/messaging';

/** A valid release event of one target; `sequence` makes each different. */
export const releaseEvent = (sequence: number, resource = 'par-host-1') => ({
  version: '1.0.0',
  verb: 'succeeded',
  deployment: 'checkout',
  environment: 'staging',
  resource,
  versionId: 'v1',
  sequence,
  at: 1_000,
  outcome: { state: 'succeeded', verified: true, at: 1_000 },
  quarantined: [],
});

export const RELEASE_SUBJECT = 'slipway.evt.release.checkout.staging.par-host-1.succeeded';

export const releaseMessage = (sequence: number, id = `r${sequence}`): Outbound => ({
  subject: RELEASE_SUBJECT,
  id,
  body: JSON.stringify(releaseEvent(sequence)),
});

/** Numbers from a to b, both included. */
export const range = (a: number, b: number): number[] => Array.from({ length: b - a + 1 }, (_, i) => a + i);

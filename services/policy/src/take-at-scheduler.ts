import { SlipwayError } from '@slipway/core';

/** How long the scheduler has to take what a person withdrew or forbade. */
export const TAKE_TIMEOUT_MS = 5_000;

/**
 * What a person forbids is acknowledged only once the scheduler has taken it, so that nothing starts afterwards (I2, I11). When it does not answer
 * the person is told that the word stands, and is not in force yet.
 */
export async function untilTaken(ask: Promise<unknown>, { code, what }: { code: string; what: string }): Promise<void> {
  try {
    await ask;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
    const message = `${what} is recorded, but the scheduler does not answer: it takes effect as soon as the scheduler is back, until then a job may still begin`;
    throw new SlipwayError({ code, kind: 'unavailable', message }, { cause: error });
  }
}

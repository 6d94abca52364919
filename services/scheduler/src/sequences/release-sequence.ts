import type { Sequence, SlotName } from '@slipway/core';

/** The jobs by which a release comes to its target, where one `deploy` is not enough. */
export interface ReleaseSequence extends Sequence {
  /** The rollout whose obligations bind its jobs. */
  obligedBy: string;
  /** What the slot has that served before, until it is retired. */
  kept?: { slot: SlotName; releaseId: string };
  /** A person said that it goes no further here. */
  stopped?: string;
  /** It is taken back only because a newer version comes: nothing was wrong with it. */
  superseded?: boolean;
}

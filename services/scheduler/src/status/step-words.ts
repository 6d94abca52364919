import type { JobRow } from '../tables.js';

type Step = Pick<JobRow, 'kind' | 'weight' | 'slot' | 'held' | 'heldBecause' | 'rollback'>;

/** What a job of a sequence does at its target, in a few words; undefined for jobs of no sequence. */
export function doingOf(job: Step): string | undefined {
  const { kind, weight, slot } = job;
  if (weight === undefined) return undefined;
  if (job.held === 'hold' && job.heldBecause !== undefined) return job.heldBecause;
  switch (kind) {
    case 'deploy':
      return slot === undefined ? 'comes beside what runs' : `fills slot ${slot}`;
    case 'shift':
      return weight === 0 ? 'shifts back to 0 %' : `shifts to ${weight} %`;
    case 'switch':
      return job.rollback ? `switches back to slot ${slot}` : `switches to slot ${slot}`;
    case 'retire':
      return `retires slot ${slot}`;
    case 'verify':
      return slot === undefined ? `measures at ${weight} %` : weight === 0 ? `previews slot ${slot}` : `measures slot ${slot}`;
  }
}

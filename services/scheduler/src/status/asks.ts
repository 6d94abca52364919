import type { JobRow, RolloutRow } from '../tables.js';

/** The wave that a person is to let begin now, by its index; undefined when there is none. */
export function asksForApproval(row: RolloutRow): number | undefined {
  if (row.finishedAt !== undefined || row.ending || row.promoted !== undefined) return undefined;
  const { waves } = row.plan;
  if (row.state === 'pending') return waves[0]?.approve && row.because !== undefined ? 0 : undefined;
  const asked = row.state === 'running' && row.waveDoneAt !== undefined && row.wakeAt === undefined;
  return asked && waves[row.wave + 1]?.approve ? row.wave + 1 : undefined;
}

/** Somebody has said yes to what the job asks; its agent has not gone on yet. */
export function isConfirmed({ asked, confirmation }: Pick<JobRow, 'asked' | 'confirmation'>): boolean {
  return asked?.question !== undefined && confirmation?.question === asked.question;
}

/** Says yes to what the job asks; undefined when nothing is asked, or only the executor's own system can be answered, or someone has said it. */
export function confirmCommand(job: Pick<JobRow, 'id' | 'asked' | 'confirmation'>): string | undefined {
  if (job.asked?.question === undefined || isConfirmed(job)) return undefined;
  return `slipway confirm ${job.id} --question ${job.asked.question}`;
}

/** What is known of a rollout's members. */
export interface Stands {
  /** Jobs of which a person must say what became of them. */
  uncertain?: readonly string[];
  /** A version holds half way at a target. */
  holds?: boolean;
}

/** What a person can do for a rollout that goes no further by itself: commands, exactly as they are typed. */
export function asksOf(row: RolloutRow, { uncertain = [], holds = false }: Stands = {}): string[] {
  if (row.finishedAt !== undefined) return [];
  const where = `${row.deployment} -e ${row.environment} -v ${row.version}`;
  const asks = uncertain.map((job) => `slipway resolve ${job} --as succeeded|failed --reason <text>`);
  if (row.ending) return asks;
  if (row.state === 'paused' && uncertain.length === 0) asks.push(`slipway resume ${where}`);
  if (row.state === 'halted') {
    if (row.members.includes('f')) asks.push(`slipway retry ${where}`);
    asks.push(`slipway resume ${where}`);
    if (/[sf]/.test(row.members)) asks.push(`slipway rollback ${where}`);
    else asks.push(`slipway abort ${where}`);
  }
  const next = row.wave < row.plan.waves.length - 1;
  const waits = row.waveDoneAt !== undefined || (row.because !== undefined && !/[jvb]/.test(row.members));
  if (row.state === 'running' && (holds || (next && waits && row.promoted === undefined))) asks.push(`slipway promote ${where}`);
  if (asksForApproval(row) === 0) asks.push(`slipway promote ${where}`, `slipway abort ${where}`);
  return asks;
}

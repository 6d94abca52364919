import type { RolloutRow } from '../tables.js';

/** What a person can do for a rollout that goes no further by itself: commands, exactly as they are typed. */
export function asksOf(row: RolloutRow, uncertain: readonly string[] = []): string[] {
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
  if (row.state === 'running' && next && row.waveDoneAt !== undefined && row.promoted === undefined) asks.push(`slipway promote ${where}`);
  return asks;
}

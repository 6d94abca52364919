import { jobTable, slotTable, type JobRow, type Slot, type SlotRow } from '../tables.js';
import type { Work } from '../work.js';

/** How many earlier jobs of other places are asked whether a free slot is theirs; the order among those behind them is looked at later. */
const EARLIER_MAX = 500;
/** Jobs of unknown outcome that are named in one reason. */
const NAMED_MAX = 3;

type Queued = Pick<JobRow, 'id' | 'queuedAt' | 'slots'>;
type Holders = Map<string, Set<string>>;

/**
 * Give these jobs the slots of the limits that they count against, first come first served among all that wait for one of them, also at other
 * places. Gives those that must wait, each with the limit that is reached: `1 at a time per environment production (policy calm)`.
 */
export async function takeSlots(work: Work, jobs: readonly JobRow[]): Promise<Map<JobRow, string>> {
  const waiting = new Map<JobRow, string>();
  if (jobs.length === 0) return waiting;
  const keys = [...new Set(jobs.flatMap((row) => row.slots.map((slot) => slot.key)))].sort();
  await work.tx.lock(...keys.map((key) => `slot:${key}`));
  const earlier = await earlierElsewhere(work, jobs, new Set(keys));
  const holders = await holdersOf(work, [...new Set([...keys, ...earlier.flatMap((row) => row.slots.map((slot) => slot.key))])]);
  const kept = new Map([...holders].map(([key, ids]) => [key, [...ids]]));
  const own = new Map(jobs.map((row) => [row.id, row]));
  const granted: SlotRow[] = [];
  const full = new Map<JobRow, Slot>();
  for (const next of [...jobs, ...earlier].sort((a, b) => a.queuedAt - b.queuedAt || (a.id < b.id ? -1 : 1))) {
    const row = own.get(next.id);
    const reached = next.slots.find(({ key, max }) => !holders.get(key)?.has(next.id) && (holders.get(key)?.size ?? 0) >= max);
    if (reached) {
      if (row) full.set(row, reached);
      continue;
    }
    for (const { key } of next.slots) holders.get(key)?.add(next.id);
    if (row) granted.push(...row.slots.map(({ key }) => ({ key, jobId: row.id })));
    // Its place is not ours to change: it is looked at as soon as this is committed.
    else work.more = true;
  }
  if (granted.length > 0) await work.tx.insert(slotTable, granted);
  const unknown = await unknownAmong(work, new Set([...full.values()].flatMap(({ key }) => kept.get(key) ?? [])));
  for (const [row, slot] of full) waiting.set(row, `${limitOf(slot)}${keptBy(kept.get(slot.key) ?? [], unknown)}`);
  return waiting;
}

/**
 * Jobs that had been offered and are put aside now: what they wait for may never come, and others must not wait with them. They take their slots
 * anew when they go on.
 */
export async function giveSlotsBack(work: Work, rows: readonly JobRow[]): Promise<void> {
  if (rows.length === 0) return;
  await work.tx.remove(slotTable, { jobId: rows.map((row) => row.id) });
  work.more = true;
}

/** Jobs that wait for one of these slots since before the last of ours. */
async function earlierElsewhere(work: Work, jobs: readonly JobRow[], keys: ReadonlySet<string>): Promise<Queued[]> {
  const until = Math.max(...jobs.map((row) => row.queuedAt));
  const found = await work.tx.find(
    jobTable,
    { held: 'concurrency', queuedAt: { lte: until } },
    { only: ['id', 'queuedAt', 'slots'], orderBy: { queuedAt: 'asc' }, limit: EARLIER_MAX + jobs.length },
  );
  const ours = new Set(jobs.map((row) => row.id));
  const stillWaits = (row: Queued): boolean => (work.jobs.get(row)?.held ?? 'concurrency') === 'concurrency';
  return found.filter((row) => !ours.has(row.id) && stillWaits(row) && row.slots.some(({ key }) => keys.has(key)));
}

async function holdersOf(work: Work, keys: readonly string[]): Promise<Holders> {
  const holders: Holders = new Map(keys.map((key) => [key, new Set<string>()]));
  for (const slot of await work.tx.find(slotTable, { key: [...keys] })) holders.get(slot.key)?.add(slot.jobId);
  return holders;
}

async function unknownAmong(work: Work, ids: ReadonlySet<string>): Promise<Map<string, Pick<JobRow, 'id' | 'deployment' | 'resource'>>> {
  if (ids.size === 0) return new Map();
  const rows = await work.tx.find(jobTable, { id: [...ids], state: 'unknown' }, { only: ['id', 'deployment', 'resource'] });
  return new Map(rows.map((row) => [row.id, row]));
}

/** `1 at a time per environment production (policy calm)`. */
function limitOf({ key, max }: Slot): string {
  const [policy = '', per = '', ...of] = key.split('/');
  return `${max} at a time per ${per === 'key' ? 'resource group' : per} ${of.join('/')} (policy ${policy})`;
}

/** Nothing frees a limit that only jobs of unknown outcome fill, but a person's word on one of them: that is what it really waits for. */
function keptBy(holders: readonly string[], unknown: ReadonlyMap<string, Pick<JobRow, 'id' | 'deployment' | 'resource'>>): string {
  if (holders.length === 0 || !holders.every((id) => unknown.has(id))) return '';
  const named = holders.slice(0, NAMED_MAX).map((id) => `${id} (${unknown.get(id)?.deployment} on ${unknown.get(id)?.resource})`);
  const more = holders.length > NAMED_MAX ? ` and ${holders.length - NAMED_MAX} more` : '';
  const [first] = holders;
  return `, kept by ${holders.length === 1 ? 'job' : 'jobs'} ${named.join(', ')}${more}, of which nobody knows what became; say so with \`slipway resolve ${first} --as succeeded|failed --reason <text>\``;
}

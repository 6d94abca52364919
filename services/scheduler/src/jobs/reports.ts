import { agentOf } from '@slipway/contracts';
import { missesReports, SlipwayError, type ErrorShape, type JobReport } from '@slipway/core';
import type { Inbound, Settlement } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import type { JobRow } from '../tables.js';
import type { Work } from '../work.js';
import type { World } from '../world.js';
import { placesOf } from './desk.js';
import { stepJob } from './step-job.js';

/** A report may overtake what made its job known here, or an earlier report; after so many deliveries it is taken as it is. */
const OVERTAKEN_TRIES = 5;
const OVERTAKEN_MS = 500;
/** A report that a verdict needs may have been lost on its way and comes again only after the consumer's whole time to acknowledge (30 s): wait longer than that. */
const GAP_TRIES = 30;
const GAP_MS_MAX = 10_000;

/**
 * Take a batch of what agents said, in order, in one transaction. No inbox: `epoch` and `n` of each report say whether it is new (I3), and a
 * measurement is known by its index, so a repeat changes nothing.
 */
export async function takeReports(world: World, batch: readonly Inbound[]): Promise<ReadonlyMap<string, Settlement>> {
  const settlements = new Map<string, Settlement>();
  const reports = batch.map((message) => ({
    message,
    agent: agentOf(message.subject),
    id: message.subject.split('.')[4] ?? '',
    report: message.body as JobReport,
  }));
  const ids = reports.map(({ id }) => id);
  const takeAll = async (work: Work): Promise<void> => {
    settlements.clear();
    for (const { message, agent, id, report } of reports) {
      const row = work.jobs.get({ id });
      const settlement = row ? take(work, row, agent, report, message) : unknownJob(id, message);
      if (settlement) settlements.set(message.id, settlement);
    }
  };
  await inPlaces(world, await placesOf(world, ids), takeAll, ids);
  for (const [id, settlement] of settlements)
    if (settlement.kind === 'deadLetter') world.log.warn('a report was refused', { id, ...settlement.error });
  return settlements;
}

function take(work: Work, row: JobRow, agent: string, report: JobReport, message: Inbound): Settlement | undefined {
  if (row.agent !== agent && report.epoch >= row.epoch)
    return refused({
      code: 'scheduler.report.forbidden',
      kind: 'forbidden',
      message: `Agent ${agent} reported ${report.verb} of job ${row.id}, which ${row.agent === undefined ? 'nobody holds' : `agent ${row.agent} holds`}`,
    });
  // The verdict is made of measurements: those that are still on their way are waited for, and nothing later is taken before them.
  if (row.kind === 'verify' && missesReports(row, report) && message.attempt <= GAP_TRIES)
    return { kind: 'nak', delayMs: Math.min(GAP_MS_MAX, OVERTAKEN_MS * 2 ** (message.attempt - 1)) };
  stepJob(work, row, { type: 'report', agent, report });
  return undefined;
}

function unknownJob(id: string, message: Inbound): Settlement {
  if (message.attempt < OVERTAKEN_TRIES) return { kind: 'nak', delayMs: OVERTAKEN_MS };
  return refused({ code: 'scheduler.job.missing', kind: 'missing', message: `A report on ${message.subject}: there is no job ${id}` });
}

const refused = (shape: ErrorShape): Settlement => ({ kind: 'deadLetter', error: new SlipwayError(shape).toShape() });

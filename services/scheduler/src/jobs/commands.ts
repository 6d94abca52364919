import type { ParsedRequestOf } from '@slipway/contracts';
import { isOver, refuseConfirm, SlipwayError, type ConfirmRefusal } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import { sayCommand } from '../rollouts/command-events.js';
import { spoken } from '../rollouts/commands.js';
import { settle } from '../settle.js';
import { confirmCommand, isConfirmed } from '../status/asks.js';
import type { JobRow } from '../tables.js';
import { placeKey, type Work } from '../work.js';
import type { World } from '../world.js';
import { placesOf } from './desk.js';
import { stepJob } from './step-job.js';

/** What people say to a job. */
export class JobCommands {
  constructor(private readonly world: World) {}

  /** The executor is told to stop by the next renewal; when nobody confirms in time the job is `unknown`. */
  cancel(command: ParsedRequestOf<'scheduler.cancel'>, caller: Caller): Promise<{ done: string }> {
    return this.withJob(command.job, 'Cancelling', async (work, row) => {
      if (isOver(row)) throw conflict(`Cancelling job ${row.id}: it has ended already: ${row.state}.`);
      stepJob(work, row, { type: 'cancel', because: spoken('cancelled', command, caller) });
      await settle(work);
      const done = isOver(row)
        ? `job ${row.id} is ${row.state}`
        : `job ${row.id} is asked to stop; agent ${row.agent} will say when it has`;
      return said(work, row, caller, { verb: 'cancelled', done, ...command });
    });
  }

  /** A person's yes to what a run asks; the next renewal tells the agent. No is `cancel`. */
  confirm({ job, question, reason }: ParsedRequestOf<'scheduler.confirm'>, caller: Caller): Promise<{ done: string }> {
    return this.withJob(job, 'Confirming', async (work, row) => {
      const refusal = refuseConfirm(row, question);
      if (refusal) throw new SlipwayError({ ...refused(row, refusal), kind: 'conflict' });
      if (isConfirmed(row)) return `job ${row.id} was confirmed by ${row.confirmation?.by} already`;
      const why = reason === undefined ? {} : { reason };
      stepJob(work, row, { type: 'confirm', question: row.asked?.question ?? '', by: caller.name, ...why });
      await settle(work);
      const done = `job ${row.id} is confirmed (${row.asked?.message}); agent ${row.agent} goes on`;
      return said(work, row, caller, { verb: 'confirmed', done, reason });
    });
  }

  /** A person's word on what nobody else can know: a job of unknown outcome, or a verification without a verdict. */
  resolve(command: ParsedRequestOf<'scheduler.resolve'>, caller: Caller): Promise<{ done: string }> {
    return this.withJob(command.job, 'Resolving', async (work, row) => {
      const undecided =
        row.kind === 'verify' && row.finishedAt !== undefined && (row.verdict === 'inconclusive' || row.verdict === 'error');
      if (undecided) {
        work.jobs.change(row, {
          verdict: command.as === 'succeeded' ? 'passed' : 'failed',
          verdictSentence: `${caller.name} says so: ${command.reason}`,
          occupies: false,
        });
        work.ended.push({ row, withdrawn: false });
      } else if (row.state === 'unknown') stepJob(work, row, { type: 'resolve', as: command.as, by: `${caller.name} (${command.reason})` });
      else
        throw conflict(
          `Resolving job ${row.id}: it is ${row.state}; only a job of unknown outcome, or a verification without a verdict, waits for a person's word.`,
        );
      work.replan.set(placeKey(row), row);
      await settle(work);
      return said(work, row, caller, { verb: 'resolved', done: `job ${row.id} counts as ${command.as}`, ...command });
    });
  }

  private async withJob(id: string, attempted: string, body: (work: Work, row: JobRow) => Promise<string>): Promise<{ done: string }> {
    const places = await placesOf(this.world, [id]);
    if (places.length === 0)
      throw new SlipwayError({
        code: 'scheduler.job.missing',
        kind: 'missing',
        message: `${attempted}: there is no job ${id}. \`slipway status\` and \`slipway watch\` show the ids of jobs.`,
      });
    return inPlaces(this.world, places, async (work) => {
      const [row] = await work.loadJobs([id]);
      return { done: await body(work, row as JobRow) };
    });
  }
}

function said(
  work: Work,
  row: JobRow,
  caller: Caller,
  { verb, done, reason }: { verb: 'cancelled' | 'confirmed' | 'resolved'; done: string; reason?: string | undefined },
): string {
  const { id: job, version, resource } = row;
  sayCommand(work, caller, row, { verb, version, done, job, resources: [resource], ...(reason === undefined ? {} : { reason }) });
  return done;
}

function refused(row: JobRow, { code, because }: ConfirmRefusal): { code: string; message: string } {
  const instead = code === 'job.confirm.otherQuestion' ? ` If that is right too: \`${confirmCommand(row)}\`.` : '';
  return { code: `scheduler.${code}`, message: `Confirming job ${row.id}: ${because}.${instead}` };
}

const conflict = (message: string): SlipwayError => new SlipwayError({ code: 'scheduler.job.conflict', kind: 'conflict', message });

import type { ParsedRequestOf } from '@slipway/contracts';
import { SlipwayError, type RolloutEvent } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import { settle } from '../settle.js';
import type { RolloutRow } from '../tables.js';
import type { World } from '../world.js';
import { openRollouts } from './find-rollout.js';

type Command = ParsedRequestOf<'scheduler.pause'>;

/** What people say to a rollout. Each is answered once it has been taken: nothing that it stops begins afterwards. */
export class RolloutCommands {
  constructor(private readonly world: World) {}

  pause(command: Command, caller: Caller): Promise<{ done: string }> {
    return this.tell(command, 'Pausing', { type: 'pause', because: spoken('paused', command, caller) }, (row) =>
      row.state === 'running' && !row.ending ? undefined : `it is ${stateOf(row)}; only a running rollout can be paused`,
    );
  }

  resume(command: Command, _: Caller): Promise<{ done: string }> {
    return this.tell(command, 'Resuming', { type: 'resume' }, (row) =>
      (row.state === 'paused' || row.state === 'halted') && !row.ending
        ? undefined
        : `it is ${stateOf(row)}; only a paused or halted rollout can be resumed`,
    );
  }

  promote(command: ParsedRequestOf<'scheduler.promote'>, _: Caller): Promise<{ done: string }> {
    return this.tell(command, 'Promoting', { type: 'promote', all: command.all }, (row) =>
      row.state === 'halted' || row.ending ? `it is ${stateOf(row)}; resume it first` : undefined,
    );
  }

  abort(command: Command, caller: Caller): Promise<{ done: string }> {
    return this.tell(command, 'Aborting', { type: 'abort', because: spoken('aborted', command, caller) }, (row) =>
      row.ending ? `it is ${stateOf(row)}` : undefined,
    );
  }

  retryFailed(command: Command, _: Caller): Promise<{ done: string }> {
    return this.tell(command, 'Retrying the failed members', { type: 'retryFailed' }, (row) =>
      row.members.includes('f') && !row.ending ? undefined : row.ending ? `it is ${stateOf(row)}` : 'no member of it has failed',
    );
  }

  private async tell(
    command: Command,
    attempted: string,
    event: RolloutEvent,
    refuse: (row: RolloutRow) => string | undefined,
  ): Promise<{ done: string }> {
    return inPlaces(this.world, [command], async (work) => {
      const rows = await openRollouts(work, command, attempted);
      const refusals = rows.map((row) => refuse(row));
      const [first] = refusals;
      const { deployment, version, environment } = rows[0] as RolloutRow;
      if (first !== undefined && refusals.every((refusal) => refusal !== undefined))
        throw new SlipwayError({
          code: 'scheduler.rollout.conflict',
          kind: 'conflict',
          message: `${attempted} ${deployment} ${version} in ${environment}: ${first}.`,
        });
      for (const row of rows) work.rolloutEvents.push({ id: row.id, event });
      await settle(work);
      return { done: rows.map((row) => `${deployment} ${version} → ${environment} is ${stateOf(row)}`).join('; ') };
    });
  }
}

const stateOf = (row: RolloutRow): string =>
  row.ending
    ? `ending (${row.ending.state}): ${row.ending.because}`
    : row.because === undefined
      ? row.state
      : `${row.state}: ${row.because}`;

/** `paused by user:ada: the graphs look odd`. */
export function spoken(verb: string, command: { reason?: string | undefined }, caller: Caller): string {
  return command.reason === undefined ? `${verb} by ${caller.name}` : `${verb} by ${caller.name}: ${command.reason}`;
}

import type { CommandEvent, ParsedRequestOf } from '@slipway/contracts';
import { SlipwayError, waveNamed, type RolloutEvent } from '@slipway/core';
import { hasRole, type Caller } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import { settle } from '../settle.js';
import type { RolloutRow } from '../tables.js';
import type { Work } from '../work.js';
import type { World } from '../world.js';
import { sayCommand } from './command-events.js';
import { excludeMembers } from './exclude-members.js';
import { openRollouts } from './find-rollout.js';

type Command = ParsedRequestOf<'scheduler.pause'>;

interface Telling {
  /** `Pausing`. */
  attempted: string;
  verb: CommandEvent['verb'];
  event: RolloutEvent;
  /** Why it makes no sense for this rollout; the command fails when it makes sense for none. */
  refuse: (row: RolloutRow) => string | undefined;
}

/** What people say to a rollout. Each is answered once it has been taken: nothing that it stops begins afterwards. */
export class RolloutCommands {
  constructor(private readonly world: World) {}

  pause(command: Command, caller: Caller): Promise<{ done: string }> {
    const event = { type: 'pause', because: spoken('paused', command, caller) } as const;
    return this.tell(command, caller, {
      ...{ attempted: 'Pausing', verb: 'paused', event },
      refuse: (row) => (row.state === 'running' && !row.ending ? undefined : `it is ${stateOf(row)}; only a running rollout can be paused`),
    });
  }

  resume(command: Command, caller: Caller): Promise<{ done: string }> {
    return this.tell(command, caller, {
      ...{ attempted: 'Resuming', verb: 'resumed', event: { type: 'resume' } },
      refuse: (row) =>
        (row.state === 'paused' || row.state === 'halted') && !row.ending
          ? undefined
          : `it is ${stateOf(row)}; only a paused or halted rollout can be resumed`,
    });
  }

  /** Letting a wave begin that a person is to let begin is an approval, and needs that role. */
  promote(command: ParsedRequestOf<'scheduler.promote'>, caller: Caller): Promise<{ done: string }> {
    return this.tell(command, caller, {
      ...{ attempted: 'Promoting', verb: 'promoted', event: { type: 'promote', all: command.all } },
      refuse: (row) => {
        if (row.state === 'halted' || row.ending) return `it is ${stateOf(row)}; resume it first`;
        const wave = approvalPassed(row, command.all);
        if (wave !== undefined && !hasRole(caller, 'approver')) throw notYours(row, wave, caller);
        return undefined;
      },
    });
  }

  abort(command: Command, caller: Caller): Promise<{ done: string }> {
    const event = { type: 'abort', because: spoken('aborted', command, caller) } as const;
    return this.tell(command, caller, {
      ...{ attempted: 'Aborting', verb: 'aborted', event },
      refuse: (row) => (row.ending ? `it is ${stateOf(row)}` : undefined),
    });
  }

  retryFailed(command: Command, caller: Caller): Promise<{ done: string }> {
    return this.tell(command, caller, {
      ...{ attempted: 'Retrying the failed members', verb: 'retried', event: { type: 'retryFailed' } },
      refuse: (row) =>
        row.members.includes('f') && !row.ending ? undefined : row.ending ? `it is ${stateOf(row)}` : 'no member of it has failed',
    });
  }

  /** Targets that are to be left out; what has begun there is left as it is, so it is refused. */
  exclude(command: ParsedRequestOf<'scheduler.exclude'>, caller: Caller): Promise<{ done: string }> {
    return inPlaces(this.world, [command], async (work) => {
      const rows = await openRollouts(work, command, 'Excluding');
      const left = await excludeMembers(work, rows, command.resources, spoken('excluded', command, caller));
      const done = `${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} left out; ${standing(rows)}`;
      return this.answer(work, caller, command, { verb: 'excluded', rows, done, resources: left });
    });
  }

  private async tell(command: Command, caller: Caller, { attempted, verb, event, refuse }: Telling): Promise<{ done: string }> {
    return inPlaces(this.world, [command], async (work) => {
      const rows = await openRollouts(work, command, attempted);
      const told = rows.filter((row) => refuse(row) === undefined);
      const { deployment, version, environment } = rows[0] as RolloutRow;
      if (told.length === 0)
        throw new SlipwayError({
          code: 'scheduler.rollout.conflict',
          kind: 'conflict',
          message: `${attempted} ${deployment} ${version} in ${environment}: ${refuse(rows[0] as RolloutRow)}.`,
        });
      for (const row of told) work.rolloutEvents.push({ id: row.id, event });
      await settle(work);
      return this.answer(work, caller, command, { verb, rows: told, done: standing(told) });
    });
  }

  private answer(
    work: Work,
    caller: Caller,
    { reason }: Command,
    { verb, rows, done, resources }: Pick<CommandEvent, 'verb' | 'done' | 'resources'> & { rows: readonly RolloutRow[] },
  ): { done: string } {
    const [row] = rows as [RolloutRow];
    sayCommand(work, caller, row, {
      ...{ verb, version: row.version, done, rollouts: rows.map(({ id }) => id) },
      ...(reason === undefined ? {} : { reason }),
      ...(resources === undefined ? {} : { resources }),
    });
    return { done };
  }
}

/** The first wave that would begin without anybody's further word although a person is to let it begin. */
function approvalPassed({ plan, wave, state }: RolloutRow, all: boolean): string | undefined {
  const next = state === 'pending' ? wave : wave + 1;
  return plan.waves.slice(next, all ? undefined : next + 1).find(({ approve }) => approve)?.name;
}

function notYours({ deployment, environment, version }: RolloutRow, wave: string, caller: Caller): SlipwayError {
  return new SlipwayError({
    code: 'scheduler.promote.forbidden',
    kind: 'forbidden',
    message: `Promoting ${deployment} ${version} in ${environment}: ${waveNamed(wave)} waits to be approved, and ${caller.name} is ${caller.role}; an approver may let it begin.`,
  });
}

const standing = (rows: readonly RolloutRow[]): string =>
  rows.map((row) => `${row.deployment} ${row.version} → ${row.environment} is ${stateOf(row)}`).join('; ');

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

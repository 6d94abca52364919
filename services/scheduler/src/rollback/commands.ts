import type { ParsedRequestOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import { sayCommand } from '../rollouts/command-events.js';
import { spoken } from '../rollouts/commands.js';
import { checkEnvironment, checkPlace } from '../rollouts/find-rollout.js';
import { settle } from '../settle.js';
import { tellRelease } from '../releases/release-events.js';
import { jobTable, quarantineTable, targetTable, type JobRow, type RolloutRow, type TargetRow } from '../tables.js';
import { placeKey, type Place, type Work } from '../work.js';
import type { World } from '../world.js';
import { memberIs } from '../rollouts/tell-member.js';
import { stopHalfWay } from '../sequences/stop-half-way.js';
import { orderOf, takeBack, type TakeBack } from './roll-back.js';

type Rollback = ParsedRequestOf<'scheduler.rollback'>;
type RollbackHere = Rollback & Place;

/** Nothing to go back to, nothing there, or busy: of several deployments this concerns only the one. */
const OF_ONE_PLACE: readonly string[] = ['scheduler.rollback.none', 'scheduler.rollback.missing', 'scheduler.target.busy'];

/** Rollbacks and quarantine by hand. */
export class RollbackCommands {
  constructor(private readonly world: World) {}

  /** One target, a rollout with all that took its version, or, without a deployment, each deployment of the environment. */
  rollback(command: Rollback, caller: Caller): Promise<{ done: string }> {
    const { deployment } = command;
    return deployment === undefined ? this.environment(command, caller) : this.place({ ...command, deployment }, caller);
  }

  private async environment(command: Rollback, caller: Caller): Promise<{ done: string }> {
    const { environment } = command;
    checkEnvironment(await this.world.mirror.current(this.world.store), environment, 'Rolling back');
    const rows = await this.world.store.read((reader) => reader.find(targetTable, { environment }, { only: ['deployment'] }));
    const done: string[] = [];
    const left: string[] = [];
    for (const deployment of [...new Set(rows.map((row) => row.deployment))].sort()) {
      try {
        done.push(`${deployment}: ${(await this.place({ ...command, deployment }, caller)).done}`);
      } catch (error) {
        if (!(error instanceof SlipwayError) || !OF_ONE_PLACE.includes(error.code)) throw error;
        left.push(error.message);
      }
    }
    if (done.length > 0) return { done: [...done, ...left].join('\n') };
    throw new SlipwayError({
      code: 'scheduler.rollback.none',
      kind: 'conflict',
      message: left.length > 0 ? left.join('\n') : `Rolling back ${environment}: nothing was deployed there yet.`,
    });
  }

  private place(command: RollbackHere, caller: Caller): Promise<{ done: string }> {
    const because = spoken('rolled back', command, caller);
    return inPlaces(this.world, [command], async (work) => {
      checkPlace(work, command, 'Rolling back');
      const open = command.resource === undefined ? await this.openWith(work, command) : [];
      const { done, version, resources } =
        open.length > 0 ? await this.rollouts(work, open, because) : await this.targets(work, command, because);
      sayCommand(work, caller, command, {
        ...{ verb: 'rolledBack', version, done, resources, rollouts: open.map(({ id }) => id) },
        ...(command.reason === undefined ? {} : { reason: command.reason }),
      });
      return { done };
    });
  }

  /** The open rollouts of one version: the one named, else the newest. Of a renewal only what it changed goes back, so it is not mixed with others. */
  private async openWith(work: Work, { version, deployment, environment }: RollbackHere): Promise<RolloutRow[]> {
    const open = (await work.loadRolloutsOf({ deployment, environment }, { open: true }))
      .filter((row) => version === undefined || row.version === version)
      .sort((a, b) => b.versionSequence - a.versionSequence || b.createdAt - a.createdAt);
    const [newest] = open;
    return open.filter((row) => row.versionId === newest?.versionId && (row.renewal ?? false) === (newest.renewal ?? false));
  }

  /** Every member that took the version goes back, and every other target that took it by a rollout that is over. */
  private async rollouts(work: Work, open: readonly RolloutRow[], because: string): Promise<Outcome> {
    const [{ deployment, environment, version, versionId, renewal }] = open as [RolloutRow];
    for (const row of open) work.rolloutEvents.push({ id: row.id, event: { type: 'rollback', because } });
    await settle(work);
    const state = open.map((row) => (row.ending ? 'running jobs end first' : row.state)).join(', ');
    const done = `${deployment} ${version} is taken back from ${environment}: ${state}`;
    const resources = open.flatMap((row) => row.plan.members);
    if (renewal) return { done, version, resources };
    const members = new Set(resources);
    const others = (await work.tx.find(targetTable, { deployment, environment, versionId })).filter((row) => !members.has(row.resource));
    const busy = await busyAt(work, { deployment, environment }, others);
    const free = work.targets.loaded(others).filter((row) => !busy.some((job) => job.resource === row.resource));
    if (free.length === 0) return { done, version, resources };
    const { back, none } = await this.goBack(work, { deployment, environment }, newestFirst(free), because);
    return {
      done: `${done}; ${outcomeOf(back, none, free.length)}`,
      version,
      resources: [...resources, ...free.map((row) => row.resource)],
    };
  }

  private async targets(work: Work, command: RollbackHere, because: string): Promise<Outcome> {
    const { deployment, environment, resource, version } = command;
    if (resource !== undefined) {
      const [half] = await stopHalfWay(work, command, { resources: [resource], version }, because);
      if (half) {
        const done = `${half.version} goes no further at ${resource} and is taken back from there; it keeps what it runs`;
        return { done, version: half.version, resources: [resource] };
      }
    }
    const rows = await this.runningTargets(work, command);
    await this.refuseBusy(work, command, rows);
    const { back, none } = await this.goBack(work, { deployment, environment }, rows, because);
    if (back.length === 0)
      throw new SlipwayError({
        code: 'scheduler.rollback.none',
        kind: 'conflict',
        message: `Rolling back ${deployment} in ${environment}: ${none.map((one) => `${one.resource}: ${one.because}`).join('; ')}.`,
      });
    return {
      done: outcomeOf(back, none, rows.length),
      version: rows[0]?.version as string,
      resources: rows.map((row) => row.resource),
    };
  }

  private async goBack(work: Work, place: Place, rows: readonly TargetRow[], because: string): ReturnType<typeof takeBack> {
    const rollouts = await work.loadRolloutsOf(place, { versions: [...new Set(rows.map((row) => row.versionId as string))] });
    const orders: TakeBack[] = rows.map((row) => orderOf(work, row, rollouts, because));
    for (const { rolloutId, ordinal } of orders)
      memberIs(work, { ...(rolloutId === undefined ? {} : { rolloutId }), ...(ordinal === undefined ? {} : { ordinal }) }, 'b', because);
    await settle(work);
    return takeBack(work, place, orders, true);
  }

  /** The targets meant: one, or all that run the version; without a version the newest that runs there. Newest deployment first. */
  private async runningTargets(work: Work, { deployment, environment, resource, version }: RollbackHere): Promise<TargetRow[]> {
    const all = await work.tx.find(targetTable, { deployment, environment, ...(resource === undefined ? {} : { resource }) });
    const running = work.targets.loaded(all).filter((row) => row.versionId !== undefined);
    const newest = running.reduce<TargetRow | undefined>(
      (a, b) => (a && (a.versionSequence ?? 0) >= (b.versionSequence ?? 0) ? a : b),
      undefined,
    );
    const wanted = version ?? newest?.version;
    const found = newestFirst(running.filter((row) => row.version === wanted));
    if (found.length > 0) return found;
    const where = resource ?? environment;
    const runs = [...new Set(running.map((row) => row.version))].join(', ');
    throw new SlipwayError({
      code: 'scheduler.rollback.missing',
      kind: 'missing',
      message: `Rolling back ${deployment}${version === undefined ? '' : ` ${version}`} at ${where}: ${runs ? `it runs ${runs} there` : 'nothing was deployed there yet'}.`,
    });
  }

  private async refuseBusy(work: Work, place: Place, rows: readonly TargetRow[]): Promise<void> {
    const { deployment, environment } = place;
    const busy = await busyAt(work, place, rows);
    if (busy.length === 0) return;
    throw new SlipwayError({
      code: 'scheduler.target.busy',
      kind: 'conflict',
      message: `Rolling back ${deployment} in ${environment}: ${busy
        .slice(0, BUSY_NAMED_MAX)
        .map((job) => `${job.resource} has a ${job.kind} job that is ${job.state} (${job.id})`)
        .join('; ')}. Wait for it, cancel it or resolve it first.`,
    });
  }

  releaseQuarantine(command: ParsedRequestOf<'scheduler.releaseQuarantine'>, caller: Caller): Promise<{ done: string }> {
    const { deployment, environment, version, resource } = command;
    const place = { deployment, environment };
    return inPlaces(this.world, [command], async (work) => {
      checkPlace(work, command, 'Releasing a quarantine');
      const rows = await work.quarantinesOf(place);
      const released = rows.filter((row) => row.version === version && (resource === undefined || row.resource === resource));
      if (released.length === 0) {
        const there = [...new Set(rows.map((row) => `${row.version} at ${row.resource}`))].join(', ');
        throw new SlipwayError({
          code: 'scheduler.quarantine.missing',
          kind: 'missing',
          message: `Releasing ${deployment} ${version} in ${environment}: it is not quarantined there. ${there ? `Quarantined: ${there}` : 'Nothing is'}.`,
        });
      }
      await work.tx.remove(quarantineTable, { ...place, version, resource: released.map((row) => row.resource) });
      await work.loadTargets(
        place,
        released.map((row) => row.resource),
      );
      rows.splice(0, rows.length, ...rows.filter((row) => !released.includes(row)));
      for (const row of released)
        tellRelease(work, row, 'quarantineReleased', { state: 'rolledBack', verified: false }, rows, spoken('released', command, caller));
      work.replan.set(placeKey(place), place);
      const resources = released.map((row) => row.resource);
      const done = `${deployment} ${version} may go to ${resources.join(', ')} again, when its policies allow it`;
      const { reason } = command;
      sayCommand(work, caller, place, {
        verb: 'quarantineReleased',
        version,
        done,
        resources,
        ...(reason === undefined ? {} : { reason }),
      });
      return { done };
    });
  }
}

interface Outcome {
  done: string;
  version: string;
  resources: string[];
}

/** Jobs in the way that are named in a refusal. */
const BUSY_NAMED_MAX = 5;

function busyAt(work: Work, { deployment, environment }: Place, rows: readonly TargetRow[]): Promise<JobRow[]> {
  return work.tx.find(
    jobTable,
    { deployment, environment, resource: rows.map((row) => row.resource), occupies: true },
    { only: ['id', 'resource', 'state', 'kind'] },
  );
}

const newestFirst = (rows: readonly TargetRow[]): TargetRow[] => [...rows].sort((a, b) => (b.since ?? 0) - (a.since ?? 0));

function outcomeOf(back: readonly JobRow[], none: readonly { resource: string; because: string }[], of: number): string {
  const stays = none.length > 0 ? `; ${none.length} stay: ${none.map((one) => `${one.resource} (${one.because})`).join(', ')}` : '';
  return `${back.length} of ${of} go back: ${back.map((job) => `${job.resource} to ${job.version}`).join(', ')}${stays}`;
}

import type { ParsedRequestOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Caller } from '@slipway/messaging';
import { inPlaces } from '../in-places.js';
import { spoken } from '../rollouts/commands.js';
import { checkPlace } from '../rollouts/find-rollout.js';
import { settle } from '../settle.js';
import { tellRelease } from '../releases/release-events.js';
import { jobTable, quarantineTable, targetTable, type RolloutRow, type TargetRow } from '../tables.js';
import { placeKey, type Place, type Work } from '../work.js';
import type { World } from '../world.js';
import { memberIs } from '../rollouts/tell-member.js';
import { stopHalfWay } from '../sequences/stop-half-way.js';
import { orderOf, takeBack, type TakeBack } from './roll-back.js';

type Rollback = ParsedRequestOf<'scheduler.rollback'>;

/** Rollbacks and quarantine by hand. */
export class RollbackCommands {
  constructor(private readonly world: World) {}

  rollback(command: Rollback, caller: Caller): Promise<{ done: string }> {
    const because = spoken('rolled back', command, caller);
    return inPlaces(this.world, [command], async (work) => {
      checkPlace(work, command, 'Rolling back');
      const open = command.resource === undefined ? await this.openWith(work, command) : undefined;
      if (!open) return this.targets(work, command, because);
      work.rolloutEvents.push({ id: open.id, event: { type: 'rollback', because } });
      await settle(work);
      return {
        done: `${open.deployment} ${open.version} is taken back from ${open.environment}: ${open.ending ? 'running jobs end first' : open.state}`,
      };
    });
  }

  private async openWith(work: Work, { version, ...place }: Rollback): Promise<RolloutRow | undefined> {
    const open = (await work.loadRolloutsOf(place, { open: true })).filter((row) => version === undefined || row.version === version);
    return open.sort((a, b) => b.versionSequence - a.versionSequence || b.createdAt - a.createdAt)[0];
  }

  private async targets(work: Work, command: Rollback, because: string): Promise<{ done: string }> {
    const { deployment, environment, resource, version } = command;
    if (resource !== undefined) {
      const [half] = await stopHalfWay(work, command, { resource, version }, because);
      if (half) return { done: `${half.version} goes no further at ${resource} and is taken back from there; it keeps what it runs` };
    }
    const rows = await this.runningTargets(work, command);
    await this.refuseBusy(work, command, rows);
    const rollouts = await work.loadRolloutsOf(
      { deployment, environment },
      { versions: [...new Set(rows.map((row) => row.versionId as string))] },
    );
    const orders: TakeBack[] = rows.map((row) => orderOf(work, row, rollouts, because));
    for (const { rolloutId, ordinal } of orders)
      memberIs(work, { ...(rolloutId === undefined ? {} : { rolloutId }), ...(ordinal === undefined ? {} : { ordinal }) }, 'b', because);
    await settle(work);
    const { back, none } = await takeBack(work, { deployment, environment }, orders, true);
    if (back.length === 0)
      throw new SlipwayError({
        code: 'scheduler.rollback.none',
        kind: 'conflict',
        message: `Rolling back ${deployment} in ${environment}: ${none.map((one) => `${one.resource}: ${one.because}`).join('; ')}.`,
      });
    const stays = none.length > 0 ? `; ${none.length} stay: ${none.map((one) => `${one.resource} (${one.because})`).join(', ')}` : '';
    return {
      done: `${back.length} of ${rows.length} go back: ${back.map((job) => `${job.resource} to ${job.version}`).join(', ')}${stays}`,
    };
  }

  /** The targets meant: one, or all that run the version; without a version the newest that runs there. Newest deployment first. */
  private async runningTargets(work: Work, { deployment, environment, resource, version }: Rollback): Promise<TargetRow[]> {
    const all = await work.tx.find(targetTable, { deployment, environment, ...(resource === undefined ? {} : { resource }) });
    const running = work.targets.loaded(all).filter((row) => row.versionId !== undefined);
    const newest = running.reduce<TargetRow | undefined>(
      (a, b) => (a && (a.versionSequence ?? 0) >= (b.versionSequence ?? 0) ? a : b),
      undefined,
    );
    const wanted = version ?? newest?.version;
    const found = running.filter((row) => row.version === wanted).sort((a, b) => (b.since ?? 0) - (a.since ?? 0));
    if (found.length > 0) return found;
    const where = resource ?? environment;
    const runs = [...new Set(running.map((row) => row.version))].join(', ');
    throw new SlipwayError({
      code: 'scheduler.rollback.missing',
      kind: 'missing',
      message: `Rolling back ${deployment}${version === undefined ? '' : ` ${version}`} at ${where}: ${runs ? `it runs ${runs} there` : 'nothing was deployed there yet'}.`,
    });
  }

  private async refuseBusy(work: Work, { deployment, environment }: Place, rows: readonly TargetRow[]): Promise<void> {
    const busy = await work.tx.find(
      jobTable,
      { deployment, environment, resource: rows.map((row) => row.resource), occupies: true },
      { only: ['id', 'resource', 'state', 'kind'], limit: 5 },
    );
    if (busy.length === 0) return;
    throw new SlipwayError({
      code: 'scheduler.target.busy',
      kind: 'conflict',
      message: `Rolling back ${deployment} in ${environment}: ${busy.map((job) => `${job.resource} has a ${job.kind} job that is ${job.state} (${job.id})`).join('; ')}. Wait for it, cancel it or resolve it first.`,
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
      return {
        done: `${deployment} ${version} may go to ${released.map((row) => row.resource).join(', ')} again, when its policies allow it`,
      };
    });
  }
}

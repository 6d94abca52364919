import type { InboxItem, OperationName, RequestOf } from '@slipway/contracts';
import type { World } from './world.js';

type Ask = <N extends OperationName>(operation: N, request: RequestOf<N>, tries?: number) => Promise<unknown>;
type Place = { deployment: string; environment: string };

/** What somebody asked of the rollouts of a place; what is asked may take effect although the answer never comes. */
export interface Asked extends Place {
  what: 'promote' | 'retry';
  at: number;
}

/** People who run rollouts: they pause, promote, exclude, retry, roll back each scope, cancel, reject, and look through the inbox. */
export class Operators {
  readonly asked: Asked[] = [];

  constructor(
    private readonly world: World,
    private readonly ask: Ask,
  ) {}

  /** One command, drawn. */
  async command(): Promise<void> {
    const { random, scenario } = this.world;
    const place = { deployment: random.pick(scenario.deployments), environment: random.pick(['staging', 'production']) };
    const act = random.pick([
      () => this.pauseFor(place),
      () => this.promote({ ...place, all: random.chance(0.3) }),
      () => this.ask('scheduler.abort', { ...place, reason: 'to see' }, 1),
      () => this.retry(place),
      () => this.exclude(place),
      () => this.ask('scheduler.rollback', { ...place, reason: 'to see' }, 1),
      () => this.ask('scheduler.rollback', { ...place, resource: this.host(place), reason: 'to see' }, 1),
      () => this.ask('scheduler.rollback', { environment: place.environment, reason: 'to see' }, 1),
      () => this.cancelJob(place),
      () => this.rejectFor(place.deployment),
      () => this.releaseQuarantine(place),
    ]);
    await act();
  }

  /** Look through what waits, oldest first, and do something about some of it. */
  async readInbox(): Promise<void> {
    const { random } = this.world;
    const found = (await this.ask('scheduler.inbox', {}, 1)) as { items: InboxItem[] } | undefined;
    for (const item of found?.items ?? []) if (random.chance(0.6)) await this.deal(item);
  }

  private async deal(item: InboxItem): Promise<unknown> {
    const { random } = this.world;
    const place = { deployment: item.deployment, environment: item.environment };
    switch (item.kind) {
      case 'waveApproval':
        return this.promote({ ...place, all: false, version: item.version });
      case 'paused':
        return this.ask('scheduler.resume', place, 1);
      case 'halted': {
        if (item.rollout === undefined) return this.ask('scheduler.rollback', { ...place, resource: item.resource, reason: 'inbox' }, 1);
        if (random.chance(0.3)) return this.retry(place);
        return this.ask(random.pick(['scheduler.resume', 'scheduler.abort', 'scheduler.rollback'] as const), place, 1);
      }
      case 'unknown':
        return this.resolve(item.job ?? '', this.truthOf(item.job ?? ''));
      case 'inconclusive':
        return this.resolve(item.job ?? '', random.chance(0.5));
      default:
        return undefined;
    }
  }

  /** Whoever is asked goes and looks: it did succeed, or not; undefined while it still goes on. */
  private truthOf(job: string): boolean | undefined {
    const runs = this.world.site.log.filter((start) => start.job === job);
    if (runs.some((start) => start.outcome === undefined)) return undefined;
    return runs.some((start) => start.outcome === 'succeeded');
  }

  private async resolve(job: string, succeeded: boolean | undefined): Promise<void> {
    if (succeeded === undefined) return;
    await this.ask('scheduler.resolve', { job, as: succeeded ? 'succeeded' : 'failed', reason: 'I looked' }, 1);
  }

  private async pauseFor(place: Place): Promise<void> {
    const { random } = this.world;
    if (!(await this.ask('scheduler.pause', { ...place, reason: 'to see' }, 1))) return;
    await this.wait(random.between(1_000, 30_000));
    await this.ask('scheduler.resume', place, 1);
  }

  private promote(request: Place & { all: boolean; version?: string | undefined }): Promise<unknown> {
    this.note('promote', request);
    return this.ask('scheduler.promote', request, 1);
  }

  private retry(place: Place): Promise<unknown> {
    this.note('retry', place);
    return this.ask('scheduler.retryFailed', place, 1);
  }

  private note(what: Asked['what'], { deployment, environment }: Place): void {
    this.asked.push({ what, deployment, environment, at: this.world.clockwork.now });
  }

  private exclude(place: Place): Promise<unknown> {
    return this.ask('scheduler.exclude', { ...place, resources: [this.host(place)], reason: 'to see' }, 1);
  }

  private host({ environment }: Place): string {
    return this.world.random.pick(this.world.scenario.hosts[environment as 'staging' | 'production']);
  }

  private async cancelJob(place: Place): Promise<void> {
    const jobs = (await this.ask('scheduler.jobs', place)) as { jobs: { id: string; finishedAt?: number }[] } | undefined;
    const live = jobs?.jobs.find((job) => job.finishedAt === undefined);
    if (live) await this.ask('scheduler.cancel', { job: live.id, reason: 'to see' }, 1);
  }

  /** A version is rejected where it runs and on its way, and perhaps made ready again. */
  private async rejectFor(deployment: string): Promise<void> {
    const { random, scenario } = this.world;
    const tag = random.pick(scenario.releases.filter((release) => release.deployment === deployment)).tag;
    if (!(await this.ask('registry.setVersionStatus', { deployment, tag, status: 'rejected', reason: 'to see' }, 1))) return;
    if (random.chance(0.5)) return;
    await this.wait(random.between(1_000, 30_000));
    await this.ask('registry.setVersionStatus', { deployment, tag, status: 'ready', reason: 'seen' });
  }

  private async releaseQuarantine(place: Place): Promise<void> {
    const status = (await this.ask('scheduler.status', place, 1)) as { cells: { quarantined: { version: string }[] }[] } | undefined;
    const [found] = status?.cells.flatMap((cell) => cell.quarantined) ?? [];
    if (found) await this.ask('scheduler.releaseQuarantine', { ...place, version: found.version, reason: 'to see' }, 1);
  }

  private wait(ms: number): Promise<void> {
    return this.world.clockwork.sleep(this.world.person, ms);
  }
}

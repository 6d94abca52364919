import type { OperationName, RequestOf } from '@slipway/contracts';
import type { JobRow } from '../../services/scheduler/src/tables.js';
import {
  decisionTable,
  jobTable,
  quarantineTable,
  rolloutTable,
  targetTable,
  type DecisionRow,
  type QuarantineRow,
  type RolloutRow,
  type TargetRow,
} from '../../services/scheduler/src/tables.js';
import { peopleFactTable, type PeopleFactRow } from '../../services/policy/src/tables.js';
import type { World } from './world.js';

/*
 * Freezes, pins, overrides, and versions that are paused or rejected: what people say beside the policies, and what must follow from it, as far as
 * the world outside can know.
 */

/** A fact whose time has come is ended by the next sweep at the latest. */
const ENDED_WITHIN_MS = 20_000;

/** From when a word was acknowledged, until when it held for sure. */
interface Held {
  from: number;
  until: number;
}

interface FreezeSaid extends Held {
  id: string;
  covers: (job: JobRow) => boolean;
  allowRollback: boolean;
}

interface PinSaid {
  deployment: string;
  environment: string;
  resource?: string;
  version: string;
  asked: number;
  /** Once it was acknowledged. */
  held?: Held;
  expiresAt: number;
}

interface VersionSaid extends Held {
  deployment: string;
  version: string;
}

export interface Speaking {
  ask<N extends OperationName>(operation: N, request: RequestOf<N>, tries: number): Promise<unknown>;
  pause(ms: number): Promise<void>;
  published: readonly { deployment: string; tag: string }[];
}

/** What a grant must be checked against. */
export interface Granted {
  job: JobRow;
  /** The last grant to whoever started it, and the first of all. */
  at: number;
  first: number;
}

export class Words {
  private readonly freezes: FreezeSaid[] = [];
  private readonly pins: PinSaid[] = [];
  private readonly overrides: VersionSaid[] = [];
  private readonly stopped: VersionSaid[] = [];
  /** Versions that somebody is making ready now. */
  private readonly readying = new Set<{ deployment: string; tag: string }>();
  private readonly pinning = new Set<string>();

  constructor(private readonly world: World) {}

  /** One thing that somebody says, drawn at random; ends when it was taken back, or left to its expiry. */
  async say(speaking: Speaking): Promise<void> {
    const { random } = this.world;
    const word = random.pick([this.freeze, this.freeze, this.pin, this.pin, this.override, this.stop] as const);
    await word.call(this, speaking);
  }

  /** A job is offered to agents: the moment at which a word against it matters most. */
  async sayAgainst(job: Pick<JobRow, 'deployment' | 'environment' | 'version'>, speaking: Speaking): Promise<void> {
    const { random } = this.world;
    if (random.chance(0.3)) return this.stopVersion(speaking, { deployment: job.deployment, tag: job.version });
    const { environment } = job;
    await this.freezeScope(speaking, `environment.name == "${environment}"`, (one) => one.environment === environment);
  }

  private async freeze(speaking: Speaking): Promise<void> {
    const { random, scenario } = this.world;
    const deployment = random.pick(scenario.deployments);
    const resource = random.pick(scenario.hosts.production);
    const [scope, covers] = random.pick<[string, FreezeSaid['covers']]>([
      ['true', () => true],
      ['environment.name == "production"', (job) => job.environment === 'production'],
      ['environment.name == "staging"', (job) => job.environment === 'staging'],
      [`deployment.name == "${deployment}"`, (job) => job.deployment === deployment],
      [`resource.identifier == "${resource}"`, (job) => job.resource === resource],
    ]);
    await this.freezeScope(speaking, scope, covers);
  }

  private async freezeScope({ ask, pause }: Speaking, scope: string, covers: FreezeSaid['covers']): Promise<void> {
    const { random, clockwork } = this.world;
    const allowRollback = random.chance(0.5);
    const expiresAt = clockwork.now + random.between(5_000, 60_000);
    const reply = (await ask('policy.freeze', { scope, expiresAt, allowRollback, reason: 'to see' }, 1)) as { id: string } | undefined;
    if (!reply) return;
    const said: FreezeSaid = { id: reply.id, covers, allowRollback, from: clockwork.now, until: expiresAt };
    this.world.note(`acknowledged: freeze ${said.id} of ${scope} until ${expiresAt}`);
    this.freezes.push(said);
    if (random.chance(0.5)) return;
    await pause(random.between(1_000, 40_000));
    said.until = Math.min(said.until, clockwork.now);
    await ask('policy.liftFreeze', { id: said.id }, 1);
  }

  private async pin({ ask, pause, published }: Speaking): Promise<void> {
    const { random, clockwork, scenario } = this.world;
    if (published.length === 0) return;
    const { deployment, tag: version } = random.pick(published);
    const environment = random.pick(['staging', 'production'] as const);
    const place = `${deployment}/${environment}`;
    if (this.pinning.has(place)) return;
    this.pinning.add(place);
    const resource = random.chance(0.4) ? random.pick(scenario.hosts[environment]) : undefined;
    const expiresAt = random.chance(0.5) ? clockwork.now + random.between(10_000, 60_000) : undefined;
    const target = { deployment, environment, ...(resource === undefined ? {} : { resource }) };
    const said: PinSaid = { ...target, version, asked: clockwork.now, expiresAt: expiresAt ?? Infinity };
    this.pins.push(said);
    const request = { ...target, version, reason: 'to see', ...(expiresAt === undefined ? {} : { expiresAt }) };
    if (await ask('policy.pin', request, 2)) {
      this.world.note(`acknowledged: pin of ${place} ${resource ?? ''} to ${version} until ${expiresAt}`);
      said.held = { from: clockwork.now, until: said.expiresAt };
      await pause(random.between(5_000, 60_000));
      said.held.until = Math.min(said.held.until, clockwork.now);
      await ask('policy.unpin', target, 1);
    }
    this.pinning.delete(place);
  }

  private async override({ ask, pause, published }: Speaking): Promise<void> {
    const { random, clockwork } = this.world;
    if (published.length === 0) return;
    const { deployment, tag: version } = random.pick(published);
    const expiresAt = clockwork.now + random.between(10_000, 60_000);
    const said: VersionSaid = { deployment, version, from: clockwork.now, until: expiresAt };
    this.overrides.push(said);
    const request = { rule: 'approval', deployment, version, environment: 'production', expiresAt, reason: 'to see' };
    const reply = (await ask('policy.override', request, 2)) as { id: string } | undefined;
    if (!reply || random.chance(0.5)) return;
    await pause(random.between(1_000, 40_000));
    if (await ask('policy.liftOverride', { id: reply.id }, 1)) said.until = Math.min(said.until, clockwork.now);
  }

  private async stop(speaking: Speaking): Promise<void> {
    const { published } = speaking;
    if (published.length > 0) await this.stopVersion(speaking, this.world.random.pick(published));
  }

  private async stopVersion({ ask, pause }: Speaking, { deployment, tag }: { deployment: string; tag: string }): Promise<void> {
    const { random, clockwork } = this.world;
    const status = random.pick(['paused', 'rejected'] as const);
    if (!(await ask('registry.setVersionStatus', { deployment, tag, status, reason: 'to see' }, 1))) return;
    this.world.note(`acknowledged: ${deployment} ${tag} is ${status}`);
    const { now } = clockwork;
    // Somebody else may be making it ready at this very moment.
    const undone = [...this.readying].some((one) => one.deployment === deployment && one.tag === tag);
    const said: VersionSaid = { deployment, version: tag, from: now, until: undone ? now : Infinity };
    this.stopped.push(said);
    if (random.chance(0.3)) return;
    await pause(random.between(2_000, 40_000));
    await ask('registry.setVersionStatus', { deployment, tag, status: 'ready', reason: 'seen' }, 1);
  }

  /** Somebody asks for a version to be ready again: until that is answered nothing is certain of it. Gives what to call then. */
  makesReady(deployment: string, tag: string): () => void {
    const { now } = this.world.clockwork;
    for (const one of this.stopped) if (one.deployment === deployment && one.version === tag) one.until = Math.min(one.until, now);
    const asked = { deployment, tag };
    this.readying.add(asked);
    return () => void this.readying.delete(asked);
  }

  /** Whether somebody let this version skip its approval then. */
  skipsApproval(deployment: string, version: string, at: number): boolean {
    return this.overrides.some((o) => o.deployment === deployment && o.version === version && o.from <= at && at <= o.until);
  }

  /** Whether somebody ever asked for a pin that could bring this version to this target then (I8). */
  mayBePinned(job: JobRow, at: number): boolean {
    return this.pins.some((pin) => isOf(pin, job) && pin.version === job.version && pin.asked <= at && at < pin.expiresAt);
  }

  /** I2, I11: what was acknowledged before a job was granted, and held then, let it begin. Gives what did not. */
  against({ job, at, first }: Granted): string[] {
    const wrong: string[] = [];
    const { deployment, environment, resource, version, kind } = job;
    const what = `${deployment} ${version} at ${resource} in ${environment}`;
    for (const freeze of this.freezes) {
      // What an agent had taken before goes on; who takes it over looks after it.
      const granted = job.rollback ? first : at;
      if (!holds(freeze, granted) || !freeze.covers(job) || (job.rollback && freeze.allowRollback)) continue;
      wrong.push(`I11: ${what} (${job.rollback ? 'rollback' : kind}) was granted ${granted - freeze.from} ms after freeze ${freeze.id}`);
    }
    if (job.rollback || kind === 'retire') return wrong;
    for (const pin of this.pins)
      if (pin.held && holds(pin.held, at) && isOf(pin, job) && pin.version !== version)
        wrong.push(`I11: ${what} was granted ${at - pin.held.from} ms after it was pinned to ${pin.version}`);
    for (const said of this.stopped)
      if (holds(said, at) && said.deployment === deployment && said.version === version)
        wrong.push(`I2: ${what} was granted ${at - said.from} ms after the version was paused or rejected`);
    return wrong;
  }

  /** I4: what was acknowledged is on record; I13: what was pinned goes forward again, and all that has expired is over. */
  problems(): string[] {
    const rows = new Map((this.world.rows('policy')[peopleFactTable.name] as PeopleFactRow[]).map((row) => [row.id, row]));
    const lost = this.freezes
      .filter((freeze) => !rows.has(freeze.id))
      .map((freeze) => `I4: freeze ${freeze.id} was acknowledged and is gone`);
    const past = this.world.clockwork.now - ENDED_WITHIN_MS;
    const open = [...rows.values()]
      .filter((row) => row.endedAt === undefined && (row.expiresAt ?? 0) < past)
      .map((row) => `I13: ${row.kind} ${row.id} never ended`);
    return [...lost, ...open, ...this.leftBehind()];
  }

  /** Targets that had the newest allowed version, verified and never taken back, and run another one now. */
  private leftBehind(): string[] {
    const tables = this.world.rows('scheduler');
    const decisions = tables[decisionTable.name] as DecisionRow[];
    const rollouts = tables[rolloutTable.name] as RolloutRow[];
    const quarantines = tables[quarantineTable.name] as QuarantineRow[];
    const stuck = (tables[jobTable.name] as JobRow[]).filter((job) => job.state === 'unknown');
    const problems: string[] = [];
    for (const target of tables[targetTable.name] as TargetRow[]) {
      const here = (row: { deployment: string; environment: string }): boolean =>
        row.deployment === target.deployment && row.environment === target.environment;
      const mine = rollouts.filter(here);
      // Whatever waits for a person there may wait for this too.
      if (mine.some((row) => row.finishedAt === undefined) || stuck.some((job) => here(job) && job.resource === target.resource)) continue;
      const allowed = decisions.filter((row) => here(row) && row.verdict === 'allowed').map((row) => row.versionId);
      const tried = mine.filter((row) => allowed.includes(row.versionId) && row.plan.members.includes(target.resource));
      const newest = tried.sort((a, b) => b.versionSequence - a.versionSequence)[0];
      if (!newest || newest.versionSequence <= (target.versionSequence ?? 0)) continue;
      const letters = tried
        .filter((row) => row.versionId === newest.versionId)
        .map((row) => row.members[row.plan.members.indexOf(target.resource)]);
      const back = quarantines.some((q) => here(q) && q.resource === target.resource && q.versionId === newest.versionId);
      if (letters.every((letter) => letter === 's') && !back)
        problems.push(
          `I13: ${target.deployment} ${newest.version} is allowed at ${target.resource} in ${target.environment} and was there; it runs ${target.version}`,
        );
    }
    return problems;
  }
}

const holds = ({ from, until }: Held, at: number): boolean => from < at && at < until;

function isOf(pin: PinSaid, job: JobRow): boolean {
  return (
    pin.deployment === job.deployment &&
    pin.environment === job.environment &&
    (pin.resource === undefined || pin.resource === job.resource)
  );
}

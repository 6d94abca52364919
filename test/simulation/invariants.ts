import { isOver, type JobState } from '@slipway/core';
import {
  jobTable,
  releaseTable,
  rolloutTable,
  targetTable,
  type JobRow,
  type ReleaseRow,
  type RolloutRow,
  type TargetRow,
} from '../../services/scheduler/src/tables.js';
import type { People } from './people.js';
import { ROLLOUT_COLUMNS, RolloutInvariants } from './rollout-invariants.js';
import type { Start } from './site.js';
import type { World } from './world.js';

/*
 * SPEC.md section 11, checked from outside: from what the database holds after each commit, and from what the places themselves wrote down. Nothing here
 * asks the code under test what it thinks.
 */

interface JobSeen {
  state: JobState;
  epoch: number;
  reportN: number;
  attempt: number;
  /** What it asks now, and nobody has confirmed. */
  question: string | undefined;
}

const HELD: readonly JobState[] = ['dispatched', 'claimed', 'running', 'actionRequired'];

export class Invariants {
  readonly violations: string[] = [];
  private readonly jobs = new Map<string, JobSeen>();
  readonly rollouts: RolloutInvariants;
  private readonly known = new Set<string>();
  private commits = 0;

  constructor(
    private readonly world: World,
    private readonly people: People,
  ) {
    this.rollouts = new RolloutInvariants((invariant, what) => this.broken(invariant, what), people.operators.asked);
  }

  watch(): void {
    this.world.onCommit = (service) => {
      if (service === 'scheduler') void this.afterSchedulerCommit();
    };
    this.world.site.onStart = (start) => this.atStart(start);
    this.world.site.onApply = (plan) => {
      if (!this.people.answers.confirmed.has(plan)) this.broken('confirm', `${plan} was carried out, and nobody had confirmed it`);
    };
    this.world.site.onNonsense = (start, what) => this.broken('I7', `${start.run} on ${start.resource} ${what}`);
  }

  /** What can be told only from the whole of it. */
  atRest(): void {
    const tables = this.world.rows('scheduler');
    this.rollouts.checkReleases(tables[releaseTable.name] as ReleaseRow[], tables[rolloutTable.name] as RolloutRow[]);
  }

  private broken(invariant: string, what: string): void {
    this.violations.push(`${invariant}: ${what}`);
    this.world.note(`BROKEN ${invariant}: ${what}`);
  }

  private async afterSchedulerCommit(): Promise<void> {
    const store = this.world.stores.get('scheduler')!;
    // Both are read before the first await gives way, so that they are of one moment.
    const [jobs, rollouts, targets] = await store.read((reader) =>
      Promise.all([
        reader.find(jobTable, {}, { only: JOB_COLUMNS }),
        reader.find(rolloutTable, {}, { only: ROLLOUT_COLUMNS }),
        reader.find(targetTable, {}),
      ]),
    );
    this.commits++;
    this.checkJobs(jobs);
    for (const rollout of rollouts) this.rollouts.check(rollout, this.world.clockwork.now);
    const fresh = jobs.filter((job) => !this.known.has(job.id));
    if (fresh.some((job) => job.rollback)) this.rollouts.checkWayBack(fresh, targets, rollouts);
    for (const job of fresh) this.known.add(job.id);
  }

  private checkJobs(jobs: JobRow[]): void {
    const held = new Map<string, string>();
    for (const job of jobs) {
      const before = this.jobs.get(job.id);
      if (before) this.checkStep(job, before);
      if (job.state === 'dispatched' && before?.state !== 'dispatched') this.people.sees(job);
      const question = questionOf(job);
      if (question !== undefined && question !== before?.question) this.people.isAsked(job.id);
      if (job.state === 'claimed' && (before?.epoch ?? 0) < job.epoch) {
        this.grants.set(`${job.id} ${job.agent}`, this.world.clockwork.now);
        if (!this.firstGrants.has(job.id)) this.firstGrants.set(job.id, this.world.clockwork.now);
      }
      if (HELD.includes(job.state)) {
        const target = `${job.deployment}/${job.environment}/${job.resource}`;
        if (held.has(target)) this.broken('I1', `jobs ${held.get(target)} and ${job.id} are both live at ${target}`);
        held.set(target, job.id);
      }
      if (!isOver(job) && job.wakeAt === undefined && job.held === undefined)
        this.broken('I5', `job ${job.id} is ${job.state} with nothing to wake it`);
      this.jobs.set(job.id, { state: job.state, epoch: job.epoch, reportN: job.reportN, attempt: job.attempt, question });
    }
  }

  private checkStep(job: JobRow, before: JobSeen): void {
    if (job.epoch < before.epoch || job.attempt < before.attempt)
      this.broken('I3', `job ${job.id} went back from epoch ${before.epoch} to ${job.epoch}`);
    if (job.epoch === before.epoch && job.reportN < before.reportN)
      this.broken('I3', `job ${job.id} went back from report ${before.reportN} to ${job.reportN}`);
    if (!isOver(before) && isOver(job)) this.checkEnd(job);
    if (isOver(before) && before.state !== 'unknown' && job.state !== before.state)
      this.broken('I6', `job ${job.id} was ${before.state} and is ${job.state}`);
  }

  /** I3: whatever an end rests on was true of this attempt; nothing of it goes on at the place. */
  private checkEnd(job: JobRow): void {
    if (job.state === 'unknown') return;
    const runs = this.world.site.log.filter((s) => s.job === job.id);
    const open = runs.find((s) => s.outcome === undefined);
    if (open) this.broken('I3', `job ${job.id} is ${job.state} while ${open.run} goes on`);
    if (job.state === 'succeeded' && job.kind !== 'verify' && !runs.some((s) => s.outcome === 'succeeded')) {
      this.broken('I3', `job ${job.id} is succeeded, and nothing of it ever was`);
    }
  }

  /** I2, I11: who starts it was granted it while the gates of production allowed this version, as far as the world outside knows. */
  private checkGate(start: Start, job: JobRow): void {
    const { deployment, version, environment } = job;
    const granted = this.grants.get(`${job.id} ${start.agent}`);
    if (granted !== undefined)
      for (const wrong of this.people.words.against({ job, at: granted, first: this.firstGrants.get(job.id) ?? granted }))
        this.broken(wrong.slice(0, wrong.indexOf(':')), `${start.run}: ${wrong.slice(wrong.indexOf(':') + 2)}`);
    // What is cleaned up after a version has come needs no approval.
    if (job.rollback || environment !== 'production' || job.kind === 'retire') return;
    const skips = granted !== undefined && this.people.words.skipsApproval(deployment, version, granted);
    if (!skips && !this.people.approved.has(`${deployment}/${version}`))
      this.broken('I2', `${start.run} began ${deployment} ${version} in production and nobody approved it`);
    const grantedAt = this.grants.get(`${job.id} ${start.agent}`);
    if (grantedAt === undefined) return this.broken('I2', `${start.run} was started by ${start.agent}, to whom it was never granted`);
    for (const w of this.people.withdrawals) {
      if (skips || w.deployment !== deployment || w.version !== version || w.at >= grantedAt || (w.until ?? Infinity) <= grantedAt)
        continue;
      this.broken(
        'I11',
        `${start.run} (${deployment} ${version}) was granted to ${start.agent} ${grantedAt - w.at} ms after its approval was taken back, and began`,
      );
    }
    for (const resource of this.world.scenario.hosts.staging) {
      const there = this.world.site.log.some(
        (s) => s.deployment === deployment && s.resource === resource && s.version === version && s.outcome === 'succeeded',
      );
      if (!there) this.broken('I2', `${start.run} began ${deployment} ${version} in production, and it never succeeded on ${resource}`);
    }
  }
  /** When which agent was granted which job last. */
  private readonly grants = new Map<string, number>();
  /** … and when each job first. */
  private readonly firstGrants = new Map<string, number>();

  /** What a place sees: one thing at a time, never an older version but by a rollback, and that only to what was verified there. */
  private atStart(start: Start): void {
    const { site } = this.world;
    const at = `${start.deployment} on ${start.resource}`;
    const other = site.log.find(
      (s) => s !== start && s.deployment === start.deployment && s.resource === start.resource && s.outcome === undefined,
    );
    if (other) this.broken('I1', `${start.run} (${start.version}) was started for ${at} while ${other.run} (${other.version}) went on`);
    const tables = this.world.rows('scheduler');
    const job = (tables[jobTable.name] as JobRow[]).find((j) => j.id === start.job);
    if (!job) return this.broken('I2', `${start.run} was started and there is no such job`);
    this.checkGate(start, job);
    const releases = tables[releaseTable.name] as ReleaseRow[];
    const target = (tables[targetTable.name] as TargetRow[]).find(
      (t) => t.deployment === job.deployment && t.environment === job.environment && t.resource === job.resource,
    );
    const own = releases.find((r) => r.id === job.releaseId);
    // A version that is taken back half way goes, and brings nothing in its place: what ran before never left.
    if (job.rollback && job.weight === 0 && job.kind !== 'deploy') return;
    if (job.rollback) {
      const verified = releases.some(
        (r) =>
          r.resource === job.resource && r.deployment === job.deployment && r.versionId === job.versionId && r.verified && r.id !== own?.id,
      );
      this.rollouts.checkLanding(
        job,
        releases.filter((r) => r.resource === job.resource && r.deployment === job.deployment && r.environment === job.environment),
      );
      if (!verified) this.broken('I9', `${start.run} takes ${at} back to ${start.version}, which was never verified there`);
    } else if (own && target?.versionSequence !== undefined && own.versionSequence < target.versionSequence) {
      if (this.people.words.mayBePinned(job, this.grants.get(`${job.id} ${start.agent}`) ?? this.world.clockwork.now)) return;
      this.broken('I8', `${start.run} moves ${at} from version ${target.version} back to ${start.version}`);
    }
  }
}

function questionOf({ state, asked, confirmation }: JobRow): string | undefined {
  return state === 'actionRequired' && confirmation?.question !== asked?.question ? asked?.question : undefined;
}

const JOB_COLUMNS = [
  'id',
  'kind',
  'state',
  'epoch',
  'attempt',
  'reportN',
  'deployment',
  'environment',
  'resource',
  'version',
  'rollback',
  'rolloutId',
  'wakeAt',
  'agent',
  'held',
  'asked',
  'confirmation',
] as const;

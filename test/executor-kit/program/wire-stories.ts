import { existsSync, readFileSync } from 'node:fs';
import { eventually } from '@slipway/testkit';
import { isFinal } from '../../../agents/src/journal.js';
import { AgentProcess } from './agent-process.js';
import { LEASE_MS, type Controller, type KitJob } from './controller.js';
import type { RunName, UnderTest } from './kit-file.js';

/** What a run and its agent may take for one step. */
export const PATIENCE_MS = 60_000;
/** What should not be said any more is said within this. */
const AFTERWARDS_MS = 1_500;
const SHORT_RUN_MS = 1_500;

/** The story can't be told of this executor, and why. */
export class NotTold extends Error {}

/** One story's world on the wire: the controller, a directory, agents as processes. */
export class WireWorld {
  readonly problems: string[] = [];
  /** What people may want to look at, though nothing is wrong. */
  readonly seen: string[] = [];
  readonly agent: AgentProcess;
  private readonly agents: AgentProcess[] = [];
  private readonly jobs: KitJob[] = [];

  private constructor(
    readonly controller: Controller,
    readonly underTest: UnderTest,
    readonly directory: string,
    private readonly story: number,
    private readonly patienceMs: number,
    credentials: string,
  ) {
    this.agent = new AgentProcess(`kit${story}`, underTest, controller.nats.url, directory, credentials);
    this.agents.push(this.agent);
  }

  static async make(
    controller: Controller,
    underTest: UnderTest,
    directory: string,
    story: number,
    patienceMs: number,
  ): Promise<WireWorld> {
    return new WireWorld(controller, underTest, directory, story, patienceMs, await controller.credentials(`kit${story}`));
  }

  async otherAgent(): Promise<AgentProcess> {
    const name = `kit${this.story}-other`;
    const credentials = await this.controller.credentials(name);
    const other = new AgentProcess(name, this.underTest, this.controller.nats.url, this.directory, credentials);
    this.agents.push(other);
    return other;
  }

  job(run: RunName, over: Partial<Pick<KitJob, 'grant' | 'refused'>> = {}): KitJob {
    const id = `j${this.story}`;
    const names = { directory: this.directory, run: `${id}.1` };
    const executor = this.underTest.config(run, names) ?? (run === 'goesOn' ? this.underTest.config('succeeds', names) : undefined);
    if (!executor) throw new NotTold(`the file has no run that ${run}`);
    const spec = { executor, context: { job: { id }, version: { tag: '1.0.0' } } };
    const job = this.controller.add({ id, spec, grant: {}, begun: () => this.begun, ...over });
    this.jobs.push(job);
    return job;
  }

  /** How often the run was begun. */
  get begun(): number {
    const file = this.underTest.begunFile({ directory: this.directory, run: `j${this.story}.1` });
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0;
  }

  expect(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }

  async until(what: string, condition: () => unknown, withinMs = this.patienceMs): Promise<void> {
    await eventually(what, () => Boolean(condition()) || this.agents.some((agent) => agent.exited), withinMs);
    const ended = this.agents.find((agent) => agent.exited);
    if (ended && !condition()) throw new Error(`the agent ended by itself; its last words: ${ended.lastWords}`);
  }

  /** The run was begun and goes on. */
  async going(job: KitJob): Promise<void> {
    this.agent.start();
    await this.controller.invite(job);
    await this.until('the run was begun', () => this.begun > 0 || finalOf(job));
    if (finalOf(job)) throw new NotTold(`the run was over (${finalOf(job)}) before the story began; it should take some seconds`);
  }

  async ends(job: KitJob, ...verbs: readonly string[]): Promise<void> {
    await this.until('the end is reported', () => finalOf(job));
    const final = job.heard.find(({ report }) => isFinal(report))?.report;
    const why = final && 'message' in final && final.message ? `: ${final.message}` : '';
    this.expect(verbs.includes(final?.verb ?? ''), `it was reported as ${final?.verb}${why}; right would be ${verbs.join(' or ')}`);
  }

  /** The program was faster than what should have come in between. */
  mayHaveEnded(job: KitJob, after: string): void {
    if (finalOf(job) === 'succeeded' && !this.underTest.config('goesOn', { directory: this.directory, run: '' }))
      throw new NotTold(`the run succeeded before ${after} could matter; it should take some seconds`);
  }

  async judge(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, AFTERWARDS_MS / 3));
    this.expect(this.begun <= 1, `the run was begun ${this.begun} times`);
    for (const job of this.jobs) this.problems.push(...job.problems.splice(0));
    this.problems.push(...this.controller.problems.splice(0));
  }

  async close(): Promise<void> {
    for (const job of this.jobs) job.go = 'stop';
    for (const agent of this.agents) await agent.kill();
  }
}

const finalOf = (job: KitJob): string | undefined => job.heard.find(({ report }) => isFinal(report))?.report.verb;

export interface WireStory {
  name: string;
  tell(world: WireWorld): Promise<void>;
}

const afterwards = (ms = AFTERWARDS_MS): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const WIRE_STORIES: readonly WireStory[] = [
  {
    name: 'it beats, claims before it begins, renews in time, reports in order, and settles its invitation',
    async tell(world) {
      const job = world.job('succeeds');
      const { controller, agent } = world;
      agent.start();
      await world.until('a heartbeat came', () => controller.beats.some((beat) => beat.agent === agent.name));
      await controller.invite(job);
      await world.ends(job, 'succeeded');
      for (const { report } of job.heard) world.seen.push(JSON.stringify(report));
      const claimedAt = job.claimedAt ?? 0;
      const endedAt = job.heard.at(-1)?.at ?? 0;
      const marks = [claimedAt, ...job.renewedAt, endedAt].filter((at) => at <= endedAt);
      const longest = Math.max(...marks.slice(1).map((at, i) => at - (marks[i] ?? at)));
      world.expect(longest <= LEASE_MS, `its lease of ${LEASE_MS} ms was not renewed for ${longest} ms`);
      await eventually('its invitation is acknowledged', async () => (await controller.unsettled()) === 0, 10_000);
    },
  },
  {
    name: 'a run that fails is reported as failed',
    async tell(world) {
      const job = world.job('fails');
      world.agent.start();
      await world.controller.invite(job);
      await world.ends(job, 'failed');
    },
  },
  {
    name: 'a job that it may not claim is not begun, and its invitation is settled',
    async tell(world) {
      const job = world.job('succeeds', { refused: true });
      world.agent.start();
      await world.controller.invite(job);
      await afterwards();
      await eventually('its invitation is settled', async () => (await world.controller.unsettled()) === 0, 10_000);
      world.expect(world.begun === 0, 'it was begun without a grant');
      world.expect(job.heard.length === 0, 'it was reported of without a grant');
    },
  },
  {
    name: 'an invitation that comes again is not run twice',
    async tell(world) {
      const job = world.job('succeeds');
      await world.going(job);
      await world.controller.invite(job);
      await world.ends(job, 'succeeded');
      await world.controller.invite(job);
      await afterwards();
    },
  },
  {
    name: 'cancelled, it ends the run and reports it as cancelled',
    async tell(world) {
      const job = world.job('goesOn');
      await world.going(job);
      world.controller.command(job, 'cancel', world.agent.name);
      await world.until('the end is reported', () => finalOf(job));
      world.mayHaveEnded(job, 'the cancel');
      await world.ends(job, 'cancelled');
    },
  },
  {
    name: 'told to stop, it says nothing more',
    async tell(world) {
      const job = world.job('goesOn');
      await world.going(job);
      world.controller.command(job, 'stop', world.agent.name);
      await world.until('it heard that it is to stop', () => job.stoppedAt !== undefined || finalOf(job));
      world.mayHaveEnded(job, 'the stop');
      await afterwards();
      const late = job.heard.filter(({ report, at }) => isFinal(report) && at > (job.stoppedAt ?? Infinity));
      world.expect(late.length === 0, `after it was told to stop it reported ${late.map(({ report }) => report.verb).join(', ')}`);
    },
  },
  {
    name: 'out of time (runMs), it ends the run and reports it as timedOut',
    async tell(world) {
      const job = world.job('goesOn', { grant: { runMs: SHORT_RUN_MS } });
      world.agent.start();
      await world.controller.invite(job);
      await world.until('the end is reported', () => finalOf(job));
      world.mayHaveEnded(job, 'the time limit');
      await world.ends(job, 'timedOut');
    },
  },
  {
    name: 'killed and started again, it takes the run up and reports it once',
    async tell(world) {
      const job = world.job('succeeds');
      await world.going(job);
      await world.until('its start was reported, or its end', () => job.heard.length > 0);
      await world.agent.kill();
      world.agent.start();
      await world.ends(job, 'succeeded');
    },
  },
  {
    name: 'with the link cut and back, it reports the end once',
    async tell(world) {
      const job = world.job('succeeds');
      await world.going(job);
      await world.controller.nats.kill();
      await afterwards(2 * AFTERWARDS_MS);
      await world.controller.nats.restart();
      await world.ends(job, 'succeeded');
    },
  },
  {
    name: 'it may only look (observeOnly): it begins nothing',
    async tell(world) {
      const job = world.job('succeeds', { grant: { observeFirst: true, observeOnly: true } });
      world.agent.start();
      await world.controller.invite(job);
      const { observes, ours } = world.underTest;
      await world.ends(job, 'cancelled', ...(observes && ours ? [] : ['unknown']));
      world.expect(world.begun === 0, 'it was begun, though it might only be looked at');
    },
  },
  {
    name: 'another agent that looks first (observeFirst) does not begin again what the first began',
    async tell(world) {
      const first = world.job('succeeds');
      await world.going(first);
      await world.agent.kill();
      const again = world.job('succeeds', { grant: { observeFirst: true, epoch: 1 } });
      (await world.otherAgent()).start();
      await world.controller.invite(again);
      const { observes, ours } = world.underTest;
      await world.ends(again, ...(observes && ours ? ['succeeded'] : ['succeeded', 'unknown']));
    },
  },
];

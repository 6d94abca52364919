import { subjects } from '@slipway/contracts';
import type { Happening, HappeningOf } from './case-schema.js';
import { AGENT, type ConformanceMesh } from './mesh.js';
import { fileOf } from './read-cases.js';

interface Job {
  id: string;
  kind: string;
  state: string;
  resource: string;
  attempt: number;
  rollback: boolean;
}
/** A job that the agent holds: what it must say with each report. */
interface Held {
  epoch: number;
  n: number;
  metrics: { name: string; count: number }[];
}
interface Release {
  deployment: string;
  tag: string;
}
interface Places {
  in: string;
  on?: string[] | undefined;
}

const JOBS_MAX = 500;

/** The people, CI and the agent of a case: they bring about what the case says, each by the requests and messages that are theirs. */
export class Actors {
  private readonly held = new Map<string, Held>();
  private readonly freezes = new Map<string, string>();
  private readonly overrides = new Map<string, string>();

  constructor(
    private readonly mesh: ConformanceMesh,
    private readonly policies: readonly object[],
  ) {}

  async bringAbout(happening: Happening): Promise<void> {
    const { mesh } = this;
    await mesh.passTo(happening.at);
    if ('publish' in happening) await this.publish(happening);
    else if ('policies' in happening) await this.apply(this.policies);
    else if ('apply' in happening) await this.apply(happening.apply);
    else if ('started' in happening) await this.begin(happening.started, happening);
    else if ('succeeded' in happening) await this.deploy(happening.succeeded, happening, { deploy: 'succeeded', measure: 'passed' });
    else if ('failed' in happening) await this.deploy(happening.failed, happening, { deploy: 'failed', measure: 'passed' });
    else if ('failedVerification' in happening)
      await this.deploy(happening.failedVerification, happening, { deploy: 'succeeded', measure: 'failed' });
    else if ('rolledBack' in happening) await this.rollBack(happening);
    else if ('releaseQuarantine' in happening) {
      const { releaseQuarantine: of, in: environment, on } = happening;
      for (const resource of on ?? [undefined])
        await mesh.ask(
          'scheduler.releaseQuarantine',
          { ...of_(of), environment, ...(resource === undefined ? {} : { resource }) },
          happening,
        );
    } else await this.say(happening);
  }

  async apply(documents: readonly object[]): Promise<void> {
    if (documents.length > 0) await this.mesh.ask('registry.apply', { files: [fileOf(documents)] });
  }

  private async say(happening: Happening): Promise<void> {
    const { mesh } = this;
    if ('approve' in happening) await mesh.ask('policy.approve', { ...of_(happening.approve), environment: happening.for }, happening);
    else if ('reject' in happening)
      await mesh.ask('policy.reject', { ...of_(happening.reject), environment: happening.for, reason: happening.reason }, happening);
    else if ('withdraw' in happening)
      await mesh.ask('policy.withdraw', { ...of_(happening.withdraw), environment: happening.for }, happening);
    else if ('makeVersion' in happening) {
      const { makeVersion: of, is: status, reason } = happening;
      await mesh.ask('registry.setVersionStatus', { deployment: of.deployment, tag: of.tag, status, reason }, happening);
    } else if ('pin' in happening) {
      const { pin, in: environment, on, reason, until } = happening;
      const more = { ...(on === undefined ? {} : { resource: on[0]! }), ...(until === undefined ? {} : { expiresAt: until }) };
      await mesh.ask('policy.pin', { ...of_(pin), environment, reason, ...more }, happening);
    } else if ('unpin' in happening) {
      const { unpin: deployment, in: environment, on } = happening;
      await mesh.ask('policy.unpin', { deployment, environment, ...(on === undefined ? {} : { resource: on[0]! }) }, happening);
    } else if ('freeze' in happening) {
      const { freeze: scope, reason, until: expiresAt, allowRollback = true } = happening;
      const { id } = await mesh.ask('policy.freeze', { scope, reason, expiresAt, allowRollback }, happening);
      this.freezes.set(reason, id);
    } else if ('unfreeze' in happening) await mesh.ask('policy.liftFreeze', { id: this.freezes.get(happening.unfreeze) ?? '' }, happening);
    else if ('override' in happening) {
      const { override: rule, of, in: environment, on: resource, reason, until: expiresAt } = happening;
      const where = { environment, ...(resource === undefined ? {} : { resource }) };
      const { id } = await mesh.ask('policy.override', { rule, ...of_(of), ...where, reason, expiresAt }, happening);
      this.overrides.set(rule, id);
    } else if ('liftOverride' in happening)
      await mesh.ask('policy.liftOverride', { id: this.overrides.get(happening.liftOverride) ?? '' }, happening);
    else throw new Error(`nobody can bring this about: ${JSON.stringify(happening)}`);
  }

  private async publish({ publish, at: _, ...given }: HappeningOf<'publish'>): Promise<void> {
    await this.mesh.publish('ci', { subject: subjects.ciVersion(publish.deployment), body: { tag: publish.tag, ...given } });
  }

  private async begin(of: Release, places: Places): Promise<void> {
    for (const job of await this.jobsOf(of, places, (one) => one.kind === 'deploy' && one.state === 'dispatched')) await this.start(job);
  }

  /** The agent takes the jobs there, and they end so; what is to be measured after them is. */
  private async deploy(of: Release, places: Places, ends: { deploy: 'succeeded' | 'failed'; measure: 'passed' | 'failed' }): Promise<void> {
    const isOpen = (job: Job): boolean => !job.rollback && job.kind === 'deploy' && (job.state === 'dispatched' || this.held.has(job.id));
    for (const job of await this.jobsOf(of, places, isOpen)) await this.run(job, ends);
  }

  private async run(job: Job, { deploy, measure }: { deploy: 'succeeded' | 'failed'; measure: 'passed' | 'failed' }): Promise<void> {
    const held = this.held.get(job.id) ?? (await this.start(job));
    await this.report(job.id, held, { verb: deploy, message: deploy === 'failed' ? 'it broke' : 'done' });
    this.held.delete(job.id);
    if (deploy === 'failed') return;
    const { jobs } = await this.mesh.look('scheduler.jobs', { resource: job.resource, limit: JOBS_MAX });
    for (const verify of (jobs as unknown as Job[]).filter(({ kind, state }) => kind === 'verify' && state === 'dispatched'))
      await this.measure(verify, measure);
  }

  private async measure(job: Job, result: 'passed' | 'failed'): Promise<void> {
    const held = await this.start(job);
    for (const { name: metric, count } of held.metrics) {
      for (let index = 0; index < (result === 'failed' ? 1 : count); index++) {
        const measurement = { metric, index, result, at: this.mesh.now, value: { status: result === 'passed' ? 200 : 503 } };
        await this.report(job.id, held, { verb: 'measured', measurement });
      }
    }
    await this.report(job.id, held, { verb: 'succeeded' });
  }

  private async rollBack(happening: HappeningOf<'rolledBack'>): Promise<void> {
    const { rolledBack: of, in: environment, on } = happening;
    for (const resource of on ?? [undefined])
      await this.mesh.ask('scheduler.rollback', { ...of_(of), environment, ...(resource === undefined ? {} : { resource }) });
    const { jobs } = await this.mesh.look('scheduler.jobs', { deployment: of.deployment, environment, limit: JOBS_MAX });
    const back = (jobs as unknown as Job[]).filter((job) => job.rollback && job.kind === 'deploy' && job.state === 'dispatched');
    if (back.length < (on?.length ?? 1)) throw new Error(`rolling ${of.tag} back made ${back.length} jobs`);
    for (const job of back) await this.run(job, { deploy: 'succeeded', measure: 'passed' });
  }

  private async start(job: Job): Promise<Held> {
    const { jobs } = await this.mesh.askAsAgent('claim', { jobs: [{ job: job.id, attempt: job.attempt }] });
    const [answer] = jobs;
    if (!answer?.granted) throw new Error(`the job at ${job.resource} was not granted: ${answer?.because}`);
    const metrics = (answer.spec.metrics ?? []) as { name: string; count: number }[];
    const held: Held = { epoch: answer.epoch, n: 0, metrics };
    this.held.set(job.id, held);
    await this.report(job.id, held, { verb: 'started' });
    return held;
  }

  private async report(job: string, held: Held, said: { verb: string; [field: string]: unknown }): Promise<void> {
    const body = { epoch: held.epoch, n: (held.n += 1), at: this.mesh.now, ...said };
    await this.mesh.publish('agent', { subject: subjects.agentReport(AGENT, job, said.verb), body });
  }

  /** The jobs of a version at these targets, or at all of the environment that have one; fails when one has none. */
  private async jobsOf({ deployment, tag }: Release, { in: environment, on }: Places, isMeant: (job: Job) => boolean): Promise<Job[]> {
    const { jobs } = await this.mesh.look('scheduler.jobs', { deployment, environment, version: tag, limit: JOBS_MAX });
    const all = jobs as unknown as Job[];
    const found = all.filter((job) => isMeant(job) && (on === undefined || on.includes(job.resource)));
    if (found.length >= (on?.length ?? 1)) return found.sort((a, b) => (a.resource < b.resource ? -1 : 1));
    const there = all.map(({ kind, state, resource }) => `${kind} ${state} at ${resource}`).join(', ');
    throw new Error(
      `${deployment} ${tag} has no job to run at ${on?.join(', ') ?? environment}; there ${there === '' ? 'are none' : `is ${there}`}`,
    );
  }
}

const of_ = ({ deployment, tag }: Release): { deployment: string; version: string } => ({ deployment, version: tag });

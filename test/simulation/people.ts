import type { OperationName, RequestOf } from '@slipway/contracts';
import { Answers } from './answers.js';
import { Operators } from './operators.js';
import { baseDocument, hostDocument, settingsDocument } from './scenario.js';
import { Words, type Speaking } from './words.js';
import type { World } from './world.js';

/** What a person took back, with when it was acknowledged: nothing of it starts afterwards (I11). */
export interface Withdrawal {
  deployment: string;
  version: string;
  at: number;
  /** Set when they changed their mind. */
  until?: number;
}

/** CI and the people of one run: they publish, approve, reject; those who run rollouts are `operators`. */
export class People {
  readonly withdrawals: Withdrawal[] = [];
  /** deployment/version that somebody asked to approve. */
  readonly approved = new Set<string>();
  /** Approvals that were acknowledged, and versions of which anybody ever took a word back. */
  readonly acknowledged: { deployment: string; version: string }[] = [];
  readonly wavering = new Set<string>();
  readonly published: { deployment: string; tag: string }[] = [];
  /** Freezes, pins, overrides, versions stopped. */
  readonly words: Words;
  done = false;
  /** Asked, not yet answered. */
  private readonly approving: { deployment: string; version: string }[] = [];
  private busy = 0;

  readonly operators: Operators;
  readonly answers: Answers;

  constructor(private readonly world: World) {
    this.words = new Words(world);
    this.operators = new Operators(world, (operation, request, tries) => this.ask(operation, request, tries));
    this.answers = new Answers(world, (operation, request, tries) => this.ask(operation, request, tries));
  }

  start(): void {
    const { world } = this;
    const begun = world.clockwork.now;
    for (const release of world.scenario.releases) {
      this.at(begun + release.at, async () => {
        await this.publish(release);
        await this.pause(world.random.between(0, 20_000));
        await this.decideOn(release.deployment, release.tag);
      });
    }
    if (world.random.chance(0.4)) this.at(begun + world.random.between(10_000, 150_000), () => this.changeHosts());
    const values = world.random.chance(0.4) ? world.random.between(1, 3) : 0;
    for (let i = 1; i <= values; i++) this.at(begun + world.random.between(20_000, 170_000), () => this.changeValue(i));
    const commands = world.random.between(0, 4);
    for (let i = 0; i < commands; i++)
      this.at(begun + world.random.between(20_000, world.scenario.troubledMs), () => this.operators.command());
    const looks = world.random.between(0, 6);
    for (let i = 0; i < looks; i++)
      this.at(begun + world.random.between(20_000, world.scenario.troubledMs + 60_000), () => this.operators.readInbox());
    const words = world.random.between(0, 4);
    for (let i = 0; i < words; i++) this.at(begun + world.random.between(5_000, world.scenario.troubledMs), () => this.speak());
  }

  /** A job is offered to agents: the moment at which taking an approval back matters most. */
  sees(job: { deployment: string; environment: string; version: string; rollback: boolean; kind: string }): void {
    if (job.kind !== 'verify' && this.world.random.chance(0.04))
      this.at(this.world.clockwork.now, () => this.words.sayAgainst(job, this.speaking()));
    if (job.environment !== 'production' || job.rollback || job.kind === 'verify' || !this.world.random.chance(0.1)) return;
    const { deployment, environment, version } = job;
    this.at(this.world.clockwork.now, () =>
      this.takeBack(this.world.random.pick(['policy.withdraw', 'policy.reject'] as const), { deployment, environment, version }),
    );
  }

  /** A run asks: nobody leaves that unanswered for ever. */
  isAsked(job: string): void {
    this.at(this.world.clockwork.now, () => this.answers.answer(job));
  }

  private at(time: number, act: () => Promise<void>): void {
    this.busy++;
    this.done = false;
    this.world.clockwork.after(undefined, time - this.world.clockwork.now, () => {
      void act().finally(() => {
        this.busy--;
        this.done = this.busy === 0;
      });
    });
  }

  private async publish({ deployment, tag, viaCi }: { deployment: string; tag: string; viaCi: boolean }): Promise<void> {
    if (viaCi) await this.world.publishFromCi(deployment, tag);
    else await this.ask('registry.publishVersion', { deployment, version: { tag } });
    this.world.note(`published ${deployment} ${tag}`);
    this.published.push({ deployment, tag });
  }

  /** Most versions are approved, a few rejected first, and some approvals taken back. */
  private async decideOn(deployment: string, version: string): Promise<void> {
    const { random } = this.world;
    const request = { deployment, environment: 'production', version };
    if (random.chance(0.15)) {
      await this.takeBack('policy.reject', request);
      await this.pause(random.between(1_000, 30_000));
    }
    if (random.chance(0.1)) return;
    await this.approve(request);
    if (!random.chance(0.15)) return;
    await this.pause(random.between(0, 20_000));
    await this.takeBack('policy.withdraw', request);
    await this.pause(random.between(1_000, 20_000));
    if (random.chance(0.7)) await this.approve(request);
  }

  private async approve(request: { deployment: string; environment: string; version: string }): Promise<void> {
    const { deployment, version } = request;
    this.approved.add(`${deployment}/${version}`);
    for (const w of this.withdrawals) if (w.deployment === deployment && w.version === version) w.until ??= this.world.clockwork.now;
    this.approving.push(request);
    const acknowledged = await this.ask('policy.approve', request);
    this.approving.splice(this.approving.indexOf(request), 1);
    if (acknowledged) this.acknowledged.push({ deployment, version });
  }

  private async takeBack(
    operation: 'policy.reject' | 'policy.withdraw',
    request: { deployment: string; environment: string; version: string },
  ): Promise<void> {
    this.wavering.add(`${request.deployment}/${request.version}`);
    const body = operation === 'policy.reject' ? { ...request, reason: 'no' } : request;
    if (await this.ask(operation, body as never, 3)) {
      this.world.note(`acknowledged: ${operation} ${request.deployment} ${request.version}`);
      const { deployment, version } = request;
      // Somebody else's approval on its way may come after it.
      if (this.approving.some((a) => a.deployment === deployment && a.version === version)) return;
      this.withdrawals.push({ deployment, version, at: this.world.clockwork.now });
    }
  }

  private speak(): Promise<void> {
    return this.words.say(this.speaking());
  }

  private speaking(): Speaking {
    return {
      ask: (operation, request, tries) => this.ask(operation, request, tries),
      pause: (ms) => this.pause(ms),
      published: this.published,
    };
  }

  /** A host joins, another leaves. */
  private async changeHosts(): Promise<void> {
    const { random, scenario } = this.world;
    await this.ask('registry.apply', { files: [{ file: 'more.yaml', text: hostDocument('p9', 'production') }] });
    await this.pause(random.between(0, 60_000));
    if (random.chance(0.5)) return;
    const leaves = random.pick(scenario.hosts.production);
    await this.ask('registry.apply', { files: [{ file: 'less.yaml', text: `kind: Resource\nidentifier: ${leaves}\nstate: absent\n` }] });
  }

  /** A variable set comes, changes or goes, or a resource changes that all hosts relate to: what runs is released anew where it differs. */
  private async changeValue(nth: number): Promise<void> {
    const { random } = this.world;
    const environment = random.pick(['staging', 'production']);
    const text = random.pick([
      baseDocument(`level-${nth}`),
      settingsDocument(environment, `setting-${nth}`),
      settingsDocument(environment, `setting-${nth}`),
      settingsDocument(environment, undefined),
    ]);
    await this.ask('registry.apply', { files: [{ file: 'values.yaml', text }] });
  }

  /** The reply, or undefined when it was refused. What is not known yet is asked for again a few times: it is on its way. */
  private async ask<N extends OperationName>(operation: N, request: RequestOf<N>, tries = 20): Promise<unknown> {
    for (let attempt = 1; attempt <= tries; attempt++) {
      const said = await this.answered(operation, request);
      if ('reply' in said) {
        this.world.note(`person: ${operation} ${JSON.stringify(request)}`);
        return said.reply ?? true;
      }
      this.world.note(`person: ${operation} ${JSON.stringify(request)} refused: ${said.error.code} ${said.error.message}`);
      if (said.error.kind !== 'missing') return undefined;
      await this.pause(5_000);
    }
    return undefined;
  }

  private async answered<N extends OperationName>(operation: N, request: RequestOf<N>) {
    const { deployment, tag, status } = request as { deployment: string; tag: string; status?: string };
    const told = operation === 'registry.setVersionStatus' && status === 'ready' ? this.words.makesReady(deployment, tag) : undefined;
    const said = await this.world.untilAcknowledged(operation, request);
    told?.();
    return said;
  }

  private pause(ms: number): Promise<void> {
    return this.world.clockwork.sleep(this.world.person, ms);
  }
}

import type { Clockwork, Life } from './clockwork.js';
import type { Executor, Outcome, Run } from '../../agents/src/executors/executor.js';
import type { Provider } from '../../agents/src/providers/provider.js';
import type { JsonObject } from '@slipway/core';
import { Places, type Act } from './places.js';

/*
 * The places themselves: what was really started there, when, by whom. They know nothing of services, streams or leases, and nothing dies here, so what
 * they wrote down is what invariants are checked against.
 */

export interface Start {
  run: string;
  job: string;
  deployment: string;
  resource: string;
  version: string;
  act: Act;
  agent: string;
  at: number;
  endedAt?: number;
  outcome?: Outcome['verb'];
  /** The plan that somebody must confirm before it goes on; they are numbered, since a plan may be made anew. */
  plan?: number;
}

/** How versions behave where they run; drawn by the scenario. */
export interface Behaviour {
  /** The program that installs it fails. */
  breaksInstall(version: string, resource: string): boolean;
  /** It installs, and does not work. */
  unhealthy(version: string, resource: string): boolean;
  durationMs(): number;
  /** How long the executor's system is not to be reached: before something is begun, and before it answers. */
  awayMs(): number;
  /** It makes a plan and waits until somebody has confirmed it. */
  asks(version: string, resource: string): boolean;
  /** After so long the plan is made anew, if it waits still. */
  replansAfterMs(): number | undefined;
  /** A plan that was confirmed turns out to be out of date. */
  isStale(): boolean;
  /** Other agents can see what became of a run; if not, all they know is that something may have begun. */
  observable: boolean;
}

export class Site {
  readonly log: Start[] = [];
  /** By deployment/resource. */
  readonly places = new Places();
  /** Called when something is really begun. */
  onStart: (start: Start) => void = () => undefined;
  /** Called when it was told what should never be done. */
  onNonsense: (start: Start, what: string) => void = () => undefined;
  /** Called when a plan is carried out. */
  onApply: (plan: string) => void = () => undefined;
  private readonly runs = new Map<string, Start>();
  /** Runs that were called off before anything was begun. */
  private readonly called = new Set<string>();
  private readonly waiting = new Map<Start, (() => void)[]>();

  constructor(
    private readonly clockwork: Clockwork,
    private readonly behaviour: Behaviour,
  ) {}

  /** The executor of one agent's life. */
  executor(life: Life, agent: string): Executor {
    const { clockwork } = this;
    return {
      type: 'sim',
      validate: () => undefined,
      observe: async (run) => {
        await this.reach(life);
        const begun = this.runs.get(run.id);
        if (!begun) return 'notStarted';
        if (!this.behaviour.observable && begun.agent !== agent) return 'unknown';
        if (begun.outcome === undefined) return 'running';
        return begun.outcome === 'succeeded' ? 'succeeded' : 'failed';
      },
      start: async (run) => {
        await this.reach(life);
        if (run.ending.aborted) throw new Error('it is to end, and was not begun');
        this.begin(run, agent);
        await this.reach(life);
      },
      follow: async (run) => {
        for (;;) {
          const begun = this.runs.get(run.id);
          if (!begun) return { verb: 'unknown', message: 'nothing was begun' };
          if (begun.outcome) return { verb: begun.outcome, message: `${begun.outcome} at the site` };
          if (begun.plan === undefined) await this.untilChanged(life, begun);
          else await this.askAbout(begun.plan, { life, run, begun });
        }
      },
      cancel: async (run) => {
        await clockwork.point(life);
        const begun = this.runs.get(run.id);
        if (!begun) this.called.add(run.id);
        else if (begun.outcome === undefined) this.end(begun, 'cancelled');
        return true;
      },
    };
  }

  /** Looks at what runs at a resource: 200 and its version, or 503. */
  provider(life: Life): Provider {
    return {
      type: 'sim',
      validate: () => undefined,
      secretReferences: () => ({}),
      probe: async (config: JsonObject) => {
        await this.clockwork.point(life);
        const { deployment, resource, weight, slot } = config as { deployment: string; resource: string; weight: number; slot: string };
        const version = this.places.lookedAt(`${deployment}/${resource}`, weight, slot);
        return { result: { status: this.behaviour.unhealthy(version, resource) ? 503 : 200, version } };
      },
    };
  }

  private async reach(life: Life): Promise<void> {
    await this.clockwork.point(life);
    const awayMs = this.behaviour.awayMs();
    if (awayMs > 0) await this.clockwork.sleep(life, awayMs);
  }

  private begin(run: Run, agent: string): void {
    if (this.runs.has(run.id)) return;
    const { grant } = run;
    const { deployment, resource, version, job } = grant;
    const { weight, slot } = grant.spec.context['job'] as Pick<Act, 'weight' | 'slot'>;
    const act = { kind: grant.kind, version, weight, ...(slot === undefined ? {} : { slot }) };
    const start: Start = { run: run.id, job, deployment, resource, version, act, agent, at: this.clockwork.now };
    this.runs.set(run.id, start);
    this.log.push(start);
    this.onStart(start);
    if (this.called.has(run.id)) this.onNonsense(start, 'was begun after its cancelling had been confirmed');
    if (act.kind !== 'deploy' || !this.behaviour.asks(version, resource)) return this.goOn(start);
    start.plan = 1;
    const replanMs = this.behaviour.replansAfterMs();
    if (replanMs !== undefined) this.clockwork.after(undefined, replanMs, () => this.replan(start));
  }

  private goOn(start: Start): void {
    const { deployment, resource, version, act } = start;
    this.clockwork.after(undefined, this.behaviour.durationMs(), () => {
      if (start.outcome !== undefined) return;
      const broken = this.behaviour.breaksInstall(version, resource);
      const nonsense = broken ? undefined : this.places.act(`${deployment}/${resource}`, act);
      if (nonsense !== undefined) this.onNonsense(start, nonsense);
      this.end(start, broken ? 'failed' : 'succeeded');
    });
  }

  private replan(start: Start): void {
    if (start.plan === undefined || start.outcome !== undefined) return;
    start.plan += 1;
    this.tell(start);
  }

  /** Until somebody has said yes to this plan and it is carried out, or there is another, or it is over. */
  private async askAbout(plan: number, { life, run, begun }: { life: Life; run: Run; begun: Start }): Promise<void> {
    const named = `plan ${plan} of ${run.id}`;
    const confirmed = run.actionRequired(named, { confirms: named });
    const heard = new Promise<void>((resolve) => {
      if (confirmed.aborted) resolve();
      else confirmed.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([heard, this.untilChanged(life, begun)]);
    if (!confirmed.aborted) return;
    await this.clockwork.point(life);
    if (begun.plan !== plan || begun.outcome !== undefined) return;
    if (this.behaviour.isStale()) return this.replan(begun);
    delete begun.plan;
    this.onApply(named);
    this.goOn(begun);
    await this.clockwork.point(life);
    run.progress({ message: `carries out ${named}` });
  }

  private untilChanged(life: Life, start: Start): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.waiting.get(start) ?? [];
      waiting.push(() => void this.clockwork.after(life, 50, resolve));
      this.waiting.set(start, waiting);
    });
  }

  private end(start: Start, outcome: Outcome['verb']): void {
    start.outcome = outcome;
    start.endedAt = this.clockwork.now;
    this.tell(start);
  }

  private tell(start: Start): void {
    const waiting = this.waiting.get(start) ?? [];
    this.waiting.delete(start);
    for (const tell of waiting) tell();
  }
}

import { jobConsumer, subjects, type ClaimAnswer, type RenewReply } from '@slipway/contracts';
import { Agent } from '../../agents/src/agent.js';
import { MemoryJournal } from '../../agents/src/journal.memory.js';
import type { Journal } from '../../agents/src/journal.js';
import type { Link, PulledInvitation } from '../../agents/src/ports.js';
import { away } from './bus.js';
import { Life, never } from './clockwork.js';
import { ask, copy, type MeshDeps } from './service-host.js';
import type { Site } from './site.js';

/** One agent as a process that can die: the real agent on a journal that survives, and a link that may be cut. */
export class AgentHost {
  life: Life;
  /** The link answers nothing before this time. */
  cutUntil = 0;
  private readonly journal = new MemoryJournal();
  /** What the agent does when it is told to renew now. */
  private hint: () => void = () => undefined;

  constructor(
    readonly name: string,
    private readonly pool: string,
    private readonly site: Site,
    private readonly mesh: MeshDeps,
  ) {
    this.life = new Life(name);
  }

  start(): void {
    const { clockwork } = this.mesh;
    const life = (this.life = new Life(this.name));
    const quiet = (): void => undefined;
    const agent = new Agent({
      config: { name: this.name, pool: this.pool, labels: {}, capacity: 3, version: 'simulated' },
      link: this.link(life),
      journal: this.surviving(life),
      executors: { sim: this.site.executor(life, this.name) },
      providers: { sim: this.site.provider(life) },
      allow: {},
      secrets: async () => ({}),
      clock: { now: () => clockwork.now, monotonic: () => clockwork.now },
      timers: { after: (ms, run) => clockwork.after(life, ms, run) },
      log: {
        debug: quiet,
        info: quiet,
        warn: quiet,
        error: (message, fields) => this.mesh.note(`${this.name} errors: ${message} ${JSON.stringify(fields)}`),
      },
      workDirectory: '/simulated',
    });
    void agent.start();
  }

  kill(): void {
    this.mesh.clockwork.kill(this.life);
  }

  /** A hint of the scheduler, at most once: lost when the link is cut, NATS is down or the agent dead. */
  nudge(): void {
    const { clockwork, bus, faults } = this.mesh;
    if (bus.down || clockwork.now < this.cutUntil || clockwork.random.chance(faults().dropRequest)) return;
    clockwork.after(this.life, clockwork.random.between(0, faults().latencyMsMax), () => this.hint());
  }

  /** Written or not: the process may die before and after. */
  private surviving(life: Life): Journal {
    const { clockwork } = this.mesh;
    const stepped = async <T>(work: () => Promise<T>): Promise<T> => {
      await clockwork.point(life);
      const result = await work();
      await clockwork.point(life);
      return life.alive ? result : never<T>();
    };
    return {
      load: () => stepped(() => this.journal.load()),
      append: (records) => stepped(() => this.journal.append(copy(records))),
      close: () => this.journal.close(),
    };
  }

  private link(life: Life): Link {
    const { clockwork, bus } = this.mesh;
    const reach = async (what: string): Promise<void> => {
      await clockwork.point(life);
      if (bus.down || clockwork.now < this.cutUntil) {
        await clockwork.sleep(life, 200);
        throw away(what);
      }
    };
    const request = async (operation: string, body: unknown): Promise<unknown> => {
      await reach(operation);
      return ask(this.mesh, life, 'scheduler', (host) => host.answerAgent(operation, body, this.name));
    };
    return {
      pull: async (executor, max) => {
        await reach('pull');
        const pulled = await bus.pull(life, `JOBS/${jobConsumer(this.pool, executor).name}`, max);
        return pulled.map(({ inbound, ack, nak }): PulledInvitation => ({ ...(inbound.body as PulledInvitation), ack, nak }));
      },
      claim: (body) => request('claim', body) as Promise<{ jobs: ClaimAnswer[] }>,
      renew: (body) => request('renew', body) as Promise<RenewReply>,
      report: async (reports) => {
        await reach('report');
        for (const { job, report } of reports)
          bus.publish(subjects.agentReport(this.name, job, report.verb), `${job}.${report.epoch}.${report.n}`, report);
        await reach('report acknowledged');
      },
      log: async () => undefined,
      heartbeat: (beat) => void request('hb', beat).catch(() => undefined),
      onNudge: (listener) => void (this.hint = listener),
    };
  }
}

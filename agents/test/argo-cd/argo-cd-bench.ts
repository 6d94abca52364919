import { ArgoCdServer, eventually, QUICK, type ControllerPace } from '@slipway/testkit';
import { ArgoCdExecutor } from '../../src/executors/argo-cd/argo-cd.js';
import type { Outcome, Run } from '../../src/executors/executor.js';
import type { Grant } from '../../src/ports.js';
import { VendorClients } from '../../src/vendor/vendor-clients.js';
import { HurriedTime } from '../hurried-time.js';
import { Scratch, type ScratchRun } from '../scratch-run.js';

type Config = Run['config'];

export interface BenchRun extends ScratchRun {
  end: AbortController;
}

/** A stand-in and agents that run the executor against it. */
export class ArgoCdBench {
  readonly scratch = new Scratch();
  readonly time: HurriedTime;
  private readonly clients: VendorClients[] = [];

  private constructor(
    readonly server: ArgoCdServer,
    hurry: number,
  ) {
    this.time = new HurriedTime(hurry);
  }

  /** `pace: 'by hand'`: the controller does what the test says, and nothing else. */
  static async open(over: { pace?: Partial<ControllerPace> | 'by hand'; hurry?: number; tls?: boolean } = {}): Promise<ArgoCdBench> {
    const pace = over.pace === 'by hand' ? {} : { pace: { ...QUICK, ...over.pace } };
    const server = await new ArgoCdServer({ ...pace, ...(over.tls ? { tls: true } : {}) }).start();
    return new ArgoCdBench(server, over.hurry ?? 20);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((clients) => clients.close()));
    await this.server.stop();
    this.scratch.remove();
  }

  /** An agent of its own: another has its own connections and no notes. */
  agent(): ArgoCdExecutor {
    return new ArgoCdExecutor(this.opened());
  }

  opened(): VendorClients {
    const clients = new VendorClients({ clock: this.time, timers: this.time, random: () => 0.5 });
    this.clients.push(clients);
    return clients;
  }

  config(over: object = {}): Config {
    return {
      type: 'argo-cd',
      server: this.server.url,
      token: 'env:ARGOCD_TOKEN',
      application: { name: 'checkout', project: 'shop' },
      ...over,
    } as Config;
  }

  run(config: object = {}, over: { job?: string; grant?: Partial<Grant>; token?: string; context?: object } = {}): BenchRun {
    const { job, grant, token = 'good-token', context } = over;
    const run = this.scratch.run(this.config(config), { ...(job ? { job } : {}), ...(grant ? { grant } : {}), secrets: { token } });
    const end = new AbortController();
    if (context) run.grant = { ...run.grant, spec: { ...run.grant.spec, context: context as Grant['spec']['context'] } };
    return Object.assign(run, { end, ending: end.signal, timers: this.time, clock: this.time });
  }

  /** Begun and followed by one agent. */
  async through(run: Run, agent = this.agent()): Promise<Outcome> {
    await agent.start(run);
    return agent.follow(run);
  }

  syncs(): number {
    return this.server.count('POST', /\/sync$/);
  }
}

export const messagesOf = (run: ScratchRun): string =>
  run.said.progress.map((one) => (one as { message?: string }).message ?? '').join('\n');

/** Waits until the run has said this. */
export const said = (run: ScratchRun, what: RegExp): Promise<boolean> => eventually(`it says ${what}`, () => what.test(messagesOf(run)));

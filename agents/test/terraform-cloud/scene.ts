import type { JobSpec, Json } from '@slipway/core';
import { TerraformCloudServer } from '@slipway/testkit';
import { TerraformCloudExecutor } from '../../src/executors/terraform-cloud/terraform-cloud.js';
import type { Outcome } from '../../src/executors/executor.js';
import { VendorClients } from '../../src/vendor/vendor-clients.js';
import { HurriedTime } from '../hurried-time.js';
import { Scratch, type ScratchRun } from '../scratch-run.js';

export interface SceneRun extends ScratchRun {
  /** Values that were to be hidden. */
  hidden: string[];
  /** The run is to end. */
  end: () => void;
}

/** A stand-in of the vendor, an agent's clients, and runs whose time runs faster than ours. */
export class Scene {
  readonly scratch = new Scratch();
  readonly time: HurriedTime;
  readonly clients: VendorClients;
  readonly executor: TerraformCloudExecutor;
  private readonly stops: (() => void)[] = [];

  private constructor(
    readonly server: TerraformCloudServer,
    factor: number,
  ) {
    this.time = new HurriedTime(factor);
    this.clients = new VendorClients({ clock: this.time, timers: this.time, random: () => 0.5 });
    this.executor = new TerraformCloudExecutor(this.clients);
  }

  static async open(over: { tls?: boolean; factor?: number } = {}): Promise<Scene> {
    const { factor = 400, ...options } = over;
    return new Scene(await new TerraformCloudServer(options).start(), factor);
  }

  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.clients.close();
    await this.server.stop();
    this.scratch.remove();
  }

  config(over: Record<string, Json> = {}): JobSpec['executor'] {
    return {
      type: 'terraform-cloud',
      server: this.server.url,
      token: 'env:TFC_TOKEN',
      organization: 'acme',
      workspace: { name: 'shop' },
      ...over,
    };
  }

  run(over: Record<string, Json> = {}, more: { job?: string; secrets?: Record<string, string>; observeFirst?: boolean } = {}): SceneRun {
    const stop = new AbortController();
    const ending = new AbortController();
    this.stops.push(() => stop.abort());
    const secrets = { token: 'tfc-token', ...more.secrets };
    const grant = { observeFirst: more.observeFirst ?? false };
    const run: ScratchRun = this.scratch.run(this.config(over), { ...(more.job === undefined ? {} : { job: more.job }), secrets, grant });
    const hidden: string[] = [];
    return {
      ...run,
      timers: this.time,
      clock: this.time,
      signal: stop.signal,
      ending: AbortSignal.any([stop.signal, ending.signal]),
      hide: (value) => hidden.push(value),
      hidden,
      end: () => ending.abort(),
    };
  }

  /** From the beginning to the end. */
  async carryOut(run: SceneRun): Promise<Outcome> {
    await this.executor.start(run);
    return this.executor.follow(run);
  }
}

/** What people were told while it ran. */
export const messagesOf = (run: SceneRun): string[] =>
  (run.said.progress as { step?: string; message?: string }[]).map(({ step, message }) => [step, message].filter(Boolean).join(': '));

/** Everything that was said, as the agent shows it: without what was to be hidden. */
export const shownBy = (run: SceneRun): string =>
  run.hidden.reduce((text, secret) => text.replaceAll(secret, '***'), JSON.stringify(run.said));

/** The vendor has statuses that its document lacks. */
export const isUnknownStatus = (violation: string): boolean => /status must be equal to one of the allowed values$/.test(violation);

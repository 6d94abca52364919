import type { OperationName, RequestOf } from '@slipway/contracts';
import { subjects } from '@slipway/contracts';
import type { SlipwayError } from '@slipway/core';
import type { Caller, ServiceParts } from '@slipway/messaging';
import { createMemoryStore, type MemoryStore } from '@slipway/persistence';
import type { ServiceDeps } from '@slipway/hosting';
import { createPolicy } from '../../services/policy/src/parts.js';
import { tables as policyTables } from '../../services/policy/src/tables.js';
import { createRegistry } from '../../services/registry/src/parts.js';
import { tables as registryTables } from '../../services/registry/src/tables.js';
import { createScheduler } from '../../services/scheduler/src/parts.js';
import { tables as schedulerTables } from '../../services/scheduler/src/tables.js';
import { AgentHost } from './agent-host.js';
import { Bus } from './bus.js';
import { Clockwork, Life } from './clockwork.js';
import { drawFaults, noFaults, type Faults } from './faults.js';
import { Random } from './random.js';
import { drawScenario, type Scenario } from './scenario.js';
import { ask, ServiceHost, type MeshDeps } from './service-host.js';
import { Site } from './site.js';

/*
 * The whole mesh in one process and virtual time: the real parts of registry, policy and scheduler on memory stores, real agents, a bus that loses,
 * repeats, delays and reorders, and people and CI who want things. Everything is drawn from one seed.
 */

const START = Date.UTC(2026, 10, 23, 9);
const NOTES_MAX = 400;
/** How long a killed process stays dead at most. */
const DEAD_MS_MAX = 20_000;
const AGENTS_PER_POOL = 2;

export const ann: Caller = { name: 'user:ann', groups: ['releasers'], role: 'admin' };

export class World {
  readonly random: Random;
  readonly clockwork: Clockwork;
  readonly bus: Bus;
  readonly site: Site;
  readonly scenario: Scenario;
  readonly services = new Map<string, ServiceHost[]>();
  readonly stores = new Map<string, MemoryStore>();
  readonly agents: AgentHost[] = [];
  readonly notes: string[] = [];
  readonly person = new Life('person');
  /** Called after every commit of a service. */
  onCommit: (service: string) => void = () => undefined;
  faults: Faults = noFaults();
  readonly drawn: Faults;
  private readonly mesh: MeshDeps;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.drawn = drawFaults(this.random);
    this.scenario = drawScenario(this.random);
    this.clockwork = new Clockwork(START, this.random, () => this.faults);
    this.bus = new Bus(this.clockwork, () => this.faults);
    this.site = new Site(this.clockwork, this.scenario.behaviour);
    this.mesh = {
      clockwork: this.clockwork,
      bus: this.bus,
      faults: () => this.faults,
      services: this.services,
      committed: (service) => this.onCommit(service),
      note: (line) => this.note(line),
    };
    for (const pool of this.scenario.pools) for (const executor of ['sim', 'verify']) this.bus.ensureJobQueue(pool, executor);
    this.clockwork.mayDie = (life) => this.dies(life);
  }

  note(line: string): void {
    this.notes.push(`${((this.clockwork.now - START) / 1_000).toFixed(3)} ${line}`);
    if (this.notes.length > NOTES_MAX) this.notes.shift();
  }

  /** Everything starts and the documents are applied, before anything goes wrong. */
  async boot(): Promise<void> {
    this.service('registry', registryTables, (deps) =>
      createRegistry({ ...deps, credentials: noCredentials, queues: { ensure: async () => undefined } }),
    );
    this.service('policy', policyTables, createPolicy);
    this.service('scheduler', schedulerTables, (deps) =>
      createScheduler({ ...deps, nudgeAgent: (name) => this.agents.find((agent) => agent.name === name)?.nudge() }),
    );
    for (const host of [...this.services.values()].flat()) host.start();
    for (const pool of this.scenario.pools) {
      for (let i = 1; i <= AGENTS_PER_POOL; i++) this.agents.push(new AgentHost(`${pool}-${i}`, pool, this.site, this.mesh));
    }
    for (const agent of this.agents) agent.start();
    const applied = await this.untilAcknowledged('registry.apply', { files: [{ file: 'mesh.yaml', text: this.scenario.documents }] });
    if ('error' in applied) throw applied.error;
  }

  /** Run until this much virtual time has passed, or `stop` says so. */
  async run(ms: number, stop: () => boolean): Promise<void> {
    const until = this.clockwork.now + ms;
    while (!stop() && (await this.clockwork.step(until)));
  }

  /** Faults begin: what the seed allows happens to whoever takes a step; links and NATS go away now and then. */
  trouble(): void {
    this.faults = this.drawn;
    const each = (): void => {
      if (this.faults !== this.drawn) return;
      const { random, clockwork } = this;
      if (random.chance(this.faults.natsOutage)) this.bus.downUntil = clockwork.now + random.between(500, 20_000);
      for (const agent of this.agents) {
        if (random.chance(this.faults.cutLink)) {
          agent.cutUntil = clockwork.now + random.between(1_000, 90_000);
          this.note(`${agent.name} is cut off for ${agent.cutUntil - clockwork.now} ms`);
        }
      }
      clockwork.after(undefined, 1_000, each);
    };
    each();
  }

  /** Faults stop, and whatever was away comes back. */
  heal(): void {
    this.note('faults stop');
    this.faults = noFaults();
    this.bus.downUntil = 0;
    for (const agent of this.agents) agent.cutUntil = 0;
  }

  /** Ask as a person, again and again while nobody answers; what is answered is final. */
  async untilAcknowledged<N extends OperationName>(
    operation: N,
    request: RequestOf<N>,
  ): Promise<{ reply: unknown } | { error: SlipwayError }> {
    for (;;) {
      const answer = this.asPerson(operation, request).then(
        (reply) => ({ reply }),
        (error: SlipwayError) => ({ error }),
      );
      const said = await this.awaited(answer);
      if (!('error' in said) || said.error.kind !== 'unavailable') return said;
    }
  }

  asPerson<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<unknown> {
    const service = operation.split('.')[0] ?? '';
    return ask(this.mesh, this.person, service, (host) => host.answer(operation, request, ann));
  }

  /** CI publishes until the stream has acknowledged. */
  async publishFromCi(deployment: string, tag: string): Promise<void> {
    for (;;) {
      try {
        this.bus.publish(subjects.ciVersion(deployment), `ci:${deployment}:${tag}`, { tag });
        return;
      } catch {
        await this.clockwork.sleep(this.person, 1_000);
      }
    }
  }

  /** While the boot runs nobody else drives the clockwork; later the simulation does. */
  private async awaited<T>(promise: Promise<T>): Promise<T> {
    if (this.driven) return promise;
    let value: { is: T } | undefined;
    void promise.then((is) => (value = { is }));
    while (!value) await this.clockwork.step(this.clockwork.now + 60_000);
    return value.is;
  }
  /** The simulation drives the clockwork now. */
  driven = false;

  private service(name: string, tables: Parameters<typeof createMemoryStore>[0], create: (deps: ServiceDeps) => ServiceParts): void {
    const store = createMemoryStore(tables);
    this.stores.set(name, store);
    const copies = Array.from({ length: this.scenario.copies }, (_, i) => new ServiceHost(name, i + 1, store, create, this.mesh));
    this.services.set(name, copies);
  }

  /** What a service's database holds, by table. */
  rows(service: string): Record<string, unknown[]> {
    return this.stores.get(service)?.snapshot() ?? {};
  }

  private dies(life: Life): boolean {
    const host = [...[...this.services.values()].flat(), ...this.agents].find((h) => h.life === life);
    if (!host) return false;
    const probability = host instanceof AgentHost ? this.faults.crashAgent : this.faults.crashService;
    if (!this.random.chance(probability)) return false;
    this.note(`${life.name} dies`);
    this.clockwork.after(undefined, this.random.between(0, DEAD_MS_MAX), () => {
      this.note(`${life.name} starts again`);
      host.start();
    });
    return true;
  }
}

const noCredentials = {
  mintAgent: async () => '',
  mintEnrolment: async () => '',
  revoke: async () => undefined,
  servers: () => [],
  makeSecret: () => 'secret',
};

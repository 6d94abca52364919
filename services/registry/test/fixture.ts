import { createRegistry, type RegistryDeps } from '../src/parts.js';
import { tables } from '../src/tables.js';
import { ciVersionSchema, operations, type OperationName, type ReplyOf, type RequestOf } from '@slipway/contracts';
import { SlipwayError, type InventoryChange } from '@slipway/core';
import type { Caller, Inbound, Settlement } from '@slipway/messaging';
import { createMemoryStore, type MemoryStore, type Store } from '@slipway/persistence';
import { systemIds } from '@slipway/runtime';

/** Credentials that are only words, and remember what was revoked. */
class WordCredentials {
  readonly revoked: string[] = [];
  readonly queues: string[] = [];
  private secrets = 0;
  mintAgent = ({
    name,
    pool,
    executors,
    publicKey,
  }: {
    name: string;
    pool: string;
    executors: readonly string[];
    publicKey: string;
  }): Promise<string> => Promise.resolve(`jwt of ${name} in ${pool} for ${executors.join(',')} with ${publicKey}`);
  mintEnrolment = ({ agent }: { agent: string }): Promise<string> => Promise.resolve(`creds to enrol ${agent}`);
  revoke = (publicKey: string): Promise<void> => Promise.resolve(void this.revoked.push(publicKey));
  servers = (): string[] => ['nats://127.0.0.1:4222'];
  makeSecret = (): string => `secret-${(this.secrets += 1)}`;
  ensure = (pool: string, executor: string): Promise<void> => Promise.resolve(void this.queues.push(`${pool}_${executor}`));
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const admin: Caller = { name: 'user:ann', groups: [], role: 'admin' };

export interface Fixture {
  store: Store;
  parts: ReturnType<typeof createRegistry>;
  words: WordCredentials;
  /** Whether the scheduler answers, and what it was asked to take. */
  scheduler: { answers: boolean; taken: RequestOf<'scheduler.takeChanges'>[] };
  /** Epoch milliseconds that the registry sees. */
  time: { now: number };
  ask<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ReplyOf<N>>;
  apply(text: string, dryRun?: boolean): Promise<ReplyOf<'registry.apply'>>;
  ci(messages: { deployment: string; body: unknown }[]): Promise<Settlement[]>;
  agentAsks(operation: 'enrol' | 'credentials', request: object, agent: string): Promise<Record<string, unknown>>;
  feed(): Promise<InventoryChange[]>;
}

/** A registry on a store. */
export function registryOn(store: Store): Fixture {
  const words = new WordCredentials();
  const time = { now: Date.UTC(2026, 10, 22) };
  const scheduler: Fixture['scheduler'] = { answers: true, taken: [] };
  const deps: RegistryDeps = {
    store,
    clock: { now: () => time.now },
    ids: systemIds,
    log: silent,
    requests: {
      ask: (operation, request) => {
        if (operation !== 'scheduler.takeChanges') return Promise.reject(new Error(`the registry does not ask ${operation}`));
        if (!scheduler.answers)
          return Promise.reject(new SlipwayError({ code: 'messaging.request.noAnswer', kind: 'unavailable', message: 'nobody answers' }));
        scheduler.taken.push(request as never);
        return Promise.resolve({ revision: 0 } as never);
      },
    },
    nudge: () => undefined,
    credentials: words,
    queues: words,
  };
  const parts = createRegistry(deps);
  const ask: Fixture['ask'] = (operation, request) => {
    const handler = parts.operations[operation] as (request: unknown, caller: Caller) => Promise<never>;
    return handler(operations[operation].request.parse(request), admin);
  };
  return {
    store,
    parts,
    words,
    time,
    scheduler,
    ask,
    apply: (text, dryRun = false) => ask('registry.apply', { files: [{ file: 'mesh.yaml', text }], dryRun }),
    async ci(messages) {
      const batch = messages.map(({ deployment, body }, i): Inbound => ({
        id: `CI:${i + 1}`,
        subject: `slipway.ci.version.${deployment}`,
        // As the host does: what does not parse never gets to the handler.
        body: ciVersionSchema.parse(body),
        headers: {},
        attempt: 1,
        sequence: i + 1,
      }));
      const settlements = await parts.consumers['CI/registry']?.(batch);
      return batch.map(({ id }) => settlements?.get(id) ?? { kind: 'ack' });
    },
    agentAsks: (operation, request, agent) => parts.agentRequests[operation]?.(request as never, agent) as Promise<Record<string, unknown>>,
    feed: async () => (await ask('registry.feed', { since: 0 })).changes,
  };
}

export const memoryRegistry = (): Fixture & { store: MemoryStore } => {
  const store = createMemoryStore(tables);
  return { ...registryOn(store), store };
};

/** Everything that waits in the outbox, in order. */
export const sent = (store: MemoryStore): { subject: string; body: Record<string, unknown> }[] =>
  store.outbox().flatMap((row) => row.messages as unknown as { subject: string; body: Record<string, unknown> }[]);

export const host = (name: string, stage: string, runs = 'checkout', extra = ''): string =>
  `kind: Resource\nidentifier: ${name}\ntype: host\nmetadata: { stage: ${stage}, runs: "${runs}", site: par }\nconfig: { address: "${name}:8080", directory: /srv/${name} }\n${extra}`;

/** FEEL's mesh, with two hosts. */
export const SHOP = `kind: System
name: shop
---
kind: Environment
name: staging
system: shop
resources: resource.kind == "host" && resource.metadata.stage == "staging"
---
kind: Environment
name: production
system: shop
resources: resource.kind == "host" && resource.metadata.stage == "production"
---
kind: Deployment
name: checkout
system: shop
resources: resource.metadata.runs.contains("checkout")
pool: "{{ resource.metadata.site }}"
executor:
  type: command
  run: ["./install.sh", "{{ version.tag }}", "{{ resource.config.directory }}"]
  timeout: 2m
variables:
  port: { type: integer, default: 8080 }
verification:
  - metric: health
    provider: { type: http, url: "http://{{ resource.config.address }}:{{ variables.port }}/health" }
    interval: 2s
    count: 5
    successCondition: result.status == 200 && result.json.version == version.tag
---
kind: Policy
name: production
description: Nothing reaches production unseen.
selector: environment.name == "production"
rules:
  - environmentProgression: { dependsOn: environment.name == "staging", soak: 10m }
  - approval: { required: 1, from: [group:releasers] }
  - window: { rrule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH;BYHOUR=9", duration: 7h, timezone: Europe/Berlin }
  - gradualRollout:
      waves:
        - { name: canary, targets: 1, hold: 5m, verify: true }
        - { name: half, targets: 50%, verify: true }
        - { name: all, targets: 100% }
      order: [resource.metadata.region]
      failureBudget: 0
  - rollback: { on: [jobFailure, verificationFailure], scope: rollout }
---
${host('stage-1', 'staging')}
---
${host('par-1', 'production')}
`;

/** The error with which work was refused. */
export async function refusal(work: Promise<unknown>): Promise<SlipwayError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SlipwayError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

/*
 * Streams and consumers, declared once. `provision` brings them about and refuses to change what is immutable; no service creates any
 * of them. Every limit is explicit (NATS.md: 2.15 caps consumers by default, discard-old loses jobs silently).
 */

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const MIB = 1_048_576;

export interface StreamDeclaration {
  name: string;
  subjects: string[];
  discard: 'old' | 'new';
  maxAgeMs: number;
  maxBytes: number;
  maxMsgSize: number;
  duplicateWindowMs: number;
  maxConsumers: number;
  maxMsgsPerSubject?: number;
  allowAtomic: boolean;
  allowDirect: boolean;
  denyDelete: boolean;
  denyPurge: boolean;
  compression: 'none' | 's2';
}

const base = {
  maxMsgSize: 8 * MIB,
  allowAtomic: true,
  allowDirect: true,
  denyDelete: true,
  denyPurge: false,
  compression: 'none',
} as const;

export const streams: readonly StreamDeclaration[] = [
  {
    ...base,
    name: 'CI',
    subjects: ['slipway.ci.>'],
    discard: 'new',
    maxAgeMs: 180 * DAY_MS,
    maxBytes: 1_024 * MIB,
    maxMsgSize: 65_536,
    duplicateWindowMs: 10 * MINUTE_MS,
    maxConsumers: 20,
  },
  {
    ...base,
    name: 'EVT',
    subjects: ['slipway.evt.>'],
    discard: 'new',
    maxAgeMs: 400 * DAY_MS,
    maxBytes: 8_192 * MIB,
    duplicateWindowMs: 5 * MINUTE_MS,
    maxConsumers: 100,
    denyPurge: true,
  },
  {
    ...base,
    name: 'JOBS',
    subjects: ['slipway.job.>'],
    discard: 'new',
    maxAgeMs: 30 * DAY_MS,
    maxBytes: 1_024 * MIB,
    maxMsgSize: 65_536,
    duplicateWindowMs: 5 * MINUTE_MS,
    maxConsumers: 2_000,
    // A job that is offered again takes the place of its earlier invitation.
    maxMsgsPerSubject: 1,
    denyDelete: false,
  },
  {
    ...base,
    name: 'REPORTS',
    subjects: ['slipway.agt.*.job.>'],
    discard: 'new',
    maxAgeMs: 30 * DAY_MS,
    maxBytes: 4_096 * MIB,
    maxMsgSize: 65_536,
    duplicateWindowMs: 5 * MINUTE_MS,
    maxConsumers: 20,
  },
  {
    ...base,
    name: 'LOGS',
    subjects: ['slipway.agt.*.log.>'],
    discard: 'old',
    maxAgeMs: 7 * DAY_MS,
    maxBytes: 2_048 * MIB,
    maxMsgSize: 131_072,
    duplicateWindowMs: MINUTE_MS,
    maxConsumers: 200,
    compression: 's2',
  },
  {
    ...base,
    name: 'DLQ',
    subjects: ['slipway.dlq.>'],
    discard: 'new',
    maxAgeMs: 90 * DAY_MS,
    maxBytes: 512 * MIB,
    duplicateWindowMs: 5 * MINUTE_MS,
    maxConsumers: 20,
    denyDelete: false,
  },
];

export interface ConsumerDeclaration {
  stream: string;
  name: string;
  filters: string[];
  ackWaitMs: number;
  /** -1: the settlement table counts attempts, so that an outage is never a dead letter. */
  maxDeliver: number;
  maxAckPending: number;
}

/** Inventory events that mirrors follow. */
const INVENTORY_FILTERS = ['system', 'environment', 'deployment', 'resource', 'policy', 'metric', 'variableSet', 'version', 'targets'].map(
  (k) => `slipway.evt.${k}.>`,
);

export const consumers: readonly ConsumerDeclaration[] = [
  { stream: 'CI', name: 'registry', filters: ['slipway.ci.version.>'], ackWaitMs: 30_000, maxDeliver: -1, maxAckPending: 1_000 },
  {
    stream: 'EVT',
    name: 'policy',
    filters: [...INVENTORY_FILTERS, 'slipway.evt.release.>'],
    ackWaitMs: 30_000,
    maxDeliver: -1,
    maxAckPending: 2_000,
  },
  {
    stream: 'EVT',
    name: 'scheduler',
    filters: [...INVENTORY_FILTERS, 'slipway.evt.agent.*.enrolled', 'slipway.evt.decision.>', 'slipway.evt.freeze.>', 'slipway.evt.pin.>'],
    ackWaitMs: 30_000,
    maxDeliver: -1,
    maxAckPending: 2_000,
  },
  { stream: 'REPORTS', name: 'scheduler', filters: ['slipway.agt.*.job.>'], ackWaitMs: 30_000, maxDeliver: -1, maxAckPending: 2_000 },
];

/** The queue of one pool and executor, made by the registry when the first agent enrols for it. `_` cannot stand in a slug. */
export function jobConsumer(pool: string, executor: string): ConsumerDeclaration {
  return {
    stream: 'JOBS',
    name: `${pool}_${executor}`,
    filters: [`slipway.job.${pool}.${executor}.>`],
    ackWaitMs: 60_000,
    maxDeliver: -1,
    maxAckPending: 1_000,
  };
}

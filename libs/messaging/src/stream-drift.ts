import type { ConsumerDeclaration, StreamDeclaration } from '@slipway/contracts';
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';
import { AckPolicy, DeliverPolicy, DiscardPolicy, ReplayPolicy, RetentionPolicy, StorageType, StoreCompression } from '@nats-io/jetstream';

/*
 * What streams and consumers should be, what they are, and whether the server could change the one into the other. Pure.
 */

export interface Drift {
  /** `stream EVT` or `consumer EVT/policy`. */
  of: string;
  field: string;
  is: unknown;
  wanted: unknown;
  /** False: the server cannot change it, or only one way; the stream would have to be made anew by hand. */
  mutable: boolean;
}

const NS_PER_MS = 1_000_000;

/** Our declaration in the server's words. */
export function toStreamConfig(d: StreamDeclaration, replicas: number) {
  return {
    name: d.name,
    subjects: d.subjects,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: d.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    max_age: d.maxAgeMs * NS_PER_MS,
    max_bytes: d.maxBytes,
    max_msgs: -1,
    max_msg_size: d.maxMsgSize,
    max_consumers: d.maxConsumers,
    max_msgs_per_subject: d.maxMsgsPerSubject ?? -1,
    duplicate_window: d.duplicateWindowMs * NS_PER_MS,
    num_replicas: replicas,
    allow_direct: d.allowDirect,
    allow_atomic: d.allowAtomic,
    deny_delete: d.denyDelete,
    deny_purge: d.denyPurge,
    compression: d.compression === 's2' ? StoreCompression.S2 : StoreCompression.None,
  } satisfies Partial<StreamConfig>;
}

export function toConsumerConfig(d: ConsumerDeclaration) {
  return {
    durable_name: d.name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: d.ackWaitMs * NS_PER_MS,
    max_deliver: d.maxDeliver,
    max_ack_pending: d.maxAckPending,
    ...(d.filters.length === 1 ? { filter_subject: d.filters[0] as string } : { filter_subjects: d.filters }),
  } satisfies Partial<ConsumerConfig>;
}

/** Fields that the server never changes on a stream that exists. */
const STREAM_FIXED = new Set(['name', 'storage', 'retention', 'max_consumers']);
/** Once forbidden, always forbidden. */
const STREAM_ONE_WAY = new Set(['deny_delete', 'deny_purge']);
const CONSUMER_FIXED = new Set(['durable_name', 'ack_policy', 'deliver_policy', 'replay_policy']);

export function diffStream(wanted: ReturnType<typeof toStreamConfig>, is: StreamConfig): Drift[] {
  return diff(`stream ${wanted.name}`, wanted, is as unknown as Record<string, unknown>, (field, to) =>
    STREAM_ONE_WAY.has(field) ? to === true : !STREAM_FIXED.has(field),
  );
}

export function diffConsumer(stream: string, wanted: ReturnType<typeof toConsumerConfig>, is: ConsumerConfig): Drift[] {
  // The one filter and the list of filters are two fields of the same thing.
  const actual = { ...is, filters: filtersOf(is) } as unknown as Record<string, unknown>;
  const {
    filter_subject: _one,
    filter_subjects: _many,
    ...rest
  } = wanted as ReturnType<typeof toConsumerConfig> & { filter_subject?: string; filter_subjects?: string[] };
  return diff(
    `consumer ${stream}/${wanted.durable_name}`,
    { ...rest, filters: filtersOf(wanted) },
    actual,
    (field) => !CONSUMER_FIXED.has(field),
  );
}

function filtersOf(config: { filter_subject?: string; filter_subjects?: string[] }): string[] {
  return (config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : [])).toSorted();
}

function diff(of: string, wanted: object, is: Record<string, unknown>, mutable: (field: string, to: unknown) => boolean): Drift[] {
  return Object.entries(wanted)
    .map(([field, to]) => ({ of, field, is: is[field] ?? false, wanted: to as unknown, mutable: mutable(field, to) }))
    .filter((d) => JSON.stringify(d.is) !== JSON.stringify(d.wanted));
}

/** `stream EVT: max_bytes 1024 → 2048 (cannot be changed)`. */
export function formatDrift(d: Drift): string {
  return `${d.of}: ${d.field} ${JSON.stringify(d.is)} → ${JSON.stringify(d.wanted)}${d.mutable ? '' : ' (cannot be changed)'}`;
}

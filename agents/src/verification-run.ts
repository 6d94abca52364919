import { classify, judgeAll, nextMeasurementAt, type Classified, type Json, type JsonObject, type MetricSpec } from '@slipway/core';
import { vetoProvider } from './allow-list.js';
import type { HeldJob, Saying } from './held-job.js';
import type { JobRunParts } from './job-run.js';
import { Mask } from './masking.js';
import type { Probe, ProbeContext, Provider } from './providers/provider.js';
import { cleanText } from './text.js';
import { pause } from './timers.js';

/** What is kept of a value that was seen: enough to understand the verdict, little enough for a row. */
const VALUE_LENGTH_MAX = 4_000;
const MESSAGE_LENGTH_MAX = 1_000;
const TEXT_LENGTH_MAX = 500;
/** Whoever judges, masks, sends and stores a value descends into it; no honest answer is deeper. */
const DEPTH_MAX = 64;

export type VerificationParts = JobRunParts & { providers: Readonly<Record<string, Provider>> };

/**
 * One `verify` job: measures each metric at its times and publishes every measurement by itself, going on from those that the grant brought
 * (another agent made them) or the journal held. The verdict is always core's; the last report only says that the measuring is over.
 */
export async function runVerification(held: HeldJob, parts: VerificationParts): Promise<void> {
  const metrics = held.grant.spec.metrics ?? [];
  for (const metric of metrics) {
    const provider = parts.providers[metric.provider.type];
    const veto = provider
      ? (provider.validate(metric.provider) ?? vetoProvider(parts.allow, provider, metric.provider))
      : `this agent has no provider ${metric.provider.type}; it has ${Object.keys(parts.providers).join(', ')}`;
    if (veto !== undefined) return parts.say(held, { verb: 'rejected', message: `metric ${metric.name}: ${veto}` });
  }
  await held.awaitLease(() => parts.clock.monotonic());
  if (held.startedAt === undefined) parts.say(held, { verb: 'started' });
  const startedAt = held.startedAt ?? parts.clock.now();
  // The clock began when what is verified had succeeded, and goes on over the loss of an agent.
  const clockAt = startedAt - (held.grant.elapsedMs ?? 0);

  const over = new AbortController();
  const until = AbortSignal.any([over.signal, held.stopped.signal, held.cancelled.signal]);
  let timedOut = false;
  const stopLimit = parts.timers.after(Math.max(0, startedAt + held.grant.runMs - parts.clock.now()), () => {
    timedOut = true;
    over.abort();
  });
  const judged = (): ReturnType<typeof judgeAll> => judgeAll(metrics, held.measurements);
  await Promise.all(
    metrics.map((metric) =>
      measure(held, metric, {
        clockAt,
        until,
        parts,
        measured: () => {
          if (judged().done) over.abort();
        },
      }),
    ),
  );
  stopLimit();
  const { verdict, sentence, done } = judged();
  if (!done && held.cancelled.signal.aborted) return parts.say(held, { verb: 'cancelled', message: 'measuring was cancelled' });
  if (!done && timedOut)
    return parts.say(held, { verb: 'timedOut', message: `not judged within ${held.grant.runMs / 1_000} s: ${sentence}` });
  parts.say(held, { verb: verdict === 'passed' || verdict === 'notVerified' ? 'succeeded' : 'failed', message: `${verdict}: ${sentence}` });
}

interface Measuring {
  clockAt: number;
  until: AbortSignal;
  parts: VerificationParts;
  measured: () => void;
}

/** Measure one metric until it is judged or measuring is over. */
async function measure(held: HeldJob, metric: MetricSpec, { clockAt, until, parts, measured }: Measuring): Promise<void> {
  for (;;) {
    const dueAt = nextMeasurementAt(metric, held.measurements, clockAt, parts.clock.now());
    if (dueAt === undefined) return;
    await pause(parts.timers, Math.max(0, dueAt - parts.clock.now()), until);
    if (until.aborted) return;
    const { probe, mask } = await look(metric, parts, { dueAt, signal: until });
    if (until.aborted) return;
    const index = held.measurements.reduce((next, m) => (m.metric === metric.name ? Math.max(next, m.index + 1) : next), 0);
    const seen = meaningOf(metric, probe, held.grant.spec.context);
    const value = 'result' in probe ? keptValue(probe.result, mask) : undefined;
    const saying: Saying = {
      verb: 'measured',
      measurement: {
        metric: metric.name,
        index,
        result: seen.result,
        at: parts.clock.now(),
        ...(value === undefined ? {} : { value }),
        ...(seen.message === undefined ? {} : { message: cleanText(mask.text(seen.message), MESSAGE_LENGTH_MAX) }),
      },
    };
    parts.say(held, saying);
    measured();
  }
}

function meaningOf(metric: MetricSpec, probe: Probe, context: JsonObject): Classified {
  if ('error' in probe) return { result: 'error', message: probe.error };
  if ('result' in probe) return withRemark(classify(metric, probe.result, context), probe.remark);
  return { ...classify(metric, undefined, context), message: `no data: ${probe.noData}` };
}

/** What the provider has to say beside the value matters where the conditions do not hold. */
function withRemark(seen: Classified, remark: string | undefined): Classified {
  if (remark === undefined || seen.result === 'passed') return seen;
  return { ...seen, message: [seen.message, remark].filter((part) => part !== undefined).join('; ') };
}

async function look(
  metric: MetricSpec,
  parts: VerificationParts,
  when: Pick<ProbeContext, 'dueAt' | 'signal'>,
): Promise<{ probe: Probe; mask: Mask }> {
  const provider = parts.providers[metric.provider.type] as Provider;
  const { timers, clock } = parts;
  const mask = new Mask([]);
  try {
    const secrets = await parts.secrets(provider.secretReferences(metric.provider));
    for (const secret of Object.values(secrets)) mask.add(secret);
    const context = { ...when, timers, clock, secrets, hide: (value: string) => mask.add(value) };
    const probe = await provider.probe(metric.provider, context);
    const isTooDeep = 'result' in probe && isDeeperThan(probe.result, DEPTH_MAX);
    return { probe: isTooDeep ? { error: `what was seen is nested more than ${DEPTH_MAX} deep, and is not judged` } : probe, mask };
  } catch (error) {
    return { probe: { error: (error as Error).message }, mask };
  }
}

/**
 * A value as it is kept and shown: numbers that JSON has not are named, secrets masked (before anything is cut, for the beginning of one is one too),
 * long texts cut, and what stays too large is shown by its beginning.
 */
function keptValue(value: Json, mask: Mask): Json {
  const named = JSON.parse(JSON.stringify(value, (_key, inner: unknown) => nameOfNumber(inner))) as Json;
  const shortened = JSON.parse(JSON.stringify(mask.json(named)), (key, inner: unknown) => {
    if (typeof inner === 'string') return cleanText(inner, TEXT_LENGTH_MAX);
    // The text says nothing more where it was JSON.
    if (key === '' && isObject(inner) && isObject(inner.json)) return { ...inner, body: undefined };
    return inner;
  }) as Json;
  const text = JSON.stringify(shortened);
  return text.length <= VALUE_LENGTH_MAX ? shortened : cleanText(text, VALUE_LENGTH_MAX);
}

function isDeeperThan(value: Json, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((inner) => (typeof inner === 'object' && inner !== null ? Object.values(inner) : []));
  }
  return false;
}

/** NaN and the infinities as Prometheus writes them. */
function nameOfNumber(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

import type { Json, JsonObject } from './json.js';

/** Where a metric's value comes from: `http`, `command`, `sleep` … with the provider's config (templates allowed in strings). */
export interface ProviderSpec extends JsonObject {
  type: string;
}

/** One metric of a verification, defaults filled in. Durations in milliseconds. */
export interface MetricSpec {
  name: string;
  /** Of a Metric document; it does not travel with the uses of it. */
  description?: string;
  provider: ProviderSpec;
  intervalMs: number;
  count: number;
  initialDelayMs: number;
  /** CEL over `result` (and the template names); at least one of the two conditions is there. */
  successCondition?: string;
  failureCondition?: string;
  /** More failures than this fail the metric. */
  failureLimit: number;
  /** This many successes in a row finish early. */
  consecutiveSuccess?: number;
  /** More inconclusive measurements than this make the metric inconclusive. */
  inconclusiveLimit: number;
  /** More errors in a row than this make the metric `error`. */
  errorLimit: number;
  onNoData: 'inconclusive' | 'failed' | 'passed';
  /** Recorded, does not count. */
  dryRun: boolean;
}

export type MeasurementResult = 'passed' | 'failed' | 'inconclusive' | 'error';

export interface Measurement {
  metric: string;
  /** Position in this metric's series, from 0; with the metric it identifies the measurement. */
  index: number;
  result: MeasurementResult;
  at: number;
  /** What was seen, cut to a bound by who measured. */
  value?: Json;
  message?: string;
}

/** `notVerified`: it was measured, and nothing of that counts (dry runs only). The version goes on, and is not verified. */
export type VerificationVerdict = 'running' | 'passed' | 'failed' | 'inconclusive' | 'error' | 'notVerified';

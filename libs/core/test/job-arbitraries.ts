import fc from 'fast-check';
import { createJob, type Job, type JobEvent, type JobReport, type NewJob } from '@slipway/core';

/** A job as the scheduler makes them, with small deadlines so that tests pass them all. */
export function sampleJob(over: Partial<NewJob> = {}): Job {
  return createJob(
    {
      id: 'job-1',
      kind: 'deploy',
      releaseId: 'release-1',
      deployment: 'checkout',
      environment: 'production',
      resource: 'par-host-1',
      versionId: 'v1',
      version: '1.0.0',
      rollback: false,
      pool: 'par',
      executor: 'command',
      limits: { pickupMs: 600_000, runMs: 300_000, silenceMs: 60_000, leaseMs: 30_000 },
      retry: { attempts: 2, on: ['failed', 'timedOut'], backoff: 'exponential', delayMs: 5_000, maxDelayMs: 60_000, jitter: 0.2 },
      ...over,
    },
    0,
  );
}

export const agents = ['agent-a', 'agent-b'] as const;

export function report(verb: JobReport['verb'], epoch: number, n: number): JobReport {
  const said = { epoch, n, at: 0 };
  if (verb === 'measured') return { verb, ...said, measurement: { metric: 'health', index: n, result: 'passed', at: 0 } };
  // Two questions to confirm, and one that only another system can answer.
  if (verb === 'actionRequired')
    return { verb, ...said, message: 'confirm the plan', ...(n % 3 === 0 ? {} : { question: `plan-${n % 3}` }) };
  return { verb, ...said };
}

const verbs = [
  'started',
  'progress',
  'actionRequired',
  'measured',
  'succeeded',
  'failed',
  'cancelled',
  'timedOut',
  'rejected',
  'unknown',
] as const;
const agent = fc.constantFrom(...agents);
const epoch = fc.integer({ min: 0, max: 6 });

export const arbitraryReport: fc.Arbitrary<JobReport> = fc
  .tuple(fc.constantFrom(...verbs), epoch, fc.integer({ min: 1, max: 8 }))
  .map(([verb, e, n]) => report(verb, e, n));

/** Any event at all, sensible or not. */
export const arbitraryEvent: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.constant<JobEvent>({ type: 'dispatched' }),
  fc.constant<JobEvent>({ type: 'time' }),
  fc.record({ type: fc.constant('claim' as const), agent, attempt: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('renew' as const), agent, epoch }),
  { weight: 4, arbitrary: fc.record({ type: fc.constant('report' as const), agent, report: arbitraryReport }) },
  fc.record({ type: fc.constant('listeningSince' as const), since: fc.integer({ min: 0, max: 2_000_000 }) }),
  fc.constant<JobEvent>({ type: 'cancel', because: 'a person asked' }),
  fc.constant<JobEvent>({ type: 'withdraw', because: 'a freeze' }),
  fc.record({ type: fc.constant('confirm' as const), question: fc.constantFrom('plan-1', 'plan-2'), by: fc.constant('user:ann') }),
  fc.record({
    type: fc.constant('resolve' as const),
    as: fc.constantFrom('succeeded' as const, 'failed' as const),
    by: fc.constant('user:ann'),
  }),
);

/** Events with the time that passes before each. */
export const arbitraryHistory = fc.array(
  fc.tuple(arbitraryEvent, fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 700_000 }))),
  {
    maxLength: 60,
  },
);

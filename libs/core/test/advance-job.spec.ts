import { describe, expect, it } from '@jest/globals';
import {
  advanceJob,
  answerRenewal,
  CANCEL_CONFIRM_MS,
  LAPSES_MAX,
  missesReports,
  refuseClaim,
  RUN_GRACE_MS,
  type JobEvent,
  type JobState,
} from '@slipway/core';
import { report, sampleJob } from './job-arbitraries.js';
import { at, claim, dispatched, play, renew, says, time } from './job-script.js';

const cancel: JobEvent = { type: 'cancel', because: 'a person asked' };
const withdraw: JobEvent = { type: 'withdraw', because: 'a freeze' };
const confirm: JobEvent = { type: 'confirm', question: 'plan-2', by: 'user:ann' };
const resolve: JobEvent = { type: 'resolve', as: 'failed', by: 'user:ann' };
const listening: JobEvent = { type: 'listeningSince', since: 10 };

describe('advanceJob: every state and every event', () => {
  const plain = sampleJob({ retry: { ...sampleJob().retry, attempts: 1 } });
  const reach: Record<JobState, (JobEvent | number)[]> = {
    queued: [],
    dispatched: [dispatched],
    claimed: [dispatched, claim()],
    running: [dispatched, claim(), says('started', 1)],
    actionRequired: [dispatched, claim(), says('started', 1), says('actionRequired', 2)],
    succeeded: [dispatched, claim(), says('succeeded', 1)],
    failed: [dispatched, claim(), says('failed', 1)],
    cancelled: [cancel],
    timedOut: [dispatched, claim(), says('timedOut', 1)],
    rejected: [dispatched, claim(), says('rejected', 1)],
    unknown: [dispatched, claim(), says('unknown', 1)],
  };
  const event = {
    dispatched,
    claim: claim(),
    renew: renew(),
    report: says('progress', 9),
    time,
    listeningSince: listening,
    cancel,
    withdraw,
    confirm,
    resolve,
  };
  type Expected = Record<JobState, Record<JobEvent['type'], JobState>>;
  const stays = (s: JobState): Record<JobEvent['type'], JobState> => ({
    dispatched: s,
    claim: s,
    renew: s,
    report: s,
    time: s,
    listeningSince: s,
    cancel: s,
    withdraw: s,
    confirm: s,
    resolve: s,
  });
  const expected: Expected = {
    queued: { ...stays('queued'), dispatched: 'dispatched', cancel: 'cancelled', withdraw: 'cancelled' },
    dispatched: { ...stays('dispatched'), claim: 'claimed', cancel: 'cancelled', withdraw: 'cancelled' },
    claimed: { ...stays('claimed'), report: 'running' },
    running: stays('running'),
    actionRequired: { ...stays('actionRequired'), report: 'running' },
    succeeded: stays('succeeded'),
    failed: stays('failed'),
    cancelled: stays('cancelled'),
    timedOut: stays('timedOut'),
    rejected: stays('rejected'),
    unknown: { ...stays('unknown'), resolve: 'failed' },
  };
  for (const state of Object.keys(expected) as JobState[]) {
    for (const type of Object.keys(event) as JobEvent['type'][]) {
      it(`${state} + ${type} → ${expected[state][type]}`, () => {
        const before = play(plain, ...reach[state]).job;
        expect(before.state).toBe(state);
        expect(advanceJob(before, event[type], at(1)).job.state).toBe(expected[state][type]);
      });
    }
  }
});

describe('advanceJob: leases', () => {
  it('grants a claim with a new epoch and a lease, and answers the same question the same way', () => {
    const { job } = play(sampleJob(), dispatched, claim());
    expect(job).toMatchObject({ state: 'claimed', epoch: 1, agent: 'agent-a', leaseUntil: 30_000, observeFirst: false });
    const again = advanceJob(job, claim(), at(5_000)).job;
    expect(again).toMatchObject({ epoch: 1, leaseUntil: 35_000 });
    expect(refuseClaim(job, 'agent-b', 1)?.code).toBe('job.claim.held');
  });

  it('puts a job whose lease lapsed back on the queue, and the next holder observes first', () => {
    const { job, effects } = play(sampleJob(), dispatched, claim(), says('started', 1), 30_000, time);
    expect(job).toMatchObject({ state: 'queued', epoch: 1, lapses: 1 });
    expect(effects).toEqual(['started', 'requeue']);
    const taken = play(job, dispatched, claim('agent-b')).job;
    expect(taken).toMatchObject({ state: 'claimed', epoch: 2, agent: 'agent-b', observeFirst: true });
    expect(answerRenewal(taken, 'agent-a', 1)).toBe('stop');
  });

  it('lets the holder take a lapsed job up again while nobody else has claimed it', () => {
    const { job } = play(sampleJob(), dispatched, claim(), says('started', 1), 30_000, time, dispatched, 1_000, renew());
    expect(job).toMatchObject({ state: 'running', epoch: 1, agent: 'agent-a', leaseUntil: 61_000 });
    const ended = play(sampleJob(), dispatched, claim(), says('started', 1), 30_000, time, dispatched, says('succeeded', 2)).job;
    expect(ended.state).toBe('succeeded');
  });

  it('I3: ignores an old epoch, a used number and another agent', () => {
    const { job } = play(
      sampleJob(),
      dispatched,
      claim(),
      says('started', 1),
      30_000,
      time,
      dispatched,
      claim('agent-b'),
      says('started', 1, 2, 'agent-b'),
    );
    for (const stale of [
      says('succeeded', 2, 1),
      says('failed', 1, 2, 'agent-b'),
      says('succeeded', 9, 2, 'agent-a'),
      says('succeeded', 9, 3, 'agent-b'),
    ]) {
      expect(advanceJob(job, stale, at(31_000)).job).toBe(job);
    }
  });

  it('keeps a measurement that a later report overtook, without moving the job', () => {
    const { job } = play(sampleJob(), dispatched, claim(), says('progress', 3));
    const step = advanceJob(job, says('measured', 2), at(0));
    expect(step.job).toBe(job);
    expect(step.effects).toMatchObject([{ type: 'measured', measurement: { index: 2 } }]);
    expect(missesReports(job, report('succeeded', 1, 5))).toBe(true);
    expect(missesReports(job, report('succeeded', 1, 4))).toBe(false);
  });

  it('does not count the time in which the controller did not listen', () => {
    const { job } = play(sampleJob(), dispatched, claim(), says('started', 1));
    const back = advanceJob(job, { type: 'listeningSince', since: 1_000_000 }, at(1_000_000)).job;
    expect(advanceJob(back, time, at(1_029_999)).job.state).toBe('running');
    expect(advanceJob(back, time, at(1_030_000)).job.state).toBe('queued');
  });

  it('becomes unknown when it loses its holder again and again', () => {
    let job = play(sampleJob(), dispatched).job;
    let now = 0;
    for (let lapse = 0; lapse <= LAPSES_MAX; lapse++) {
      expect(job.state).toBe('dispatched');
      job = advanceJob(job, claim(), at(now)).job;
      now += 30_000;
      job = advanceJob(job, time, at(now)).job;
      job = advanceJob(job, dispatched, at(now)).job;
    }
    expect(job.state).toBe('unknown');
  });
});

describe('advanceJob: deadlines, stops and retries', () => {
  it('times out when no agent picks it up, and says so', () => {
    const { job } = play(sampleJob({ retry: { ...sampleJob().retry, attempts: 1 } }), dispatched, 600_000, time);
    expect(job).toMatchObject({ state: 'timedOut', message: expect.stringContaining('no agent of pool par') });
  });

  it('is unknown, not timed out, when its holder was lost and nobody came to look', () => {
    const { job } = play(sampleJob(), dispatched, claim(), 30_000, time, dispatched, 600_000, time);
    expect(job.state).toBe('unknown');
  });

  it('invites again while it waits: the queue may have lost the invitation', () => {
    const { job, effects } = play(sampleJob(), dispatched, 300_000, time);
    expect(effects).toEqual(['requeue']);
    expect(job).toMatchObject({ state: 'dispatched', wakeAt: 600_000 });
  });

  it('asks for a stop at the run deadline: confirmed it timed out, unconfirmed it is unknown', () => {
    const steady = { ...sampleJob().limits, runMs: 1_000 };
    const job = sampleJob({ limits: steady, retry: { ...sampleJob().retry, attempts: 1 } });
    const late = play(job, dispatched, claim(), says('started', 1), 1_000 + RUN_GRACE_MS - 5_000, renew(), 5_000, time);
    expect(answerRenewal(late.job, 'agent-a', 1)).toBe('cancel');
    expect(advanceJob(late.job, says('cancelled', 2), at(late.now)).job.state).toBe('timedOut');
    expect(advanceJob(late.job, time, at(late.now + CANCEL_CONFIRM_MS)).job.state).toBe('unknown');
  });

  it('takes a person at their word: cancelled only when confirmed, and not tried again', () => {
    const asked = play(sampleJob(), dispatched, claim(), says('started', 1), cancel);
    expect(asked.job).toMatchObject({ state: 'running', cancelUntil: CANCEL_CONFIRM_MS });
    expect(advanceJob(asked.job, says('cancelled', 2), at(1)).job.state).toBe('cancelled');
    expect(advanceJob(asked.job, says('failed', 2), at(1)).job.state).toBe('failed');
    expect(advanceJob(asked.job, says('succeeded', 2), at(1)).job.state).toBe('succeeded');
    expect(advanceJob(asked.job, time, at(CANCEL_CONFIRM_MS)).job.state).toBe('unknown');
  });

  it('does not call a job cancelled whose lost holder may still be at it', () => {
    const { job } = play(sampleJob(), dispatched, claim(), 30_000, time, cancel);
    expect(job.state).toBe('queued');
    expect(refuseClaim({ ...job, state: 'dispatched' }, 'agent-b', 1)?.code).toBe('job.claim.stopping');
    expect(advanceJob(job, says('cancelled', 1), at(40_000)).job.state).toBe('cancelled');
    expect(advanceJob(job, time, at(30_000 + CANCEL_CONFIRM_MS)).job.state).toBe('unknown');
  });

  it('tries again after the backoff, under an epoch that shuts the failed attempt out', () => {
    const failed = play(sampleJob(), dispatched, claim(), says('failed', 1));
    expect(failed.job).toMatchObject({ state: 'queued', attempt: 2, epoch: 2, wakeAt: 5_000 });
    expect(failed.effects).toEqual(['retrying']);
    expect(advanceJob(failed.job, says('succeeded', 2), at(1)).job).toBe(failed.job);
    expect(advanceJob(failed.job, time, at(4_999)).effects).toEqual([]);
    expect(advanceJob(failed.job, time, at(5_000)).effects).toEqual([{ type: 'requeue', at: 5_000 }]);
    const second = play(failed.job, dispatched, claim('agent-b', 2), says('failed', 1, 3, 'agent-b')).job;
    expect(second.state).toBe('failed');
  });

  it('ends a withdrawn retry as failed: the target was touched', () => {
    const { job } = play(sampleJob(), dispatched, claim(), says('failed', 1), withdraw);
    expect(job).toMatchObject({ state: 'failed', message: expect.stringContaining('not tried again') });
  });

  it('leaves alone what has begun when it is withdrawn', () => {
    const { job } = play(sampleJob(), dispatched, claim());
    expect(advanceJob(job, withdraw, at(1)).job).toBe(job);
  });

  it('never withdraws a verification: what is there already gets its verdict', () => {
    const { job } = play(sampleJob({ kind: 'verify' }), dispatched);
    expect(advanceJob(job, withdraw, at(1)).job).toBe(job);
  });

  it('calls a lost verification timed out, or cancelled, but never unknown: measuring changes nothing', () => {
    const once = { ...sampleJob().retry, attempts: 1 };
    const lost = play(sampleJob({ kind: 'verify', retry: once }), dispatched, claim(), 30_000, time, dispatched, 600_000, time);
    expect(lost.job.state).toBe('timedOut');
    const stopped = play(sampleJob({ kind: 'verify', retry: once }), dispatched, claim(), cancel, CANCEL_CONFIRM_MS, time);
    expect(stopped.job.state).toBe('cancelled');
  });

  it('never times out while a person must act', () => {
    let { job, now } = play(sampleJob(), dispatched, claim(), says('started', 1), says('actionRequired', 2));
    for (; now < 3_000_000; now += 20_000) {
      job = advanceJob(job, renew(), at(now)).job;
      job = advanceJob(job, time, at(now)).job;
    }
    expect(job).toMatchObject({ state: 'actionRequired' });
    expect(job.cancelAskedAt).toBeUndefined();
  });
});

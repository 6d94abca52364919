import { describe, expect, it } from '@jest/globals';
import { advanceJob, refuseConfirm, type Job, type JobEvent } from '@slipway/core';
import { sampleJob } from './job-arbitraries.js';
import { at, claim, dispatched, play, renew, says, time } from './job-script.js';

const confirm = (question: string, by = 'user:ann'): JobEvent => ({ type: 'confirm', question, by, reason: 'I read it' });

interface Words {
  question?: string;
  link?: string;
  message?: string;
}

const asks = (n: number, words: Words = { question: 'plan-1' }, epoch = 1, agent = 'agent-a'): JobEvent => ({
  ...{ type: 'report', agent },
  report: { verb: 'actionRequired', epoch, n, at: 0, message: 'confirm the plan', ...words },
});

const asked = (words?: Words) => play(sampleJob(), dispatched, claim(), says('started', 1), 1_000, asks(2, words));

describe('a confirmation', () => {
  it('is kept with who, when and why, told once, and changes nothing else', () => {
    const before = asked().job;
    const { job, effects } = play(before, 2_000, confirm('plan-1'), confirm('plan-1', 'user:bob'));
    expect(job.confirmation).toEqual({ question: 'plan-1', by: 'user:ann', at: 2_000, reason: 'I read it' });
    expect(effects).toEqual(['confirmed']);
    expect({ ...job, confirmation: undefined }).toEqual({ ...before, confirmation: undefined });
  });

  it('of what is not asked changes nothing', () => {
    const { job } = asked();
    expect(advanceJob(job, confirm('plan-2'), at(1)).job).toBe(job);
    const elsewhere = asked({ link: 'https://vendor.example' }).job;
    expect(advanceJob(elsewhere, confirm('plan-1'), at(1)).job).toBe(elsewhere);
  });

  it('is void once something else is asked, and does not come back with the first question', () => {
    const { job, effects } = play(asked().job, confirm('plan-1'), asks(3, { question: 'plan-2' }));
    expect(job.confirmation).toBeUndefined();
    expect(effects).toEqual(['confirmed', 'actionRequired']);
    expect(play(job, asks(4)).job.confirmation).toBeUndefined();
    const elsewhere = play(asked().job, confirm('plan-1'), asks(3, { message: 'review it there' })).job;
    expect(elsewhere.confirmation).toBeUndefined();
  });

  it('stands when the same is asked again: by the next life of the agent, after progress, and by another agent', () => {
    const confirmed = play(asked().job, confirm('plan-1')).job;
    const again = play(confirmed, asks(3));
    expect(again.job.asked).toBe(confirmed.asked);
    expect(again.effects).toEqual([]);
    expect(again.job.confirmation?.by).toBe('user:ann');
    expect(play(confirmed, says('progress', 3), asks(4)).job.confirmation?.by).toBe('user:ann');
    const taken = play(confirmed, 60_000, time, dispatched, claim('agent-b'), says('started', 1, 2, 'agent-b'));
    expect(taken.job).toMatchObject({ state: 'running', confirmation: { by: 'user:ann' } });
    expect(taken.job.asked).toBeUndefined();
    expect(play(taken.job, asks(2, { question: 'plan-1' }, 2, 'agent-b')).job.confirmation?.by).toBe('user:ann');
  });

  it('I3: an older holder voids nothing, and asks nothing', () => {
    const taken = play(asked().job, confirm('plan-1'), 60_000, time, dispatched, claim('agent-b')).job;
    expect(advanceJob(taken, asks(9, { question: 'plan-2' }), at(0)).job).toBe(taken);
  });

  it('is not carried over to another attempt, whose plan is another', () => {
    const retry = { ...sampleJob().retry, attempts: 2 };
    const job = play(sampleJob({ retry }), dispatched, claim(), says('started', 1), asks(2), confirm('plan-1'), says('failed', 3)).job;
    expect(job).toMatchObject({ state: 'queued', attempt: 2 });
    expect([job.asked, job.confirmation]).toEqual([undefined, undefined]);
  });

  it('is known of an ended job, which asks nothing any more', () => {
    const { job } = play(asked().job, confirm('plan-1'), says('succeeded', 3));
    expect(job).toMatchObject({ state: 'succeeded', confirmation: { by: 'user:ann' } });
    expect(job.asked).toBeUndefined();
  });
});

describe('what is asked', () => {
  it('stands while the link to the holder fails, and is asked still when it heals', () => {
    const { job } = play(asked().job, 60_000, time, dispatched);
    expect(job).toMatchObject({ state: 'dispatched', asked: { question: 'plan-1', at: 1_000 } });
    const healed = advanceJob(job, renew(), at(61_000)).job;
    expect(healed).toMatchObject({ state: 'actionRequired', asked: { question: 'plan-1', at: 1_000 } });
    expect(healed.runUntil).toBeUndefined();
  });

  it('without a start reported before it begins the job all the same', () => {
    const { job, effects } = play(sampleJob(), dispatched, claim(), asks(1));
    expect(job.state).toBe('actionRequired');
    expect(effects).toEqual(['started', 'actionRequired']);
  });
});

describe('refuseConfirm', () => {
  it('says why, by code', () => {
    const { job } = asked();
    const code = (other: Job, question?: string) => refuseConfirm(other, question)?.code;
    expect(code(job)).toBeUndefined();
    expect(code(job, 'plan-1')).toBeUndefined();
    expect(refuseConfirm(job, 'plan-0')).toEqual({
      code: 'job.confirm.otherQuestion',
      because: 'question plan-0 is not asked any more; what is asked now: confirm the plan',
    });
    expect(refuseConfirm(asked({ link: 'https://vendor.example/1' }).job)).toEqual({
      code: 'job.confirm.elsewhere',
      because: 'it waits for what can only be done at https://vendor.example/1: confirm the plan',
    });
    expect(code(play(job, { type: 'cancel', because: 'no' }).job)).toBe('job.confirm.stopping');
    expect(code(play(job, says('progress', 3)).job)).toBe('job.confirm.notAsked');
    expect(code(play(job, 60_000, time).job)).toBe('job.confirm.notAsked');
    expect(code(play(job, says('succeeded', 3)).job)).toBe('job.confirm.over');
  });
});

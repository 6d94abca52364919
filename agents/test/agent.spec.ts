import { beforeEach, describe, expect, it } from '@jest/globals';
import { SlipwayError } from '@slipway/core';
import { AgentBench } from './agent-bench.js';
import { grantOf } from './scratch-run.js';

let bench: AgentBench;
beforeEach(async () => {
  bench = new AgentBench();
  await bench.agent.start();
});

const run = async (job: string): Promise<void> => {
  bench.link.invite('command', { job });
  await bench.time.settle();
};

describe('taking jobs in', () => {
  it('claims what it pulled in one request, journals, acknowledges, runs and reports', async () => {
    bench.link.invite('command', { job: 'a' }, { job: 'b' });
    await bench.time.settle();
    expect(bench.link.claims).toEqual([
      {
        jobs: [
          { job: 'a', attempt: 1 },
          { job: 'b', attempt: 1 },
        ],
      },
    ]);
    expect([...bench.journal.held.keys()]).toEqual(['a', 'b']);
    expect(bench.link.settled).toEqual([
      { job: 'a', how: 'ack' },
      { job: 'b', how: 'ack' },
    ]);
    bench.executor.finish('a.1', { verb: 'succeeded', outputs: { port: 1 } });
    await bench.time.settle();
    expect(bench.link.verbs('a')).toEqual(['started', 'succeeded']);
    expect([...bench.journal.held.keys()]).toEqual(['b']);
  });

  it('asks for no more than it has places for', async () => {
    bench.link.invite('command', ...['a', 'b', 'c', 'd', 'e'].map((job) => ({ job })));
    await bench.time.settle();
    expect(bench.executor.begun).toHaveLength(4);
    expect(bench.link.asked.filter(({ executor }) => executor === 'command')).toEqual([{ executor: 'command', max: 4 }]);
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.settle();
    expect(bench.executor.begun).toContain('e.1');
  });

  it('acknowledges what it is denied, and gives back what it may claim later or could not ask for', async () => {
    bench.link.answer = (job) =>
      job === 'over'
        ? { job, granted: false, because: 'over', code: 'job.claim.over' }
        : job === 'later'
          ? { job, granted: false, because: 'busy', code: 'job.claim.held', retryAfterMs: 700 }
          : new Error('nobody answered');
    await run('over');
    await run('later');
    await run('silent');
    expect(bench.link.settled).toEqual([
      { job: 'over', how: 'ack' },
      { job: 'later', how: 'nak', delayMs: 700 },
      { job: 'silent', how: 'nak', delayMs: 2_000 },
    ]);
    expect(bench.executor.begun).toEqual([]);
  });

  it('asks again when a claim is not answered, since the job may be its own already, and gives the invitation back in the end', async () => {
    const down = new SlipwayError({ code: 'messaging.request.unanswered', kind: 'unavailable', message: 'the connection is down' });
    const grant = bench.link.answer;
    let asked = 0;
    bench.link.answer = (job, attempt) => ((asked += 1) < 4 ? down : grant(job, attempt));
    await run('a');
    await bench.time.pass(2_000);
    expect(bench.executor.begun).toEqual(['a.1']);
    expect(bench.link.settled).toEqual([{ job: 'a', how: 'ack' }]);
    bench.link.answer = () => down;
    await run('b');
    await bench.time.pass(26_000);
    expect(bench.link.settled.at(-1)).toEqual({ job: 'b', how: 'nak', delayMs: 2_000 });
  });

  it('does not run a redelivered invitation again', async () => {
    await run('a');
    await run('a');
    expect(bench.link.claims).toHaveLength(1);
    expect(bench.executor.begun).toEqual(['a.1']);
    expect(bench.link.settled).toHaveLength(2);
  });

  it('rejects what the owner of the site does not allow, what it has no executor for, and a config that is wrong', async () => {
    const outcome = async (spec: { type: string; run?: string[] }, job: string): Promise<unknown> => {
      bench.link.answer = (id) => grantOf(id, { spec: { executor: spec, context: {} } });
      await run(job);
      return bench.link.reports.find((said) => said.job === job)?.report;
    };
    bench = new AgentBench({ allow: { commands: ['/opt/deploy/*'] } });
    await bench.agent.start();
    expect(await outcome({ type: 'command', run: ['/bin/evil'] }, 'a')).toMatchObject({
      verb: 'rejected',
      message: expect.stringContaining('does not allow the program /bin/evil'),
    });
    expect(await outcome({ type: 'terraform' }, 'b')).toMatchObject({
      verb: 'rejected',
      message: 'this agent has no executor terraform; it has command',
    });
    expect(await outcome({ type: 'command' }, 'c')).toMatchObject({ verb: 'rejected', message: 'executor.run is missing' });
    expect(bench.executor.begun).toEqual([]);
  });

  it('does not call rejected what an earlier holder may have begun: that is unknown', async () => {
    bench.link.answer = (id) => grantOf(id, { epoch: 2, observeFirst: true, spec: { executor: { type: 'terraform' }, context: {} } });
    await run('a');
    expect(bench.link.verbs('a')).toEqual(['unknown']);
  });
});

it('gives back at once what several queues together deliver beyond its places', async () => {
  bench = new AgentBench({ capacity: 1, more: ['noop'] });
  await bench.agent.start();
  bench.link.invite('command', { job: 'a' });
  bench.link.invite('noop', { job: 'b' });
  await bench.time.settle();
  expect(bench.link.settled).toEqual([
    { job: 'b', how: 'nak', delayMs: 0 },
    { job: 'a', how: 'ack' },
  ]);
});

describe('the lease', () => {
  it('is renewed every third of its time for all jobs in one request', async () => {
    await run('a');
    await run('b');
    await bench.time.pass(9_999);
    expect(bench.link.renewals).toEqual([]);
    await bench.time.pass(10_001);
    expect(bench.link.renewals).toEqual([
      {
        jobs: [
          { job: 'a', epoch: 1 },
          { job: 'b', epoch: 1 },
        ],
      },
      {
        jobs: [
          { job: 'a', epoch: 1 },
          { job: 'b', epoch: 1 },
        ],
      },
    ]);
  });

  it('that lapses while the link is down changes nothing here: the job goes on and is reported once when it is back', async () => {
    await run('a');
    bench.link.up = false;
    await bench.time.pass(45_000);
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.pass(10_000);
    expect(bench.link.verbs('a')).toEqual(['started']);
    bench.link.up = true;
    await bench.time.pass(10_000);
    expect(bench.link.verbs('a')).toEqual(['started', 'succeeded']);
  });

  it('I3: stop drops the job without a word, and ends what only this agent can end', async () => {
    await run('a');
    bench.link.renewal = () => 'stop';
    bench.link.nudge();
    await bench.time.settle();
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.pass(1_000);
    expect(bench.link.verbs('a')).toEqual(['started']);
    expect(bench.executor.abandoned).toEqual(['a.1']);
    expect(bench.journal.held.size).toBe(0);
  });

  it('granted anew to this agent keeps the run that is under way, under the new epoch', async () => {
    await run('a');
    bench.link.up = false;
    await bench.time.pass(40_000);
    bench.link.up = true;
    bench.link.answer = (job) => grantOf(job, { epoch: 2, observeFirst: true });
    await run('a');
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.settle();
    expect(bench.executor.begun).toEqual(['a.1']);
    expect(bench.executor.abandoned).toEqual([]);
    expect(bench.link.reports.map(({ report }) => [report.verb, report.epoch, report.n])).toEqual([
      ['started', 1, 1],
      ['started', 2, 1],
      ['succeeded', 2, 2],
    ]);
  });

  it('of another agent that may have begun something is observed first, and unknown is reported as such', async () => {
    bench.link.answer = (job) => grantOf(job, { epoch: 2, observeFirst: true });
    bench.executor.observation = 'unknown';
    await run('a');
    expect(bench.link.verbs('a')).toEqual(['unknown']);
    expect(bench.executor.begun).toEqual([]);
  });

  it('I11: granted for observing only, it begins nothing, and goes on with what had begun', async () => {
    bench.link.answer = (job) => grantOf(job, { epoch: 2, observeFirst: true, observeOnly: true });
    bench.executor.observation = 'notStarted';
    await run('a');
    expect(bench.link.verbs('a')).toEqual(['cancelled']);
    expect(bench.executor.begun).toEqual([]);
    bench.executor.observation = 'running';
    await run('b');
    bench.executor.finish('b.1', { verb: 'succeeded' });
    await bench.time.settle();
    expect(bench.link.verbs('b')).toEqual(['started', 'succeeded']);
  });
});

describe('cancel', () => {
  it('reaches the executor and is confirmed', async () => {
    await run('a');
    bench.link.renewal = () => 'cancel';
    await bench.time.pass(10_000);
    expect(bench.link.verbs('a')).toEqual(['started', 'cancelled']);
  });

  it('that cannot be confirmed is unknown, not cancelled', async () => {
    await run('a');
    bench.executor.cancelConfirms = false;
    bench.link.renewal = () => 'cancel';
    await bench.time.pass(10_000);
    expect(bench.link.verbs('a')).toEqual(['started', 'unknown']);
  });

  it('comes too late for a job that has ended', async () => {
    await run('a');
    bench.executor.finish('a.1', { verb: 'succeeded' });
    bench.link.renewal = () => 'cancel';
    bench.link.nudge();
    await bench.time.settle();
    expect(bench.link.verbs('a')).toEqual(['started', 'succeeded']);
  });

  it('by the clock is timedOut', async () => {
    await run('a');
    await bench.time.pass(60_000);
    expect(bench.link.verbs('a')).toEqual(['started', 'timedOut']);
  });
});

describe('after its own death', () => {
  it('follows what it had begun and does not begin it again', async () => {
    await run('a');
    await bench.restart();
    expect(bench.link.renewals).toEqual([{ jobs: [{ job: 'a', epoch: 1 }] }]);
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.settle();
    expect(bench.executor.begun).toEqual(['a.1']);
    expect(bench.executor.abandoned).toEqual([]);
    expect(bench.link.reports.map(({ report }) => [report.verb, report.n])).toEqual([
      ['started', 1],
      ['succeeded', 2],
    ]);
  });

  it('delivers reports that had not been acknowledged, with their old numbers', async () => {
    await run('a');
    bench.link.up = false;
    bench.executor.finish('a.1', { verb: 'failed', message: 'no' });
    await bench.time.settle();
    await bench.restart();
    expect(bench.link.reports.map(({ report }) => [report.verb, report.n])).toEqual([
      ['started', 1],
      ['failed', 2],
    ]);
    expect(bench.journal.held.size).toBe(0);
  });

  it('I2: does not begin a job whose lease it can no longer be sure of, until it was renewed', async () => {
    const grant = grantOf('a');
    await bench.journal.append([{ type: 'held', job: 'a', grant }]);
    bench.link.renewal = () => undefined;
    await bench.restart();
    expect(bench.executor.begun).toEqual([]);
    bench.link.renewal = () => 'on';
    await bench.time.pass(10_000);
    expect(bench.executor.begun).toEqual(['a.1']);
  });

  it('cleans up what is no longer its own', async () => {
    await run('a');
    bench.link.renewal = () => 'stop';
    await bench.restart();
    expect(bench.executor.abandoned).toEqual(['a.1']);
    expect(bench.journal.held.size).toBe(0);
  });
});

describe('drain, pause, resume', () => {
  it('takes nothing new while drained, and goes on when told', async () => {
    bench.link.agentState = 'drain';
    bench.link.nudge();
    await bench.time.settle();
    await run('a');
    expect(bench.link.settled).toEqual([{ job: 'a', how: 'nak', delayMs: 0 }]);
    expect(bench.link.beats.at(-1)?.state).toBe('draining');
    bench.link.agentState = 'on';
    bench.link.invite('command', { job: 'b' });
    await bench.time.pass(10_000);
    expect(bench.executor.begun).toEqual(['b.1']);
  });

  it('on leaving lets jobs end, delivers their reports, and leaves the rest to its next life', async () => {
    await run('a');
    await run('b');
    const left = bench.agent.drain(5_000);
    bench.executor.finish('a.1', { verb: 'succeeded' });
    await bench.time.pass(5_000);
    await left;
    expect(bench.link.verbs('a')).toEqual(['started', 'succeeded']);
    expect([...bench.journal.held.keys()]).toEqual(['b']);
    expect(bench.executor.abandoned).toEqual([]);
  });

  it('tells every ten seconds that it lives, and what it holds', async () => {
    await run('a');
    await bench.time.pass(20_000);
    expect(bench.link.beats.slice(1).map(({ state, jobs, executors, capacity }) => ({ state, jobs, executors, capacity }))).toEqual(
      Array.from({ length: 2 }, () => ({ state: 'online', jobs: [{ job: 'a', epoch: 1 }], executors: ['command'], capacity: 4 })),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { ada, health, Mesh, obliged, type Denial } from './mesh.js';

describe('jobs', () => {
  it('that have ended when their start becomes known say only their end, with the time at which they began', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    await mesh.granted('anna', job!.id);
    await mesh.report('anna', job!.id, { verb: 'succeeded', epoch: 1, n: 1 });
    const verbs = (noun: string): unknown[] => mesh.said(`evt.${noun}.checkout.production.host-1.`).map(({ body }) => body['verb']);
    expect([verbs('job'), verbs('release')]).toEqual([['succeeded'], ['succeeded']]);
    for (const noun of ['job', 'release'])
      expect(mesh.said(`evt.${noun}.checkout.production.host-1.succeeded`)[0]?.body['startedAt']).toEqual(expect.any(Number));
  });

  it('I12: a job goes only to agents that the registry enrolled for its pool, whatever they say of themselves', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    await mesh.enrol('otto', 'us');
    const beat = { agent: 'otto', pool: 'eu', at: 0, version: '1', state: 'online', labels: {}, executors: [], capacity: 1, jobs: [] };
    await mesh.parts.agentRequests['hb']?.(beat as never, 'otto');
    expect(await mesh.claim('otto', job!.id)).toMatchObject({ granted: false, code: 'job.claim.pool' });
    const unheard = (await mesh.parts.agentRequests['claim']?.({ jobs: [{ job: job!.id, attempt: 1 }] } as never, 'nobody')) as object;
    expect(unheard).toMatchObject({ jobs: [{ granted: false, code: 'job.claim.agent', retryAfterMs: 500 }] });
    await mesh.enrol('otto', 'eu');
    expect(await mesh.claim('otto', job!.id)).toMatchObject({ granted: true });
  });

  it('I2: what was offered and is not allowed any more is withdrawn, and goes on when it is allowed again', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0', { gradualRollout: { ...obliged().gradualRollout, maxInFlight: 1 } });
    const [first] = await mesh.offered();
    await mesh.run(first!);
    const [second] = await mesh.offered();
    await mesh.decide(mesh.decision('1.0.0', 'waiting'));
    const denial = (await mesh.claim('anna', second!.id)) as Denial;
    expect(denial).toMatchObject({ granted: false, code: 'job.claim.over' });
    expect(await mesh.letters('1.0.0')).toBe('s.');
    expect((await mesh.rollout('1.0.0')).because).toMatch(/may not begin now/);
    await mesh.decide(mesh.decision('1.0.0', 'allowed'));
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('are not for an agent that was asked to take nothing new; what it has, it keeps, and each renewal and heartbeat tells it', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0');
    const [held, other] = await mesh.offered();
    await mesh.granted('anna', held!.id);
    await mesh.ask('scheduler.commandAgent', { agent: 'anna', command: 'drain', reason: 'a new disk' });
    expect(mesh.nudged).toContain('anna');
    expect(mesh.said('evt.agent.anna.draining')[0]?.body).toMatchObject({ agent: 'anna', by: 'user:ada', reason: 'a new disk' });
    const denied = await mesh.claim('anna', other!.id);
    expect(denied).toMatchObject({ granted: false, code: 'job.claim.agent', retryAfterMs: 500 });
    expect((denied as Denial).because).toBe('agent anna takes nothing new: user:ada asked it to drain');
    expect(await mesh.renewal('anna', held!.id, 1)).toMatchObject({ agent: 'drain', jobs: [{ go: 'on' }] });
    expect((await mesh.claim('anna', held!.id)).granted).toBe(true);
    mesh.nudged.length = 0;
    await mesh.beat('anna', 'online');
    await mesh.beat('anna', 'draining');
    expect(mesh.nudged).toEqual(['anna']);

    await mesh.ask('scheduler.commandAgent', { agent: 'anna', command: 'resume' });
    expect(await mesh.renewal('anna', held!.id, 1)).toMatchObject({ agent: 'on' });
    expect((await mesh.claim('anna', other!.id)).granted).toBe(true);
    await expect(mesh.ask('scheduler.commandAgent', { agent: 'nobody', command: 'pause' })).rejects.toMatchObject({
      code: 'scheduler.agent.missing',
    });
  });

  it('I2: a decision that came to this service between offer and claim is enough to deny', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    await mesh.ask(
      'scheduler.takeDecisions',
      { decisions: [mesh.decision('1.0.0', 'denied')] },
      { name: 'policy', groups: [], role: 'service' },
    );
    expect((await mesh.claim('anna', job!.id)).granted).toBe(false);
    expect((await mesh.rollout('1.0.0')).state).toBe('cancelled');
    await mesh.decide(mesh.decision('1.0.0'));
    await mesh.work();
    expect((await mesh.cell()).running).toMatchObject([{ version: '1.0.0', count: 1 }]);
  });

  it('I2: an allowed decision is worth nothing past its time, nor for a target that changed after it', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.publish('1.0.0');
    await mesh.decide(mesh.decision('1.0.0', 'allowed', {}, { reevaluateAt: mesh.now + 10_000 }));
    const [job] = await mesh.offered();
    mesh.now += 10_000;
    expect(await mesh.claim('anna', job!.id)).toMatchObject({ granted: false, code: 'job.claim.early', retryAfterMs: 1_000 });
    await mesh.decide(mesh.decision('1.0.0', 'allowed'));
    const doc = {
      identifier: 'host-1',
      name: 'host-1',
      kind: 'host',
      version: 'v1',
      metadata: {},
      config: { address: 'elsewhere' },
      variables: {},
    };
    await mesh.inventory({ kind: 'resource', name: 'host-1', doc });
    expect((await mesh.claim('anna', job!.id)).granted).toBe(false);
    await mesh.decide(mesh.decision('1.0.0', 'allowed'));
    const grant = await mesh.granted('anna', (await mesh.offered())[0]!.id);
    expect(grant.spec.executor['run']).toEqual(['install', '1.0.0', 'elsewhere']);
  });

  it('tries a failed job again after its backoff, as often as the policy says', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', {
      retry: { attempts: 2, on: ['failed'], backoff: 'constant', delayMs: 5_000, maxDelayMs: 5_000, jitter: 0 },
    });
    const [job] = await mesh.offered();
    await mesh.granted('anna', job!.id);
    await mesh.report('anna', job!.id, { verb: 'failed', epoch: 1, n: 1, message: 'disk full' });
    expect(await mesh.offered()).toEqual([]);
    expect(await mesh.wake()).toBe(mesh.now + 5_000);
    await mesh.pass(5_000);
    expect(await mesh.claim('anna', job!.id, 1)).toMatchObject({ granted: false, code: 'job.claim.stale' });
    const again = await mesh.granted('anna', job!.id, 2);
    expect(again).toMatchObject({ attempt: 2, observeFirst: false });
    await mesh.report('anna', job!.id, { verb: 'failed', epoch: again.epoch, n: 1, message: 'disk full' });
    expect((await mesh.rollout('1.0.0')).state).toBe('halted');
    await mesh.command('retryFailed');
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('gives a job whose lease lapsed to another agent, who must look first', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    const first = await mesh.granted('anna', job!.id);
    await mesh.report('anna', job!.id, { verb: 'started', epoch: first.epoch, n: 1 });
    await mesh.pass(20_000);
    expect(await mesh.renew('anna', job!.id, first.epoch)).toMatchObject({ go: 'on', leaseMs: 30_000 });
    await mesh.pass(20_000);
    expect((await mesh.jobs())[0]?.state).toBe('running');
    await mesh.pass(10_000);
    const second = await mesh.granted('bert', job!.id);
    expect(second).toMatchObject({ epoch: first.epoch + 1, observeFirst: true, attempt: 1 });
    expect(await mesh.renew('anna', job!.id, first.epoch)).toMatchObject({ go: 'stop' });

    await mesh.report('anna', job!.id, { verb: 'failed', epoch: first.epoch, n: 2 });
    expect((await mesh.jobs())[0]?.state).toBe('claimed');
    await mesh.report('bert', job!.id, { verb: 'succeeded', epoch: second.epoch, n: 1 });
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('I11: gives a lapsed job whose gate has closed for observing only; when nothing had begun its member is as before', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    await mesh.granted('anna', job!.id);
    await mesh.decide(mesh.decision('1.0.0', 'denied'));
    await mesh.pass(31_000);
    const second = await mesh.granted('bert', job!.id);
    expect(second).toMatchObject({ epoch: 2, observeFirst: true, observeOnly: true });
    await mesh.report('bert', job!.id, { verb: 'cancelled', epoch: 2, n: 1, message: 'nothing had begun' });
    expect(await mesh.letters('1.0.0')).toBe('.');
    await mesh.decide(mesh.decision('1.0.0'));
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('takes the reports of a verification in order, so that no measurement comes after the verdict', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', { verification: [health] });
    const [deploy] = await mesh.offered();
    await mesh.run(deploy!);
    const [verify] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', verify!.id);
    const measured = (n: number) => ({ verb: 'measured', epoch, n, measurement: mesh.measurement(n - 2) });
    await mesh.report('anna', verify!.id, { verb: 'started', epoch, n: 1 });
    expect(await mesh.report('anna', verify!.id, measured(3))).toMatchObject({ kind: 'nak' });
    await mesh.report('anna', verify!.id, measured(2));
    expect(await mesh.report('anna', verify!.id, { verb: 'succeeded', epoch, n: 5 })).toMatchObject({ kind: 'nak' });
    await mesh.report('anna', verify!.id, measured(3), 2);
    await mesh.report('anna', verify!.id, measured(4));
    await mesh.report('anna', verify!.id, { verb: 'succeeded', epoch, n: 5 }, 2);
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('waits for a measurement that was lost on its way several times, and at last goes on without it', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0', { verification: [health] });
    await mesh.run((await mesh.offered())[0]!);
    const [verify] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', verify!.id);
    await mesh.report('anna', verify!.id, { verb: 'started', epoch, n: 1 });
    const over = { verb: 'succeeded', epoch, n: 5 };
    let waitedMs = 0;
    for (let attempt = 1; attempt <= 30; attempt += 1) {
      const settlement = await mesh.report('anna', verify!.id, over, attempt);
      expect(settlement).toMatchObject({ kind: 'nak' });
      if (settlement?.kind === 'nak') waitedMs += settlement.delayMs;
    }
    // A lost delivery comes again after 30 s: five of them in a row are sat out.
    expect(waitedMs).toBeGreaterThan(5 * 30_000);
    expect(await mesh.report('anna', verify!.id, over, 31)).toBeUndefined();
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
  });

  it('I3: old, doubled, late and foreign reports change nothing', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', job!.id);
    const settlement = await mesh.report('mallory', job!.id, { verb: 'succeeded', epoch, n: 1 });
    expect(settlement).toMatchObject({ kind: 'deadLetter', error: { code: 'scheduler.report.forbidden', kind: 'forbidden' } });
    await mesh.report('anna', job!.id, { verb: 'progress', epoch, n: 2, percent: 50 });
    await mesh.report('anna', job!.id, { verb: 'progress', epoch, n: 1, percent: 10 });
    await mesh.report('anna', job!.id, { verb: 'failed', epoch: epoch - 1, n: 3 });
    expect((await mesh.jobs())[0]).toMatchObject({ state: 'running', percent: 50 });
    await mesh.report('anna', job!.id, { verb: 'succeeded', epoch, n: 3 });
    const before = JSON.stringify(await mesh.jobs());
    const said = mesh.said('slipway.').length;
    await mesh.report('anna', job!.id, { verb: 'succeeded', epoch, n: 3 });
    await mesh.report('anna', job!.id, { verb: 'failed', epoch, n: 4 });
    expect(JSON.stringify(await mesh.jobs())).toBe(before);
    expect(mesh.said('slipway.')).toHaveLength(said);
    expect(await mesh.report('anna', 'no-such-job', { verb: 'started', epoch: 1, n: 1 })).toMatchObject({ kind: 'nak' });
    expect(await mesh.report('anna', 'no-such-job', { verb: 'started', epoch: 1, n: 1 }, 5)).toMatchObject({
      kind: 'deadLetter',
      error: { kind: 'missing' },
    });
  });

  it('cancels what waits at once, and what runs when the agent confirms; unconfirmed it is unknown until a person says', async () => {
    const mesh = await new Mesh({ hosts: 3 }).begin();
    await mesh.release('1.0.0', { gradualRollout: { ...obliged().gradualRollout, failureBudget: { count: 3 } } });
    const [waits, confirms, silent] = await mesh.offered();
    const b = await mesh.granted('anna', confirms!.id);
    const c = await mesh.granted('anna', silent!.id);
    for (const job of [waits, confirms, silent]) await mesh.ask('scheduler.cancel', { job: job!.id, reason: 'wrong' });
    expect((await mesh.jobs({ id: waits!.id }))[0]?.state).toBe('cancelled');
    expect(await mesh.renew('anna', confirms!.id, b.epoch)).toMatchObject({ go: 'cancel' });
    await mesh.report('anna', confirms!.id, { verb: 'cancelled', epoch: b.epoch, n: 1 });
    expect((await mesh.jobs({ id: confirms!.id }))[0]?.state).toBe('cancelled');
    for (let step = 0; step < 13; step += 1) {
      await mesh.renew('anna', silent!.id, c.epoch);
      await mesh.pass(10_000);
    }
    expect((await mesh.jobs({ id: silent!.id }))[0]?.state).toBe('unknown');
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
    expect((await mesh.cell()).attention.join()).toMatch(/nobody knows what became of job/);
    await mesh.ask('scheduler.resolve', { job: silent!.id, as: 'succeeded', reason: 'I looked' });
    expect(await mesh.letters('1.0.0')).toBe('ffs');
    await expect(mesh.ask('scheduler.cancel', { job: silent!.id }, ada)).rejects.toMatchObject({ code: 'scheduler.job.conflict' });
    await expect(mesh.ask('scheduler.cancel', { job: 'nope' }, ada)).rejects.toMatchObject({ code: 'scheduler.job.missing' });
  });

  it('tells the agent to renew at once when its job is asked to stop, and nobody when nothing is held', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0');
    const [held, waiting] = await mesh.offered();
    await mesh.granted('anna', held!.id);
    await mesh.ask('scheduler.cancel', { job: waiting!.id });
    expect(mesh.nudged).toEqual([]);
    await mesh.ask('scheduler.cancel', { job: held!.id });
    expect(mesh.nudged).toEqual(['anna']);
    await mesh.ask('scheduler.cancel', { job: held!.id });
    expect(mesh.nudged).toEqual(['anna']);
    expect((await mesh.renew('anna', held!.id, 1)).go).toBe('cancel');
  });

  it('rejects a job whose templates have no value, with the reason, before it reaches an agent', async () => {
    const mesh = await new Mesh({ hosts: 1, executor: { type: 'command', run: ['{{ resource.config.adress }}'] } }).begin();
    await mesh.release('1.0.0', { rollback: { kind: 'rollback', on: ['jobFailure'], scope: 'target' } });
    expect(await mesh.jobs()).toMatchObject([{ state: 'rejected' }]);
    expect((await mesh.jobs())[0]?.message).toMatch(/adress/);
    expect(await mesh.letters('1.0.0')).toBe('f');
    expect(await mesh.rollout('1.0.0')).toMatchObject({ state: 'halted', because: expect.stringMatching(/adress/) });
    expect((await mesh.cell()).quarantined).toEqual([]);
  });

  it('refused before anything began condemns no version: it waits with the reason, whatever the rollback rule says, and goes when it is asked again', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0');
    await mesh.work();
    await mesh.release('1.1.0', { rollback: { kind: 'rollback', on: ['jobFailure'], scope: 'rollout' } });
    const [job] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', job!.id);
    await mesh.report('anna', job!.id, { verb: 'started', epoch, n: 1 });
    await mesh.report('anna', job!.id, { verb: 'rejected', epoch, n: 2, message: 'the token is not accepted' });
    expect(await mesh.rollout('1.1.0')).toMatchObject({ state: 'halted', because: expect.stringContaining('the token is not accepted') });
    expect((await mesh.cell()).quarantined).toEqual([]);
    expect((await mesh.jobs({ version: '1.0.0' })).filter((one) => one.rollback)).toEqual([]);
    await mesh.command('retryFailed');
    await mesh.work();
    expect((await mesh.cell()).running).toMatchObject([{ version: '1.1.0', count: 2 }]);
  });

  it('goes on with a verification whose agent was lost, without measuring anything twice', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.run((await mesh.offered())[0]!);
    const [verify] = await mesh.offered();
    const first = await mesh.granted('anna', verify!.id);
    await mesh.report('anna', verify!.id, { verb: 'measured', epoch: first.epoch, n: 1, measurement: mesh.measurement(0) });
    expect((await mesh.rollout('1.0.0')).members[0]).toMatchObject({ letter: 'v', verified: '1/3' });
    await mesh.pass(31_000);
    const second = await mesh.granted('bert', verify!.id);
    expect(second.measurements).toEqual([expect.objectContaining({ metric: 'health', index: 0, result: 'passed' })]);
    await mesh.report('bert', verify!.id, { verb: 'measured', epoch: second.epoch, n: 1, measurement: mesh.measurement(1) });
    await mesh.report('bert', verify!.id, { verb: 'measured', epoch: second.epoch, n: 2, measurement: mesh.measurement(2) });
    await mesh.report('bert', verify!.id, { verb: 'succeeded', epoch: second.epoch, n: 3 });
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
    expect((await mesh.jobs({ id: verify!.id }))[0]).toMatchObject({
      verdict: 'passed',
      measurements: [{ index: 0 }, { index: 1 }, { index: 2 }],
    });
  });

  it('takes no agent’s word for a verdict: without measurements it waits for a person', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [health] }).begin();
    await mesh.release('1.0.0');
    await mesh.run((await mesh.offered())[0]!);
    const [verify] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', verify!.id);
    await mesh.report('anna', verify!.id, { verb: 'succeeded', epoch, n: 1 });
    expect(await mesh.letters('1.0.0')).toBe('u');
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
    await mesh.ask('scheduler.resolve', { job: verify!.id, as: 'succeeded', reason: 'I looked' });
    expect(await mesh.letters('1.0.0')).toBe('s');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
  });

  it('does not count its own downtime as an agent’s silence', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.release('1.0.0');
    const [job] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', job!.id);
    mesh.now += 3_600_000;
    mesh.restart();
    await mesh.wake();
    expect(await mesh.renew('anna', job!.id, epoch)).toMatchObject({ go: 'on' });
    await mesh.report('anna', job!.id, { verb: 'succeeded', epoch, n: 1 });
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('keeps a concurrency limit, first come first served', async () => {
    const mesh = await new Mesh({ hosts: 4 }).begin();
    await mesh.release('1.0.0', { concurrency: [{ kind: 'concurrency', policy: 'p', max: 2, per: 'environment' } as never] });
    expect((await mesh.offered()).map((job) => job.resource)).toEqual(['host-1', 'host-2']);
    expect((await mesh.rollout('1.0.0')).members[2]?.job).toMatchObject({ state: 'queued', held: 'concurrency' });
    await mesh.run((await mesh.offered())[0]!);
    expect((await mesh.offered()).map((job) => job.resource)).toEqual(['host-2', 'host-3']);
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('keeps the slot of an unknown job until a person has said what became of it; then the next in the queue goes on', async () => {
    const mesh = await new Mesh({ hosts: 2 }).begin();
    await mesh.release('1.0.0', { concurrency: [{ kind: 'concurrency', policy: 'p', max: 1, per: 'environment' } as never] });
    const [first] = await mesh.offered();
    const { epoch } = await mesh.granted('anna', first!.id);
    await mesh.report('anna', first!.id, { verb: 'unknown', epoch, n: 1, message: 'nobody saw' });
    await mesh.command('resume');
    await mesh.pass(120_000);
    expect((await mesh.rollout('1.0.0')).members[1]?.job).toMatchObject({ state: 'queued', held: 'concurrency' });
    await mesh.ask('scheduler.resolve', { job: first!.id, as: 'succeeded', reason: 'I looked' });
    await mesh.work();
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
  });

  it('I1: agents and copies of the service that race for a job leave one holder, and each target one job', async () => {
    const mesh = await new Mesh({ hosts: 1 }).begin();
    await mesh.publish('1.0.0');
    const decision = mesh.decision('1.0.0');
    await Promise.all([mesh.decide(decision), mesh.decide(decision), mesh.ask('scheduler.takeDecisions', { decisions: [decision] })]);
    const jobs = await mesh.jobs();
    expect(jobs).toHaveLength(1);
    const answers = await Promise.all(['anna', 'bert', 'cleo'].map((agent) => mesh.claim(agent, jobs[0]!.id)));
    expect(answers.filter((answer) => answer.granted)).toHaveLength(1);
  });

  it('goes on wherever the service is killed: every step again on a new process', async () => {
    const mesh = await new Mesh({ hosts: 3, verification: [health] }).begin();
    await mesh.release('1.0.0');
    for (let step = 0; step < 12; step += 1) {
      mesh.restart();
      await mesh.work({}, 1);
      mesh.now += 1_000;
    }
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
    expect(await mesh.jobs()).toHaveLength(6);
  });

  it('dispatches more than a batch in several transactions, each target once', async () => {
    const mesh = await new Mesh({ hosts: 2_500 }).begin();
    await mesh.release('1.0.0');
    const jobs = await mesh.offered();
    expect(jobs).toHaveLength(2_500);
    expect(new Set(jobs.map((job) => job.resource)).size).toBe(2_500);
    expect(mesh.said('slipway.job.eu.command.')).toHaveLength(2_500);
  });
});

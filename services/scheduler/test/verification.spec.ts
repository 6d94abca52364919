import { describe, expect, it } from '@jest/globals';
import type { MetricSpec, Obligations } from '@slipway/core';
import { health, Mesh, type Grant } from './mesh.js';

const latency: MetricSpec = { ...health, name: 'latency', count: 1, initialDelayMs: 60_000 };
const trial: MetricSpec = { ...health, name: 'trial', dryRun: true };
const rollback: Obligations['rollback'] = { kind: 'rollback', on: ['verificationFailure'], scope: 'target' };

/** A mesh of one host where a version has just been installed, and its verification is claimed. */
async function verifying(verification: MetricSpec[], more: Partial<Obligations> = {}, hosts = 1): Promise<{ mesh: Mesh; grant: Grant }> {
  const mesh = await new Mesh({ hosts, verification }).begin();
  await mesh.release('1.0.0', more);
  for (const job of await mesh.offered()) await mesh.run(job);
  const [verify] = await mesh.offered();
  return { mesh, grant: await mesh.granted('anna', verify!.id) };
}

/** What the agent that holds it says, in order. */
async function says(mesh: Mesh, { job, epoch }: Grant, ...said: object[]): Promise<void> {
  await mesh.reports(
    'anna',
    said.map((report, at) => ({ job, report: { epoch, n: at + 1, ...report } })),
  );
}

const measures = (mesh: Mesh, metric: string, ...results: ('passed' | 'failed' | 'inconclusive' | 'error')[]): object[] =>
  results.map((result, index) => ({ verb: 'measured', measurement: mesh.measurement(index, result, metric) }));

describe('a verification', () => {
  it('has a clock that began when the job before it had succeeded, and goes on over the loss of an agent', async () => {
    const mesh = await new Mesh({ hosts: 1, verification: [latency] }).begin();
    await mesh.release('1.0.0');
    await mesh.run((await mesh.offered())[0]!);
    const [verify] = await mesh.offered();
    await mesh.pass(10_000);
    expect((await mesh.granted('anna', verify!.id)).elapsedMs).toBe(10_000);
    await mesh.pass(31_000);
    mesh.restart();
    await mesh.wake();
    expect((await mesh.granted('bert', verify!.id)).elapsedMs).toBe(41_000);
  });

  it('may take as long as its metrics say, sleeps too, whatever the time-out of jobs', async () => {
    const slow: MetricSpec = { ...health, provider: { type: 'sleep', duration: '2h' }, count: 2, intervalMs: 0, successCondition: 'true' };
    const { grant } = await verifying([slow], { timeouts: { pickupMs: 1_000, runMs: 1_000, silenceMs: 120_000 } });
    expect(grant.runMs).toBe(8 * 3_600_000);
  });

  it.each(['inconclusive', 'error'] as const)('that is %s pauses the rollout for a person, whose word decides', async (result) => {
    const { mesh, grant } = await verifying([{ ...health, errorLimit: 0 }], { rollback });
    await says(mesh, grant, { verb: 'started' }, ...measures(mesh, 'health', result), { verb: 'failed' });
    expect(await mesh.letters('1.0.0')).toBe('u');
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
    await mesh.pass(86_400_000);
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
    expect((await mesh.cell()).attention.join()).toContain(`verification is ${result}`);
    await mesh.ask('scheduler.resolve', { job: grant.job, as: 'failed', reason: 'it was down' });
    expect((await mesh.jobs({ id: grant.job }))[0]).toMatchObject({ verdict: 'failed', verdictSentence: 'user:ada says so: it was down' });
    expect(await mesh.letters('1.0.0')).not.toBe('s');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 0 }]);
  });

  it('says why it could not be made where no agent of the pool has the provider', async () => {
    const { mesh, grant } = await verifying([health]);
    await says(mesh, grant, { verb: 'rejected', message: 'metric health: this agent has no provider datadog; it has http' });
    expect((await mesh.rollout('1.0.0')).state).toBe('paused');
    expect((await mesh.jobs({ id: grant.job }))[0]).toMatchObject({
      verdict: 'inconclusive',
      verdictSentence: 'health: 0 of 3 passed; ended early (metric health: this agent has no provider datadog; it has http)',
    });
  });

  it.each([
    [
      'failed',
      { value: { value: 0.0909, labels: {} }, message: 'result.value < 0.01 is false' },
      '; result.value < 0.01 is false, saw 0.0909',
    ],
    ['error', { message: 'Prometheus answers 400, bad_data:\nparse error' }, '; Prometheus answers 400, bad_data: parse error'],
    ['inconclusive', { value: { value: 'NaN' }, message: 'the value is not a number' }, '; the value is not a number, saw NaN'],
  ] as const)('that is %s tells why with what was seen last', async (result, saw, told) => {
    const { mesh, grant } = await verifying([{ ...health, errorLimit: 0 }]);
    const measurement = { metric: 'health', index: 0, result, at: mesh.now, ...saw };
    await says(mesh, grant, { verb: 'started' }, { verb: 'measured', measurement }, { verb: 'failed' });
    expect((await mesh.rollout('1.0.0')).because).toContain(told);
  });

  it('tells what was seen, and what became of each metric', async () => {
    const { mesh, grant } = await verifying([health, trial]);
    await says(mesh, grant, { verb: 'started' }, ...measures(mesh, 'trial', 'failed'), ...measures(mesh, 'health', 'passed', 'failed'), {
      verb: 'failed',
    });
    expect(mesh.said('verification').map(({ subject }) => subject.split('.').at(-1))).toEqual(['started', 'failed']);
    expect(mesh.said('verification').at(-1)?.body).toMatchObject({
      measurements: 'health: 1 of 3 passed, 1 failed, 0 failures allowed',
      metric: 'health',
      saw: { status: 503 },
      metrics: {
        health: 'failed: 1 of 3 passed, 1 failed, 0 failures allowed',
        trial: 'failed: 0 of 3 passed, 1 failed, 0 failures allowed, dry run, does not count',
      },
    });
  });

  it('counts no dry run: one that fails beside a metric that passes is recorded and shown', async () => {
    const { mesh, grant } = await verifying([health, trial], { rollback });
    await says(
      mesh,
      grant,
      { verb: 'started' },
      ...measures(mesh, 'trial', 'failed', 'failed'),
      ...measures(mesh, 'health', 'passed', 'passed', 'passed'),
      {
        verb: 'succeeded',
      },
    );
    expect(await mesh.letters('1.0.0')).toBe('s');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);
    expect((await mesh.rollout('1.0.0')).members[0]?.verified).toBe('3/3');
    const [shown] = (await mesh.jobs({ id: grant.job })) as unknown as { judged: object[]; measurements: object[] }[];
    expect(shown?.measurements).toHaveLength(5);
    expect(shown?.judged).toMatchObject([
      { metric: 'health', verdict: 'passed' },
      { metric: 'trial', verdict: 'failed', dryRun: true },
    ]);
  });

  it('of dry runs only lets the version go on, and never calls it verified', async () => {
    const { mesh, grant } = await verifying([trial], { rollback });
    await says(mesh, grant, { verb: 'started' }, ...measures(mesh, 'trial', 'failed'), { verb: 'succeeded' });
    expect((await mesh.rollout('1.0.0')).state).toBe('completed');
    expect((await mesh.cell()).running).toEqual([{ version: '1.0.0', count: 1, verified: 0 }]);
    expect((await mesh.cell()).attention).toEqual([]);
    expect(mesh.said('verification').at(-1)?.body).toMatchObject({
      verb: 'notVerified',
      measurements: 'no metric counts, so nothing is verified',
    });
    expect((await mesh.rollout('1.0.0')).members[0]?.verified).toBe('nothing (only dry runs)');
  });

  it('measures what the deployment and every policy ask for, of two that differ under one name both', async () => {
    const strict: MetricSpec = { ...health, name: 'strict-health', count: 5 };
    const { mesh, grant } = await verifying([health], { verification: [health, strict] });
    expect(grant.spec.metrics?.map((metric) => [metric.name, metric.count])).toEqual([
      ['health', 3],
      ['strict-health', 5],
    ]);
    await says(mesh, grant, { verb: 'started' }, ...measures(mesh, 'health', 'passed', 'passed', 'passed'), { verb: 'succeeded' });
    expect(await mesh.letters('1.0.0')).toBe('u');
  });
});

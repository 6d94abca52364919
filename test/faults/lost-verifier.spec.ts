import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '@slipway/contracts';
import type { Measurement } from '@slipway/core';
import type { JobView } from './fault-mesh.js';
import { FaultMesh } from './fault-mesh.js';
import { appends, deployment, executions, shop } from './shop-documents.js';

const COUNT = 10;
/** The agent dies when it has made so many measurements. */
const MADE = 4;
/** Longer than what is measured before the death, shorter than the lease that must lapse after it. */
const LATE_MS = 15_000;
/** A lease lapses within 30 s; then the job is offered again. */
const DEADLINE_MS = 120_000;

type VerifyView = JobView & { verdict?: string; measurements: Measurement[] };

describe('an agent that dies while it verifies', () => {
  let mesh: FaultMesh;
  let measured: string;
  /** Each measurement as it was published: a message of its own. */
  const published: { agent: string; measurement: Measurement }[] = [];

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    measured = join(mesh.directory, 'measured');
    const every = { interval: '1s', count: COUNT, provider: { type: 'command', run: ['sh', '-c', `echo once >> ${measured}`] } };
    const verification = [
      { metric: 'health', ...every, successCondition: 'result.exitCode == 0' },
      {
        metric: 'late',
        initialDelay: `${LATE_MS}ms`,
        provider: { type: 'command', run: ['true'] },
        successCondition: 'result.exitCode == 0',
      },
    ];
    await mesh.apply(...shop(1), deployment('checkout', appends(join(mesh.directory, 'ran')), { verification }));
    await mesh.startAgent('one');
    await mesh.startAgent('two');
    (await mesh.person()).subscribe(subjects.agentReport('*', '*', 'measured'), {
      callback: (_, message) => {
        const { measurement } = message.json<{ measurement: Measurement }>();
        published.push({ agent: message.subject.split('.')[2] ?? '', measurement });
      },
    });
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const verification = async (): Promise<VerifyView | undefined> => (await mesh.jobs({ kind: 'verify' }))[0] as VerifyView | undefined;
  const indexes = (series: readonly Measurement[]): number[] =>
    series.filter(({ metric }) => metric === 'health').map(({ index }) => index);

  it(
    'is followed by another of its pool: no measurement is lost or made again, and the clock goes on',
    async () => {
      await mesh.publish('checkout', { tag: '1.0.0' });
      await mesh.come(
        'the verification is in its middle',
        async () => ((await verification())?.measurements.length ?? 0) >= MADE,
        DEADLINE_MS,
      );
      const first = (await verification())?.agent ?? '';
      await mesh.agents.get(first)?.kill();
      await mesh.runs('checkout', 'production', '1.0.0', 1, DEADLINE_MS);
      await mesh.come('it has a verdict', async () => (await verification())?.verdict !== 'running', DEADLINE_MS);

      const job = (await verification()) as VerifyView;
      expect(job).toMatchObject({ verdict: 'passed', state: 'succeeded', agent: first === 'one' ? 'two' : 'one', attempt: 1, epoch: 2 });
      expect(indexes(job.measurements).sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, index) => index));
      expect((await mesh.cell('checkout', 'production'))?.running).toEqual([{ version: '1.0.0', count: 1, verified: 1 }]);

      // What the first one had said stands; the second went on at the next index. One more may have been made and not said any more.
      const by = (agent: string): number[] => indexes(published.filter((one) => one.agent === agent).map(({ measurement }) => measurement));
      const before = by(first);
      expect(before.length).toBeGreaterThanOrEqual(MADE);
      expect(by(job.agent ?? '')).toEqual(Array.from({ length: COUNT - before.length }, (_, at) => before.length + at));
      expect(executions(measured).length - COUNT).toBeLessThanOrEqual(1);

      // By a clock that began anew it would have come as much later as it waits.
      const late = job.measurements.find(({ metric }) => metric === 'late') as Measurement;
      const next = job.measurements.find(({ metric, index }) => metric === 'health' && index === before.length) as Measurement;
      expect(late.at - next.at).toBeLessThan(LATE_MS / 2);
      expect(await mesh.deadLetters()).toEqual([]);
    },
    3 * DEADLINE_MS,
  );
});

import { expect, it } from '@jest/globals';
import type { Executor } from '../src/executors/executor.js';
import { AgentBench } from './agent-bench.js';

/** A job whose diff comes after five minutes. */
async function slowDiff(more: Partial<Executor>): Promise<{ bench: AgentBench; log: () => string }> {
  const bench = new AgentBench();
  const diff = (): Promise<string> => new Promise((resolve) => void bench.time.after(300_000, () => resolve('2 to add')));
  Object.assign(bench.executor, { diff, ...more });
  bench.link.answer = ((answer) => (job: string, attempt: number) => ({ ...answer(job, attempt), runMs: 3_600_000 }))(
    bench.link.answer,
  ) as never;
  await bench.agent.start();
  bench.link.invite('command', { job: 'a' });
  await bench.time.settle();
  return { bench, log: () => bench.link.logs.map(({ text }) => text).join('') };
}

it('a diff that is only told holds nothing up for longer than a minute', async () => {
  const { bench, log } = await slowDiff({});
  await bench.time.pass(61_000);
  expect(bench.executor.begun).toEqual(['a.1']);
  expect(log()).toBe('what would change: not told in time\n');
});

it('a diff that is the plan which the run goes by is waited for', async () => {
  const { bench, log } = await slowDiff({ diffIsPlan: true });
  await bench.time.pass(299_000);
  expect(bench.executor.begun).toEqual([]);
  await bench.time.pass(2_000);
  expect(bench.executor.begun).toEqual(['a.1']);
  expect(log()).toBe('what would change: 2 to add\n');
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Ask, Run } from '../src/executors/executor.js';
import { AgentBench } from './agent-bench.js';
import { grantOf } from './scratch-run.js';

const PLAN: Ask = { confirms: 'sha256:aaa', link: 'https://vendor.example/plan' };

let bench: AgentBench;
/** The run of the job, as its executor sees it. */
let run: Run;
/** Messages that were confirmed, in order. */
let heard: string[];
/** What a run asks when it is followed, also in a later life of the agent. */
let opening: () => void;

beforeEach(async () => {
  bench = new AgentBench();
  heard = [];
  opening = () => ask('confirm the plan', PLAN);
  bench.executor.before = (followed) => {
    run = followed;
    opening();
  };
  await bench.agent.start();
});

function ask(message: string, how?: Ask): void {
  const confirmed = run.actionRequired(message, how);
  if (confirmed.aborted) heard.push(message);
  else confirmed.addEventListener('abort', () => heard.push(message));
}

const begin = async (): Promise<void> => {
  bench.link.invite('command', { job: 'a' });
  await bench.time.settle();
};

const questions = (): (string | undefined)[] =>
  bench.link.reports.flatMap(({ report }) => (report.verb === 'actionRequired' ? [report.question] : []));

const confirm = async (question: string | undefined): Promise<void> => {
  bench.link.confirmed = () => question;
  bench.link.nudge();
  await bench.time.settle();
};

describe('a question to a person', () => {
  it('is reported with its link and a name, and answered by the confirmation of that name', async () => {
    await begin();
    expect(bench.link.reports.at(-1)?.report).toMatchObject({ verb: 'actionRequired', message: 'confirm the plan', link: PLAN.link });
    const [question] = questions();
    expect(question).toMatch(/^[0-9a-f]{8}$/);
    await confirm(undefined);
    expect(heard).toEqual([]);
    await confirm(question);
    await confirm(question);
    expect(heard).toEqual(['confirm the plan']);
  });

  it('that only another system can answer has no name, and stays as it is', async () => {
    opening = () => ask('review it there', { link: 'https://vendor.example/review' });
    await begin();
    expect(questions()).toEqual([undefined]);
    await confirm('anything');
    expect(heard).toEqual([]);
  });

  it('said again is the same; other words, another link or another thing to confirm is another', async () => {
    await begin();
    ask('confirm the plan', PLAN);
    ask('confirm the plan', { ...PLAN, link: 'https://vendor.example/other' });
    ask('confirm the plan', { ...PLAN, confirms: 'sha256:bbb' });
    ask('confirm the plan: 2 to add', { ...PLAN, confirms: 'sha256:bbb' });
    await bench.time.settle();
    expect(questions()).toHaveLength(4);
    expect(new Set(questions()).size).toBe(4);
  });

  it('an answer to an older question is none to the newer, and none to the older when that is asked again', async () => {
    await begin();
    const [older] = questions();
    ask('confirm the other plan', { confirms: 'sha256:bbb' });
    await bench.time.settle();
    await confirm(older);
    expect(heard).toEqual([]);
    bench.link.confirmed = () => undefined;
    ask('confirm the plan', PLAN);
    expect(heard).toEqual([]);
  });

  it('confirmed, then another one: the first answer does not count when the first is asked once more', async () => {
    await begin();
    await confirm(questions()[0]);
    bench.link.confirmed = () => undefined;
    ask('confirm the other plan', { confirms: 'sha256:bbb' });
    ask('confirm the plan', PLAN);
    await bench.time.settle();
    expect(heard).toEqual(['confirm the plan']);
  });

  it('the answer stands when the run went on and asks for the same thing again', async () => {
    await begin();
    await confirm(questions()[0]);
    run.progress({ message: 'applying' });
    ask('confirm the plan', PLAN);
    await bench.time.settle();
    expect(heard).toEqual(['confirm the plan', 'confirm the plan']);
  });
});

describe('a confirmation', () => {
  it('given while the agent was away is heard by its next life, asked before or after the renewal', async () => {
    await begin();
    const [question] = questions();
    bench.link.confirmed = () => question;
    await bench.restart();
    expect(heard).toEqual(['confirm the plan']);

    opening = () => undefined;
    await bench.restart();
    expect(heard).toHaveLength(1);
    ask('confirm the plan', PLAN);
    expect(heard).toHaveLength(2);
  });

  it('is heard by another agent that took the job over and asks the same', async () => {
    await begin();
    const [question] = questions();
    const other = new AgentBench();
    await other.agent.start();
    other.link.answer = (job) => grantOf(job, { epoch: 2, observeFirst: true });
    other.link.confirmed = () => question;
    other.executor.observation = 'running';
    other.executor.before = bench.executor.before;
    other.link.invite('command', { job: 'a' });
    await other.time.settle();
    other.link.nudge();
    await other.time.settle();
    expect(heard).toEqual(['confirm the plan']);
  });

  it('does not count for a job that is to be cancelled', async () => {
    await begin();
    bench.link.renewal = () => 'cancel';
    await confirm(questions()[0]);
    expect(heard).toEqual([]);
    expect(bench.link.verbs('a')).toEqual(['started', 'actionRequired', 'cancelled']);
  });

  it('lets the time of the run begin anew once it goes on, and not before', async () => {
    await begin();
    await bench.time.pass(3_600_000);
    await confirm(questions()[0]);
    run.progress({ message: 'applying' });
    await bench.time.pass(59_000);
    expect(bench.link.verbs('a')).not.toContain('timedOut');
    await bench.time.pass(2_000);
    expect(bench.link.verbs('a')).toContain('timedOut');
  });
});

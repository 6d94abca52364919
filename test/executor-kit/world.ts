import path from 'node:path';
import { jobReportSchema } from '@slipway/contracts';
import type { JobReport } from '@slipway/core';
import { eventually } from '@slipway/testkit';
import { isFinal } from '../../agents/src/journal.js';
import { AgentUnderTest, RUN_ID } from './agent-under-test.js';
import type { MakeSubject, Subject } from './subject.js';

const PATIENCE_MS = 15_000;
/** What is said after the end is said within this; real time. */
const AFTERWARDS_MS = 30;
/** A `start` that is to end comes back within this; real time. */
const START_ENDS_WITHIN_MS = 2_000;
/** Neither tabs nor line ends, which are fine. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** One story's world: the subject, an agent, and another agent of its pool. */
export class World {
  readonly problems: string[] = [];
  /** In which variant of the story this is, for its problems. */
  where = '';
  readonly agent: AgentUnderTest;
  readonly other: AgentUnderTest;

  private constructor(
    readonly subject: Subject,
    directory: string,
  ) {
    this.agent = new AgentUnderTest('a1', subject, () => subject.life(), path.join(directory, 'a1'));
    this.other = new AgentUnderTest('a2', subject, () => subject.otherAgent(), path.join(directory, 'a2'));
    subject.instants?.((instant) => (this.agent.alive ? this.agent : this.other).reach(instant));
  }

  static async make(makeSubject: MakeSubject, directory: string): Promise<World> {
    return new World(await makeSubject(directory), directory);
  }

  get begun(): number {
    return this.subject.begun(RUN_ID);
  }

  get goesOn(): boolean {
    return this.subject.goesOn(RUN_ID);
  }

  /** Wait for something that must come to pass; when it does not the story ends here. */
  async until(what: string, condition: () => unknown): Promise<void> {
    await eventually(what, () => Boolean(condition()), this.subject.patienceMs ?? PATIENCE_MS);
  }

  expect(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }

  /** The agent is there, got the job, and its run goes on in the system. */
  async running(grant: Parameters<AgentUnderTest['invite']>[0] = {}): Promise<void> {
    await this.agent.start();
    this.agent.invite(grant);
    await this.until('the run was begun and is followed', () => this.agent.final || (this.begun > 0 && this.agent.executor.following > 0));
    if (this.agent.final) throw new Error(`the run ended before it should: ${JSON.stringify(this.agent.final)}`);
  }

  async finish(how: 'succeeded' | 'failed'): Promise<void> {
    await this.subject.finish(RUN_ID, how);
  }

  /** Wait for the final report of this agent. */
  async ended(agent = this.agent): Promise<JobReport> {
    await this.until(`${agent.name} says how the run ended`, () => agent.final);
    return agent.final as JobReport;
  }

  async endsAs(verbs: readonly string[], agent = this.agent): Promise<void> {
    const final = await this.ended(agent);
    const message = 'message' in final && final.message !== undefined ? `: ${final.message}` : '';
    this.expect(verbs.includes(final.verb), `it was reported as ${final.verb}${message}; right would be ${verbs.join(' or ')}`);
  }

  /** What must hold at the end of every story. */
  async judge(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, AFTERWARDS_MS));
    this.expect(this.begun <= 1, `the system was made to begin the run ${this.begun} times`);
    const secrets = Object.values(this.subject.secrets ?? {});
    for (const agent of [this.agent, this.other]) {
      if (agent.final && !(await this.ceasesToBegin(agent)))
        this.problems.push(`${agent.name} has said how the run ended, and the executor may still begin it`);
      this.problems.push(...agent.problems, ...judgeReports(agent.reports));
      const shown = JSON.stringify(agent.reports) + agent.logs.map(({ text }) => text).join('');
      if (secrets.some((secret) => shown.includes(secret))) this.problems.push(`the value of a secret stands in what ${agent.name} said`);
    }
    const final = this.agent.final;
    if (final && ['cancelled', 'timedOut', 'rejected'].includes(final.verb))
      this.expect(!this.goesOn, `it was reported as ${final.verb}, and something of it goes on`);
  }

  private ceasesToBegin(agent: AgentUnderTest): Promise<boolean> {
    return eventually('start came back', () => !agent.beginning, START_ENDS_WITHIN_MS).then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    for (const agent of [this.agent, this.other]) await agent.bury();
    this.problems.push(...(await this.subject.close()));
  }
}

/** What the controller would make of these reports of one agent, in their order. */
function judgeReports(reports: readonly JobReport[]): string[] {
  const problems: string[] = [];
  const finals = new Map<number, JobReport>();
  for (const report of reports) {
    const parsed = jobReportSchema.safeParse(report);
    if (!parsed.success) problems.push(`the controller would not understand the report ${JSON.stringify(report).slice(0, 300)}`);
    const before = finals.get(report.epoch);
    if (before) problems.push(`after the final report (${before.verb}) came another (${report.verb})`);
    if (isFinal(report)) finals.set(report.epoch, report);
    if ('message' in report && report.message !== undefined && CONTROL.test(report.message))
      problems.push(`the message of ${report.verb} has control characters in it`);
  }
  return problems;
}

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { jsonObjectSchema, terraformExecutorSchema } from '@slipway/contracts';
import type { JobSpec, JsonObject } from '@slipway/core';
import { z } from 'zod';
import { type Executor, type Observation, type Outcome, type Reach, Refused, type Run } from '../executor.js';
import { signalUntilOver } from '../processes/signals.js';
import { readStop, readTrace, stopFileOf, writeStop } from '../processes/trace.js';
import { Application, lastApply } from './application.js';
import { showPlan, tellPlan } from './plan.js';
import { Preparation, type Prepared } from './preparation.js';
import { programName } from './program.js';
import { repositoryOf } from './module-source.js';
import { Workplace } from './workplace.js';

/** From the first SIGINT to the second: providers end what they are doing. The controller gives a cancel two minutes in all. */
const GRACE_MS = 90_000;
/** After the second SIGINT Terraform gives everything up at once. */
const GIVE_UP_MS = 10_000;
const KILLED_WITHIN_MS = 5_000;

/** A run without an outcome may wait for a person's yes; nobody is waited for longer than this. */
const KEPT_WITHOUT_OUTCOME_MS = 30 * 24 * 3_600_000;

const outcomeSchema = z.object({
  verb: z.enum(['succeeded', 'failed', 'cancelled', 'timedOut']),
  message: z.string().optional(),
  outputs: jsonObjectSchema.optional(),
});

/**
 * Plans and applies a root module with the local CLI. Every command runs under a runner of its own (processes/runner.ts) in the run's directory,
 * so that the agent may die and come back: a next life takes up the very process, and an apply is begun once for a plan, by the runner's mark.
 *
 * init → workspace → plan, saved → [a person's yes] → apply of that plan; stale: once more from plan
 *
 * Nothing before the apply changes what the module describes, so a run counts as begun when an apply is. What another agent of the pool began is
 * seen only in a shared state: where a plan finds nothing left to change, it succeeded; all else is unknown.
 */
export class TerraformExecutor implements Executor {
  readonly type = 'terraform';
  readonly diffIsPlan = true;
  private readonly preparations = new WeakMap<Run, Promise<Prepared>>();
  private readonly told = new WeakSet<Run>();

  /** `passed`: what Terraform sees of the agent's own environment; `graceMs`: how long one that was asked to stop may take. */
  constructor(
    private readonly passed: Readonly<Record<string, string>>,
    private readonly graceMs = GRACE_MS,
  ) {}

  validate(config: JobSpec['executor']): string | undefined {
    const parsed = terraformExecutorSchema.safeParse(config);
    if (parsed.success) return undefined;
    return parsed.error.issues.map((issue) => `executor.${issue.path.join('.')} ${issue.message}`).join('; ');
  }

  secretReferences(config: JobSpec['executor']): Record<string, string> {
    return terraformExecutorSchema.parse(config).secrets ?? {};
  }

  reaches(config: JobSpec['executor']): Reach {
    const { program, directory, module, env, secrets } = terraformExecutorSchema.parse(config);
    return {
      programs: [programName(program, env?.['PATH'] ?? this.passed['PATH'] ?? '')],
      repositories: module === undefined ? [] : [repositoryOf(module)],
      directories: directory === undefined ? [] : [path.resolve(directory)],
      variables: Object.keys({ ...env, ...secrets }),
    };
  }

  async observe(run: Run): Promise<Observation> {
    const place = this.place(run);
    const outcome = await readOutcome(place);
    if (outcome) return outcome.verb === 'succeeded' ? 'succeeded' : 'failed';
    const apply = await lastApply(place);
    if (apply !== undefined) {
      const trace = await readTrace(place.file(apply));
      if (trace.state !== 'gone') return trace.state === 'ended' && trace.status === 0 ? 'succeeded' : 'running';
      return (await readStop(run.directory)) ? 'failed' : this.look(place, 'it disappeared without an exit status');
    }
    const epoch = await readEpoch(place);
    if ((await readStop(run.directory)) && epoch === run.grant.epoch) return 'failed';
    // Held by this agent under the epoch before: nobody else can have begun it in between.
    if (!run.grant.observeFirst || (epoch !== undefined && epoch >= run.grant.epoch - 1)) return 'notStarted';
    await rm(stopFileOf(run.directory), { force: true });
    return this.look(place, 'another agent may have begun it');
  }

  async start(run: Run): Promise<void> {
    const place = this.place(run);
    if ((await readOutcome(place)) || (await lastApply(place)) !== undefined) return;
    const prepared = await this.prepare(run).catch(async (error: unknown) => {
      if (error instanceof Refused) await rm(run.directory, { recursive: true, force: true });
      throw error;
    });
    await this.tell(place, prepared);
    if (!run.ending.aborted) await this.application(place).begin(prepared);
  }

  async follow(run: Run): Promise<Outcome> {
    const place = this.place(run);
    const before = await readOutcome(place);
    if (before) return before;
    const application = this.application(place);
    const apply = await lastApply(place);
    if (apply === undefined && (await readStop(run.directory))) return this.keep(place, await application.ended());
    const prepared = await (this.preparations.get(run) ?? new Preparation(place).adopt());
    const outcome = await application.run(prepared);
    if (outcome === undefined) return { verb: 'unknown', message: 'not followed any more' };
    return outcome === 'gone' ? this.vanished(place) : this.keep(place, outcome);
  }

  async cancel(run: Run, because: 'cancelled' | 'timedOut'): Promise<boolean> {
    const place = this.place(run);
    if (await readOutcome(place)) return true;
    // Before anything is looked for: a runner that leaves its mark from here on runs nothing.
    await mkdir(run.directory, { recursive: true, mode: 0o700 });
    await writeStop(run.directory, because);
    const stopped = await Promise.all((await tracesIn(run.directory)).map((name) => this.stop(place, name)));
    if (stopped.includes(false)) return false;
    const apply = await lastApply(place);
    // Where nothing is known of it here, another agent may be at it.
    return apply !== undefined || !run.grant.observeFirst || (await readEpoch(place)) !== undefined;
  }

  async abandon(run: Run): Promise<void> {
    await this.cancel(run, 'cancelled');
  }

  async diff(run: Run): Promise<string> {
    try {
      const prepared = await this.prepare(run);
      this.told.add(run);
      return prepared.plan.nothing ? 'nothing' : `${tellPlan(prepared.plan)}\n${await showPlan(this.place(run), prepared.plan)}`;
    } catch {
      // `start` meets the same, and tells it.
      return '';
    }
  }

  async cleanup(workDirectory: string, before: number): Promise<void> {
    for (const name of await readdir(workDirectory).catch(() => [])) {
      const directory = path.join(workDirectory, name);
      const epoch = await stat(path.join(directory, 'epoch')).catch(() => undefined);
      if (!epoch) continue;
      const ended = await stat(path.join(directory, 'outcome.json')).catch(() => undefined);
      if (ended ? ended.mtimeMs >= before : epoch.mtimeMs >= before - KEPT_WITHOUT_OUTCOME_MS) continue;
      const states = await Promise.all((await tracesIn(directory)).map((trace) => readTrace(path.join(directory, trace))));
      if (states.every(({ state }) => state !== 'running')) await rm(directory, { recursive: true, force: true });
    }
  }

  private place(run: Run): Workplace {
    return new Workplace(run, terraformExecutorSchema.parse(run.config), this.passed);
  }

  private application(place: Workplace): Application {
    return new Application(place, new Preparation(place), (prepared) => {
      this.told.delete(place.run);
      return this.tell(place, prepared);
    });
  }

  /** Once for a run in one life of the agent: `diff` and `start` share it. */
  private prepare(run: Run): Promise<Prepared> {
    let prepared = this.preparations.get(run);
    if (!prepared) {
      const place = this.place(run);
      prepared = enter(place).then(() => new Preparation(place).prepare());
      this.preparations.set(run, prepared);
    }
    return prepared;
  }

  private async tell(place: Workplace, prepared: Prepared): Promise<void> {
    if (this.told.has(place.run)) return;
    this.told.add(place.run);
    const shown = prepared.plan.nothing ? '' : `\n${await showPlan(place, prepared.plan).catch((error: Error) => error.message)}`;
    place.run.output.write('agent', `the plan: ${tellPlan(prepared.plan)}${shown}\n`);
  }

  /** Only a state that is shared can tell what became of an apply that is not here: by there being nothing left to change. */
  private async look(place: Workplace, because: string): Promise<'succeeded' | 'unknown'> {
    const { run } = place;
    try {
      await mkdir(run.directory, { recursive: true, mode: 0o700 });
      if ((await readEpoch(place)) === undefined) await writeFile(place.file('epoch'), '0');
      const preparation = new Preparation(place);
      const { type } = await preparation.initialise();
      const here = (await lastApply(place)) !== undefined;
      if (type === 'local' && !here) return 'unknown';
      const { plan, outputs } = await preparation.plan('look', true);
      run.output.write('agent', `${because}; a new plan finds: ${tellPlan(plan)}\n`);
      if (!plan.nothing) return 'unknown';
      await this.keep(place, {
        verb: 'succeeded',
        message: `${because}, and nothing is left to change: all is as the module says`,
        outputs: { plan: { ...plan.counts }, outputs },
      });
      return 'succeeded';
    } catch (error) {
      run.output.write('agent', `${because}, and what became of it could not be looked up: ${(error as Error).message}\n`);
      return 'unknown';
    }
  }

  private async vanished(place: Workplace): Promise<Outcome> {
    const stop = await readStop(place.run.directory);
    const halfWay = 'what it was doing may be half done, the state may not know of it, and its lock may still be held';
    if (stop) return this.keep(place, { verb: stop, message: `killed: it did not stop when asked; ${halfWay}` });
    const seen = await this.look(place, 'Terraform and its runner disappeared without an exit status');
    const outcome = seen === 'succeeded' ? await readOutcome(place) : undefined;
    return (
      outcome ?? {
        verb: 'unknown',
        message: `Terraform and its runner disappeared without an exit status; was the machine restarted? ${halfWay}`,
      }
    );
  }

  /** Keep how it ended, for whoever asks again, and let go of what may hold secrets. */
  private async keep(place: Workplace, outcome: Outcome): Promise<Outcome> {
    const before = await readOutcome(place);
    if (before) return before;
    await writeFile(place.file('outcome.json.new'), JSON.stringify(outcome), { mode: 0o600 });
    await rename(place.file('outcome.json.new'), place.file('outcome.json'));
    await place.tidy();
    return outcome;
  }

  /** Ask Terraform alone, twice; end its whole group only when that did not help. */
  private async stop(place: Workplace, name: string): Promise<boolean> {
    const { run } = place;
    const directory = place.file(name);
    const { state } = await readTrace(directory);
    if (state !== 'running') return state !== 'gone' || (await readStop(run.directory)) !== undefined;
    const graceMs = name.startsWith('apply') ? this.graceMs : Math.min(this.graceMs, GIVE_UP_MS);
    for (const signal of [
      { signal: 'SIGINT', to: 'program', withinMs: graceMs },
      { signal: 'SIGINT', to: 'program', withinMs: Math.min(this.graceMs, GIVE_UP_MS) },
      { signal: 'SIGKILL', to: 'group', withinMs: KILLED_WITHIN_MS },
    ] as const) {
      if (await signalUntilOver(run, directory, signal)) return true;
    }
    return false;
  }
}

const tracesIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory).catch(() => [])).filter((name) => /^(init|plan|look|apply-\d+)-\d+$/.test(name));

/** Note under which epoch this agent prepares the run; what ended an earlier one does not end this. */
async function enter(place: Workplace): Promise<void> {
  const { grant, directory } = place.run;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readEpoch(place)) === grant.epoch) return;
  await writeFile(place.file('epoch'), String(grant.epoch));
  await rm(stopFileOf(directory), { force: true });
}

async function readOutcome(place: Workplace): Promise<(Outcome & { outputs?: JsonObject }) | undefined> {
  const text = await readFile(place.file('outcome.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (outcomeSchema.parse(JSON.parse(text)) as Outcome);
}

/** Under which epoch this agent last began to prepare the run. */
async function readEpoch(place: Workplace): Promise<number | undefined> {
  const epoch = Number(await readFile(place.file('epoch'), 'utf8').catch(() => ''));
  return epoch > 0 ? epoch : undefined;
}

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { JsonObject } from '@slipway/core';
import { Refused } from '../executor.js';
import { printable } from '../../text.js';
import { hindranceIn } from './hindrance.js';
import { hideSensitive, planOf, type Plan } from './plan.js';
import { checkProgram } from './program.js';
import { complaintsIn, tellErrors } from './step.js';
import { untilUnhindered } from './tries.js';
import { Waiting } from './waiting.js';
import type { Workplace } from './workplace.js';

const WORKSPACES_TIMEOUT_MS = 120_000;
/** Exit statuses of `plan -detailed-exitcode`. */
const PLANNED = { nothing: 0, changes: 2 } as const;

export interface Prepared {
  plan: Plan;
  /** Outputs as they will be, where that is known and they may be seen. */
  outputs: JsonObject;
}

/** The run was to end before there was a plan. */
export class EndedFirst extends Error {
  constructor() {
    super('the run was to end before there was a plan');
  }
}

class Unreadable extends Refused {
  constructor(
    readonly plan: Plan,
    error: Error,
  ) {
    super(`the plan could not be read, so its sensitive values are not known: ${error.message}`);
  }
}

/** Everything before the apply. Nothing of it changes what the module describes, so it is begun again freely. */
export class Preparation {
  constructor(private readonly place: Workplace) {}

  /** Program, module, backend, workspace, plan; what an earlier life has of it is taken up. Throws `Refused`, with nothing applied. */
  async prepare(): Promise<Prepared> {
    await this.initialise();
    return this.plan('plan');
  }

  /** As `prepare` without the plan; gives the kind of backend. */
  async initialise(): Promise<{ type: string }> {
    const { place } = this;
    await place.layOut();
    await checkProgram(place.program, place.env, place.run.directory);
    place.run.progress({ step: 'initialising' });
    const done = await untilUnhindered(place, {
      kind: 'init',
      command: async () => ({ arguments: await place.initArguments(), env: place.env }),
    });
    if (!done) throw new EndedFirst();
    if (done.end === 'gone' || done.end.status !== 0)
      throw new Refused(`nothing was begun: ${place.program} init failed: ${tellErrors(done.errors)}`);
    const backend = await place.backend();
    if (backend.type === 'remote' || backend.type === 'cloud')
      throw new Refused(
        `nothing was begun: the module keeps its state in HCP Terraform (${backend.type}); use the executor terraform-cloud`,
      );
    if (backend.lostWithRun)
      throw new Refused(
        'nothing was begun: the module has no backend, and the copy that a job works in is removed with its state; declare a backend in the module, or use directory',
      );
    await this.chooseWorkspace();
    return backend;
  }

  /** Plan, until nothing hinders it. `kind` names the trace: a plan to apply, or only a look. */
  async plan(kind: 'plan' | 'look', anew = false): Promise<Prepared> {
    const { place } = this;
    place.run.progress({ step: 'planning' });
    const done = await untilUnhindered(place, {
      kind,
      anew,
      command: async (name) => {
        const file = place.file(name, 'plan');
        // Made before Terraform writes it, so that nobody else ever could read it.
        await writeFile(file, '', { mode: 0o600 });
        return { arguments: place.planArguments(file), env: place.workspaceEnv };
      },
    });
    if (!done) throw new EndedFirst();
    const status = done.end === 'gone' ? -1 : done.end.status;
    if (status !== PLANNED.nothing && status !== PLANNED.changes)
      throw new Refused(`nothing was applied: ${place.program} plan failed: ${tellErrors(done.errors)}`);
    const plan = planOf(place, `${kind}-${done.number}`, done.ui, status);
    return { plan, outputs: await this.read(plan) };
  }

  /** The plan that an earlier life made, to follow its apply: what can't be read of it any more holds nothing up. */
  async adopt(): Promise<Prepared> {
    try {
      return await this.plan('plan');
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.place.run.output.write('agent', `${error.message}\n`);
      return { plan: error.plan, outputs: {} };
    }
  }

  /** The outputs that may be seen; what may not is kept out of the log from here on. */
  private async read(plan: Plan): Promise<JsonObject> {
    try {
      return await hideSensitive(this.place, plan);
    } catch (error) {
      if (this.place.run.ending.aborted) throw new EndedFirst();
      throw new Unreadable(plan, error as Error);
    }
  }

  /** The workspace must be there: Terraform itself would take a misspelt one for an empty one, and make everything anew. */
  private async chooseWorkspace(): Promise<void> {
    const { place } = this;
    const { workspace, createWorkspace } = place.config;
    if (workspace === undefined) return;
    const there = (await this.workspaces('list')).split('\n').flatMap((line) => line.replace(/^\*/, '').trim() || []);
    if (there.includes(workspace)) return;
    if (createWorkspace !== true)
      throw new Refused(
        `nothing was begun: there is no workspace ${workspace}, only ${there.join(', ') || 'none'}; make it with ${place.program} workspace new, or write createWorkspace: true`,
      );
    await this.workspaces('new', '-lock-timeout=60s', workspace).catch((error: Error) => {
      // Another job of the same target was first.
      if (!/already exists/i.test(error.message)) throw error;
    });
    place.run.output.write('agent', `made the workspace ${workspace}\n`);
  }

  private async workspaces(verb: 'list' | 'new', ...args: string[]): Promise<string> {
    const { place } = this;
    const { run } = place;
    for (const waiting = new Waiting(place); ;) {
      const { stdout, stderr, failed } = await new Promise<{ stdout: string; stderr: string; failed: boolean }>((resolve) => {
        const options = { cwd: place.sources, env: place.env, timeout: WORKSPACES_TIMEOUT_MS, signal: run.ending };
        // No -no-color before the verb: `list` does not know it.
        execFile(place.program, ['workspace', verb, ...args], options, (error, stdout, stderr) =>
          resolve({ stdout, stderr, failed: error !== null }),
        );
      });
      if (run.ending.aborted) throw new EndedFirst();
      if (!failed) return stdout;
      const complaints = complaintsIn(printable(stderr));
      const hindrance = hindranceIn(complaints);
      if (!hindrance) throw new Refused(`nothing was begun: ${place.program} workspace ${verb} failed: ${tellErrors(complaints)}`);
      await waiting.pass(hindrance);
    }
  }
}

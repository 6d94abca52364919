import { writeFile } from 'node:fs/promises';
import { pause } from '../../timers.js';
import { type Outcome, Refused } from '../executor.js';
import { readStop, readTrace } from '../processes/trace.js';
import { isStale } from './hindrance.js';
import { digestOf, tellPlan, type Plan } from './plan.js';
import { EndedFirst, type Prepared, type Preparation } from './preparation.js';
import { launchStep, tellErrors } from './step.js';
import { type Tried, untilUnhindered } from './tries.js';
import type { UiStream } from './ui-stream.js';
import type { Workplace } from './workplace.js';

/** After `ending` fired, why is written down at once. */
const STOP_IS_WRITTEN_WITHIN_MS = 2_000;
const LOOK_AGAIN_MS = 20;
const NAMES_TOLD_MAX = 5;

/** From a plan to the end: the person's yes where one is wanted, and the apply of exactly that plan. */
export class Application {
  private toldSteps = '';

  constructor(
    private readonly place: Workplace,
    private readonly preparation: Preparation,
    /** Puts a plan into the log. */
    private readonly tell: (prepared: Prepared) => Promise<void>,
  ) {}

  /** Begin the apply, unless a person has to say yes first or there is nothing to apply. */
  async begin({ plan }: Prepared): Promise<void> {
    if (plan.nothing || this.asks(plan)) return;
    await launchStep(this.place, { name: `${appliesOf(plan)}-1`, command: () => this.command(plan) });
  }

  /** To the end; 'gone' when the apply disappeared without an exit status, undefined when nobody follows it any more. */
  async run(first: Prepared): Promise<Outcome | 'gone' | undefined> {
    for (let prepared = first; ;) {
      const { plan, outputs } = prepared;
      if (plan.nothing)
        return { verb: 'succeeded', message: 'no changes: all is as the module says', outputs: { plan: { ...plan.counts }, outputs } };
      const applied = (await this.allowed(plan)) ? await this.apply(plan) : undefined;
      if (applied instanceof Refused) return { verb: 'failed', message: applied.message };
      if (applied === undefined) return this.place.run.signal.aborted ? undefined : this.ended();
      if (applied.end === 'gone') return 'gone';
      if (applied.end.status === 0 || !isStale(applied.errors)) return this.outcome(applied, applied.end.status);
      const again = await this.planAgain();
      if ('verb' in again) return again;
      prepared = again;
    }
  }

  /** It was to end before anything was applied; whoever ended it has written down why, or does so now. */
  async ended(): Promise<Outcome> {
    const { run } = this.place;
    const until = run.clock.monotonic() + STOP_IS_WRITTEN_WITHIN_MS;
    let stop = await readStop(run.directory);
    while (stop === undefined && run.clock.monotonic() < until) {
      await pause(run.timers, LOOK_AGAIN_MS);
      stop = await readStop(run.directory);
    }
    return {
      verb: stop ?? 'cancelled',
      message: `${stop === 'timedOut' ? 'the time limit was over' : 'cancelled'} before anything was applied`,
    };
  }

  private asks({ counts }: Plan): boolean {
    const { approve = 'never' } = this.place.config;
    return approve === 'always' || (approve === 'onDestroy' && counts.destroy > 0);
  }

  /** True once this plan may be applied; false when the run was to end first. */
  private async allowed(plan: Plan): Promise<boolean> {
    const { place } = this;
    const { run } = place;
    if (!this.asks(plan) || (await place.traces(appliesOf(plan))).length > 0) return true;
    const confirmed = run.actionRequired(
      `the plan waits for a person: ${tellPlan(plan)}. It is in the job’s log; confirmed, exactly this plan is applied; cancelled, nothing is`,
      { confirms: await digestOf(plan) },
    );
    const answered = AbortSignal.any([confirmed, run.ending]);
    if (!answered.aborted) await new Promise<void>((resolve) => answered.addEventListener('abort', () => resolve(), { once: true }));
    return confirmed.aborted && !run.ending.aborted;
  }

  private async apply(plan: Plan): Promise<Tried | Refused | undefined> {
    this.place.run.progress({ step: 'applying' });
    try {
      return await untilUnhindered(this.place, {
        kind: appliesOf(plan),
        command: () => this.command(plan),
        applies: true,
        heard: (ui) => this.tellProgress(ui),
      });
    } catch (error) {
      // The lock was waited for too long.
      if (error instanceof Refused) return error;
      throw error;
    }
  }

  private command(plan: Plan) {
    return Promise.resolve({ arguments: this.place.applyArguments(plan.file), env: this.place.workspaceEnv });
  }

  private tellProgress(ui: UiStream): void {
    const { steps, doneSteps, begun } = ui;
    if (steps === 0) return;
    const step = `${doneSteps} of ${steps}${begun.size > 0 ? `, ${[...begun].at(-1)}` : ''}`;
    if (step === this.toldSteps) return;
    this.toldSteps = step;
    this.place.run.progress({ percent: Math.min(100, Math.round((100 * doneSteps) / steps)), step: step.slice(0, 200) });
  }

  /** The state was changed by somebody since the plan was made, so nothing was applied: once, another plan. */
  private async planAgain(): Promise<Prepared | Outcome> {
    const { place } = this;
    try {
      await writeFile(place.file('planned-again'), '', { flag: 'wx' });
    } catch {
      return { verb: 'failed', message: 'nothing was applied: the state was changed by somebody else after the plan was made, twice' };
    }
    place.run.output.write(
      'agent',
      'nothing was applied: the state was changed by somebody else after the plan was made; planning again\n',
    );
    try {
      const again = await this.preparation.plan('plan', true);
      await this.tell(again);
      return again;
    } catch (error) {
      if (error instanceof EndedFirst) return this.ended();
      if (error instanceof Refused) return { verb: 'failed', message: error.message };
      throw error;
    }
  }

  private async outcome({ ui, errors }: Tried, status: number): Promise<Outcome> {
    const { program, run } = this.place;
    const stop = await readStop(run.directory);
    const { add = 0, change = 0, destroy = 0 } = ui.counts ?? {};
    // It may have been asked to stop, and was through before it heard: the state says that all is applied.
    if (status === 0)
      return {
        verb: 'succeeded',
        message: `applied: ${add} added, ${change} changed, ${destroy} destroyed`,
        outputs: { plan: { ...(ui.counts ?? {}) }, outputs: ui.outputs },
      };
    const applied = tellApplied(ui);
    if (stop)
      return {
        verb: stop,
        message: `${stop === 'timedOut' ? 'stopped: the time limit was over' : 'stopped when it was cancelled'}; ${applied}`,
      };
    const how = ui.interrupted
      ? 'was interrupted by a signal that Slipway did not send'
      : status > 128
        ? `was ended by signal ${status - 128}`
        : 'failed';
    return { verb: 'failed', message: `${program} apply ${how}: ${tellErrors(errors)}; ${applied}` };
  }
}

const appliesOf = (plan: Plan): string => plan.name.replace('plan', 'apply');

/** Whether an apply is known here: the trace that was begun last, by name. */
export async function lastApply(place: Workplace): Promise<string | undefined> {
  for (const plan of (await place.traces('plan')).reverse()) {
    for (const apply of (await place.traces(`apply-${plan}`)).reverse()) {
      const name = `apply-${plan}-${apply}`;
      if ((await readTrace(place.file(name))).state !== 'none') return name;
    }
  }
  return undefined;
}

/** What an apply that did not come to its end has done. */
function tellApplied({ begun, done, failed }: UiStream): string {
  if (begun.size === 0) return 'nothing was applied';
  const halfWay = [...begun].filter((address) => !done.includes(address));
  const parts = [
    done.length > 0 ? `applied: ${names(done)}` : 'nothing was applied to its end',
    halfWay.length > 0 ? `half way: ${names(halfWay)}` : '',
    failed.length > 0 || halfWay.length > 0 ? 'the state holds what Terraform knows of it' : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}

const names = (list: readonly string[]): string =>
  `${list.slice(0, NAMES_TOLD_MAX).join(', ')}${list.length > NAMES_TOLD_MAX ? ` and ${list.length - NAMES_TOLD_MAX} more` : ''}`;

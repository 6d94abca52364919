import { pause } from '../../timers.js';
import { Ambiguous } from '../../vendor/failures.js';
import type { Waiting } from '../../vendor/vendor-client.js';
import type { Run } from '../executor.js';
import type { TerraformRun } from './answers.js';
import { told, type TerraformCloudApi } from './api.js';
import { noteStop } from './outcome.js';
import { isOver } from './run-states.js';
import { lookAt, NotSeen } from './seen-run.js';
import { words } from './summary.js';

const POLL_MS = 2_000;

type Action = 'discard' | 'cancel' | 'force-cancel';

/** Ends a run by what the vendor allows of it. */
export class RunStop {
  /** What the vendor has taken; a state that is over (409) or a lost answer is tried again. */
  private readonly taken = new Set<Action>();
  private said = '';

  constructor(
    private readonly run: Run,
    private readonly api: TerraformCloudApi,
    private readonly runId: string,
    private readonly wait: Waiting,
  ) {}

  /** True once the run is over; false when that could not be reached while `wait` lasts, or may not be by this token. */
  async go(): Promise<boolean> {
    while (!this.wait.signal.aborted) {
      const there = await this.look();
      if (there && isOver(there.attributes.status)) return true;
      const next = there && this.next(there);
      if (next === 'denied' || (next && next !== 'wait' && !(await this.send(next)))) {
        this.tell(`the run can't be stopped by this agent's token (it is ${words(there?.attributes.status ?? '')}); stop it there`);
        return false;
      }
      await pause(this.run.timers, POLL_MS, this.wait.signal);
    }
    this.tell('the run was asked to stop, and had not when the time for that was over');
    return false;
  }

  /** Interrupting by force may lose state: only where a cancel did not help, and when the vendor lets it. */
  private next({ attributes }: TerraformRun): Action | 'wait' | 'denied' {
    const { actions, permissions } = attributes;
    if (actions['is-discardable'] && permissions['can-discard']) return this.once('discard');
    if (actions['is-cancelable'] && permissions['can-cancel'] && !this.taken.has('cancel')) return 'cancel';
    if (actions['is-force-cancelable'] && permissions['can-force-cancel']) {
      const from = Date.parse(attributes['force-cancel-available-at'] ?? '');
      return from > this.run.clock.now() ? 'wait' : this.once('force-cancel');
    }
    const stoppable = actions['is-discardable'] || actions['is-cancelable'];
    return stoppable && this.taken.size === 0 ? 'denied' : 'wait';
  }

  private once(action: Action): Action | 'wait' {
    return this.taken.has(action) ? 'wait' : action;
  }

  private async look(): Promise<TerraformRun | undefined> {
    try {
      return (await lookAt(this.api, this.runId, this.wait)).run;
    } catch (error) {
      if (!(error instanceof Ambiguous) && !(error instanceof NotSeen)) throw error;
      this.tell(error.message);
      return undefined;
    }
  }

  /** False when the vendor forbids it. */
  private async send(action: Action): Promise<boolean> {
    noteStop(this.run);
    try {
      const comment = `stopped by Slipway, job ${this.run.grant.job}`;
      const answer = await this.api.sendOnce(`/runs/${this.runId}/actions/${action}`, { comment }, this.wait);
      if (answer.status === 202) this.taken.add(action);
      else this.tell(`${action} failed: ${told(answer)}`);
      return answer.status === 202 || answer.status === 409;
    } catch (error) {
      if (!(error instanceof Ambiguous)) throw error;
      this.tell(`whether ${action} was taken is not known (${error.message})`);
      return true;
    }
  }

  private tell(sentence: string): void {
    if (sentence !== this.said) this.run.output.write('agent', `${sentence}\n`);
    this.said = sentence;
  }
}

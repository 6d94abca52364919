import type { TerraformCloudConfig } from '@slipway/contracts';
import { cleanText } from '../../text.js';
import { pause } from '../../timers.js';
import { Ambiguous } from '../../vendor/failures.js';
import type { Waiting } from '../../vendor/vendor-client.js';
import type { Outcome, Run } from '../executor.js';
import { dataOf, holderSchema, includedOf, workspaceSchema } from './answers.js';
import { told, type TerraformCloudApi } from './api.js';
import { waitingOf } from './beginning.js';
import { linkOf } from './create-run.js';
import { outcomeOf } from './outcome.js';
import { PhaseLog } from './phase-log.js';
import { readOutputs } from './run-outputs.js';
import { groupOf, isOver } from './run-states.js';
import { lookAt, NotSeen, type SeenRun } from './seen-run.js';
import { costSentence, planSentence, policySentence, readPolicies, stageSentence, words, type PolicyResult } from './summary.js';

/** The vendor takes 30 requests a second of a user, for all of that user's runs. */
const POLL_MS = { working: 4_000, waiting: 10_000, ending: 1_000 };
/** A run that is said to be gone is looked for again before that is believed. */
const GONE_LOOKS = 3;
/** The end of a log may come after the end of its run. */
const LOG_END_MS = { ended: 15_000, stopped: 2_000 };

/** Follows one run to its end: what it does, what it waits for, what came of it. */
export class FollowedRun {
  private readonly wait: Waiting;
  private readonly logs: { plan: PhaseLog; apply: PhaseLog };
  private taking: Promise<void> | undefined;
  /** Fires when nothing more is to be said of the run. */
  private readonly over = new AbortController();
  private policies: { of: string; results: PolicyResult[] } = { of: '', results: [] };
  private lock: { by: string; told: string } | undefined;
  /** What was last told, so that nothing is said twice. */
  private told = '';
  private asked = false;
  /** Until the server refuses it: what it says of permissions may be more than it grants. */
  private mayApply = true;
  private gone = 0;

  constructor(
    private readonly run: Run,
    private readonly api: TerraformCloudApi,
    private readonly config: TerraformCloudConfig,
    private readonly runId: string,
  ) {
    const { signal, waiting } = waitingOf(run, run.signal);
    // While a person is waited for, an outage is nothing that the run's time counts for.
    this.wait = { signal, waiting: (reason) => (this.asked ? undefined : waiting(reason)) };
    this.logs = { plan: new PhaseLog(run, api, 'plan'), apply: new PhaseLog(run, api, 'apply') };
  }

  async toEnd(): Promise<Outcome> {
    try {
      return await this.follow();
    } finally {
      this.over.abort();
    }
  }

  private async follow(): Promise<Outcome> {
    this.run.progress({ links: { terraform: this.link } });
    while (!this.run.signal.aborted) {
      const seen = await this.look();
      if (this.gone >= GONE_LOOKS) {
        return {
          verb: 'unknown',
          message: `run ${this.runId} is not to be seen any more: was it or its workspace deleted, or the token's access taken away?`,
        };
      }
      if (!seen) {
        await this.rest(POLL_MS.waiting);
        continue;
      }
      this.takeLogs(seen);
      if (isOver(seen.run.attributes.status)) return this.end(seen);
      await this.tell(seen);
    }
    return { verb: 'unknown', message: 'not followed any more' };
  }

  private get link(): string {
    return linkOf(this.api, this.config.organization, this.config.workspace.name, this.runId);
  }

  /** Undefined when it could not be seen this time. */
  private async look(): Promise<SeenRun | undefined> {
    try {
      const seen = await lookAt(this.api, this.runId, this.wait);
      this.gone = 0;
      return seen;
    } catch (error) {
      if (this.run.signal.aborted) return undefined;
      if (!(error instanceof NotSeen) && !(error instanceof Ambiguous)) throw error;
      if (error instanceof NotSeen && error.gone) this.gone++;
      this.wait.waiting(error.message);
      return undefined;
    }
  }

  /** Says how it stands, asks a person where one is needed, and waits until it is worth looking again. */
  private async tell(seen: SeenRun): Promise<void> {
    const { attributes } = seen.run;
    const group = groupOf(attributes.status);
    await this.seePolicies(seen);
    if (group === 'decision') {
      const what = [policySentence(this.policies.results), stageSentence(seen)].filter(Boolean).join('; ');
      this.ask(`a person must decide there (${words(attributes.status)})${what === '' ? '' : `: ${what}`}`);
    } else if (attributes.actions['is-confirmable'] && !attributes['auto-apply']) {
      return this.askToApply(seen);
    } else {
      await this.report(seen);
    }
    const slow = group === 'decision' || group === 'queued';
    await this.rest(slow ? POLL_MS.waiting : POLL_MS.working);
  }

  /** Until the next look; sooner when the run is to end, or `wake` fires. */
  private rest(ms: number, wake?: AbortSignal): Promise<void> {
    const { signal, ending, timers } = this.run;
    if (ending.aborted) return pause(timers, POLL_MS.ending, signal);
    return pause(timers, ms, AbortSignal.any([signal, ending, ...(wake ? [wake] : [])]));
  }

  private ask(message: string, confirms?: string): AbortSignal {
    this.asked = true;
    this.told = '';
    return this.run.actionRequired(message, { link: this.link, ...(confirms === undefined ? {} : { confirms }) });
  }

  private async askToApply(seen: SeenRun): Promise<void> {
    const { run } = this;
    const plan = planSentence(seen.plan) ?? 'its plan is finished';
    const destroys = seen.run.attributes['is-destroy'] ? 'destroys what the workspace manages: ' : '';
    if (!this.mayApply || !seen.run.attributes.permissions['can-apply']) {
      this.ask(`confirm the plan there, this agent's token may not: ${destroys}${plan}`);
      return this.rest(POLL_MS.waiting);
    }
    const confirmed = this.ask(`confirm the plan: ${destroys}${plan}`, this.runId);
    if (!confirmed.aborted) await this.rest(POLL_MS.waiting, confirmed);
    if (confirmed.aborted && !run.ending.aborted) await this.apply();
  }

  /** Sending it twice applies once: the second is answered with 409. What came of it shows at the next look. */
  private async apply(): Promise<void> {
    const { run, wait } = this;
    try {
      const comment = `confirmed in Slipway, job ${run.grant.job}`;
      const answer = await this.api.sendOnce(`/runs/${this.runId}/actions/apply`, { comment }, wait);
      if (answer.status !== 202 && answer.status !== 409) {
        this.mayApply = false;
        run.output.write('agent', `confirming the plan failed: ${told(answer)}\n`);
      }
    } catch (error) {
      if (!(error instanceof Ambiguous)) throw error;
      run.output.write('agent', `whether the plan was confirmed is not known yet (${error.message})\n`);
    }
    await this.rest(POLL_MS.working);
  }

  private async report(seen: SeenRun): Promise<void> {
    this.asked = false;
    const { status } = seen.run.attributes;
    const held = groupOf(status) === 'queued' ? await this.heldBy(seen) : undefined;
    const parts = [held, planSentence(seen.plan), costSentence(seen.cost), policySentence(this.policies.results), stageSentence(seen)];
    const message = parts.filter(Boolean).join('; ');
    if (this.told === `${status} ${message}`) return;
    this.told = `${status} ${message}`;
    this.run.progress({ step: words(status), ...(message === '' ? {} : { message }) });
  }

  /** What a run that does not begin waits for. */
  private async heldBy({ run, workspace }: SeenRun): Promise<string | undefined> {
    const by = workspace?.relationships['locked-by']?.data;
    if (!workspace?.attributes.locked || by?.id === this.runId) {
      const place = run.attributes['position-in-queue'];
      return place ? `waits in the queue, ${place} before it` : undefined;
    }
    if (by?.type === 'runs') return `waits for run ${cleanText(by.id, 60)} of the workspace`;
    const reason = workspace.attributes['locked-reason'];
    return `waits: the workspace is locked by ${await this.holder(workspace.id, by?.id ?? '')}${reason ? ` (${cleanText(reason, 200)})` : ''}`;
  }

  private async holder(workspaceId: string, by: string): Promise<string> {
    if (this.lock?.by === by) return this.lock.told;
    const answer = await this.api.get(`/workspaces/${workspaceId}`, this.wait, { include: 'locked_by' });
    const locked = dataOf(workspaceSchema, answer.json)?.relationships['locked-by']?.data;
    const held = ['users', 'teams'].flatMap((type) => includedOf(holderSchema, type, answer.json)).find(({ id }) => id === locked?.id);
    const name = held && (held.attributes.username || held.attributes.name);
    this.lock = { by, told: cleanText(name || by || 'somebody', 100) };
    return this.lock.told;
  }

  /** Policies are read again when the status or a stage has changed, not at every look. */
  private async seePolicies(seen: SeenRun): Promise<void> {
    const of = [seen.run.attributes.status, ...seen.stages.map(({ attributes }) => attributes.status)].join(' ');
    if (this.policies.of === of) return;
    try {
      this.policies = { of, results: await readPolicies(this.api, seen, this.wait) };
    } catch (error) {
      // They are told, they do not decide: the run's own status does.
      if (!(error instanceof Ambiguous)) throw error;
    }
  }

  /** Logs are taken beside the looks, so that storage that is slow holds nothing up. */
  private takeLogs({ plan, apply }: SeenRun): void {
    const signal = AbortSignal.any([this.run.signal, this.over.signal]);
    this.taking ??= (async () => {
      if (plan) await this.logs.plan.take(plan, signal);
      if (apply) await this.logs.apply.take(apply, signal);
    })()
      .catch((error: unknown) => this.run.log.warn('log of a Terraform run could not be read', { run: this.run.id, error: String(error) }))
      .finally(() => (this.taking = undefined));
  }

  private async end(seen: SeenRun): Promise<Outcome> {
    await this.seePolicies(seen);
    const until = this.run.clock.monotonic() + (this.run.ending.aborted ? LOG_END_MS.stopped : LOG_END_MS.ended);
    for (;;) {
      await this.taking;
      const open = (['plan', 'apply'] as const).some((name) => this.hasLog(seen, name) && !this.logs[name].ended);
      if (!open || this.run.clock.monotonic() >= until || this.run.signal.aborted) break;
      await pause(this.run.timers, 1_000, this.run.signal);
      this.takeLogs(seen);
    }
    const { outputs, missing } = await readOutputs({ run: this.run, api: this.api, wait: this.wait }, seen, this.policies.results);
    for (const sentence of missing) this.run.output.write('agent', `${sentence}\n`);
    const said = { policies: policySentence(this.policies.results), lastError: this.logs.apply.lastError || this.logs.plan.lastError };
    return { ...outcomeOf(this.run, this.config, seen, said), outputs, links: { terraform: this.link } };
  }

  private hasLog(seen: SeenRun, name: 'plan' | 'apply'): boolean {
    const phase = seen[name];
    return (
      phase !== undefined &&
      phase.attributes['log-read-url'] !== null &&
      ['running', 'errored', 'canceled', 'finished'].includes(phase.attributes.status)
    );
  }
}

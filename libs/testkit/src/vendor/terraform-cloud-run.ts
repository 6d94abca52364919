/** How runs go that are created from then on. */
export interface TerraformRunScript {
  additions?: number;
  changes?: number;
  destructions?: number;
  imports?: number;
  /** Statuses before the plan is finished; the last of them lasts where `holds` says so. */
  before?: readonly string[];
  /** A status that lasts until somebody acts. */
  holds?: string;
  cost?: { prior: string; proposed: string };
  /** Sentinel: all pass, or a soft-mandatory one fails and must be overridden, or a hard-mandatory one ends the run. */
  policies?: 'pass' | 'soft' | 'hard';
  /** Policies as a stage of tasks, which must be overridden. */
  stage?: 'awaiting_override';
  errsIn?: 'plan' | 'apply';
  planLog?: string;
  applyLog?: string;
  /** After a cancel it goes on, until it is cancelled by force, which is allowed so much later; for ever when it is not said. */
  ignoresCancel?: { forceAfterMs?: number };
  permissions?: Partial<Record<'can-apply' | 'can-cancel' | 'can-discard' | 'can-force-cancel', boolean>>;
}

const GATES = new Set(['planned', 'cost_estimated', 'policy_checked', 'post_plan_completed', 'planned_and_saved']);
const OVER = new Set(['applied', 'planned_and_finished', 'errored', 'canceled', 'force_canceled', 'discarded', 'policy_soft_failed']);
const DECISIONS = new Set(['policy_override', 'post_plan_awaiting_decision']);
const APPLYING = ['confirmed', 'apply_queued', 'applying'];

export interface RunAttributes {
  message: string;
  'auto-apply': boolean;
  'plan-only': boolean;
  'is-destroy': boolean;
  variables: unknown[];
}

/** A run of the stand-in: every look at it brings it one status further, until it waits for somebody or is over. */
export class TerraformStandInRun {
  status = 'pending';
  readonly createdAt = new Date().toISOString();
  private readonly ahead: string[];
  private cancelledAt: number | undefined;

  constructor(
    readonly id: string,
    readonly workspaceId: string,
    readonly attributes: RunAttributes,
    readonly configurationVersion: string | undefined,
    readonly script: TerraformRunScript,
  ) {
    this.ahead = [...(script.before ?? ['fetching', 'plan_queued', 'planning']), ...this.afterPlan()];
  }

  get hasChanges(): boolean {
    const { additions = 1, changes = 0, destructions = 0, imports = 0 } = this.script;
    return additions + changes + destructions + imports > 0;
  }

  get over(): boolean {
    return OVER.has(this.status);
  }

  get planned(): boolean {
    return this.statuses.includes('planned') || this.status === 'planned_and_finished' || this.statuses.includes('applying');
  }

  /** Statuses it has had. */
  readonly statuses: string[] = ['pending'];

  advance(): void {
    if (this.over || this.status === this.script.holds || DECISIONS.has(this.status)) return;
    const waits = this.confirmable && !this.attributes['auto-apply'];
    const next = waits ? undefined : (this.ahead[0] ?? this.afterGate());
    if (next === undefined) return;
    this.ahead.shift();
    this.become(next);
  }

  get confirmable(): boolean {
    return GATES.has(this.status) && this.ahead.length === 0 && !this.attributes['plan-only'];
  }

  get actions(): Record<string, boolean> {
    const stopping = this.cancelledAt !== undefined;
    const discardable = this.status === 'pending' || this.confirmable || DECISIONS.has(this.status);
    return {
      'is-cancelable': !this.over && !discardable && !stopping,
      'is-confirmable': this.confirmable,
      'is-discardable': discardable,
      'is-force-cancelable': !this.over && stopping && Date.now() >= (this.forceFrom ?? Infinity),
    };
  }

  get forceFrom(): number | undefined {
    const after = this.script.ignoresCancel?.forceAfterMs;
    return this.cancelledAt === undefined || after === undefined ? undefined : this.cancelledAt + after;
  }

  /** What an action comes to: the status of the answer. */
  act(action: string): number {
    const allowed = {
      apply: this.actions['is-confirmable'],
      discard: this.actions['is-discardable'],
      cancel: this.actions['is-cancelable'],
      'force-cancel': this.actions['is-force-cancelable'],
    }[action];
    const permission = this.script.permissions?.[`can-${action}` as 'can-apply'];
    if (allowed === undefined || permission === false) return 404;
    if (!allowed) return 409;
    if (action === 'apply') this.ahead.push(...APPLYING, this.end());
    if (action === 'apply') this.become(this.ahead.shift() as string);
    if (action === 'discard') this.become('discarded');
    if (action === 'force-cancel') this.become('force_canceled');
    if (action === 'cancel') {
      this.cancelledAt = Date.now();
      if (!this.script.ignoresCancel) this.become('canceled');
    }
    return 202;
  }

  /** A person overrides what policies or tasks found. */
  override(): void {
    this.become(this.status === 'policy_override' ? 'policy_checked' : 'post_plan_completed');
  }

  /** Somebody else ends it, or it goes where the test wants it. */
  become(status: string): void {
    this.status = status;
    this.statuses.push(status);
  }

  phase(name: 'plan' | 'apply'): { status: string; log: string } {
    const begun = this.statuses.includes(name === 'plan' ? 'planning' : 'applying');
    const done = name === 'plan' ? this.planned : this.status === 'applied';
    const errored = this.status === 'errored' && this.script.errsIn === name;
    const canceled = begun && !done && /cancel/.test(this.status);
    const text = (name === 'plan' ? this.script.planLog : this.script.applyLog) ?? `${name} of ${this.id}\n`;
    if (errored) return { status: 'errored', log: `\u0002${text}\u0003` };
    if (done) return { status: 'finished', log: `\u0002${text}\u0003` };
    if (canceled) return { status: 'canceled', log: `\u0002${text}\u0003` };
    if (begun) return { status: 'running', log: `\u0002${text.slice(0, text.length / 2)}` };
    return { status: this.over ? 'unreachable' : 'pending', log: '' };
  }

  private afterPlan(): string[] {
    const { cost, policies, stage, errsIn } = this.script;
    if (errsIn === 'plan') return ['errored'];
    if (this.attributes['plan-only'] || !this.hasChanges) return ['planned_and_finished'];
    return [
      'planned',
      ...(cost ? ['cost_estimating', 'cost_estimated'] : []),
      ...(policies ? ['policy_checking', { pass: 'policy_checked', soft: 'policy_override', hard: 'errored' }[policies]] : []),
      ...(stage ? ['post_plan_running', 'post_plan_awaiting_decision'] : []),
    ];
  }

  /** Auto-applied. */
  private afterGate(): string | undefined {
    if (!this.confirmable) return undefined;
    this.ahead.push(...APPLYING, this.end());
    return this.ahead[0];
  }

  private end(): string {
    return this.script.errsIn === 'apply' ? 'errored' : 'applied';
  }
}

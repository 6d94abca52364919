import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { checkOverridable, formatInstant, SlipwayError } from '@slipway/core';
import type { Decision, NumberedDecision, OverrideFact, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Caller } from '@slipway/messaging';
import { decisionsToTake } from '../decide/decisions-to-take.js';
import type { Decider } from '../decide/decider.js';
import { LEVEL } from '../decide/marks.js';
import type { Explainer } from '../explain/explainer.js';
import { findDeployment, findEnvironment, findVersion } from '../names.js';
import type { State } from '../state.js';
import { TAKE_TIMEOUT_MS, untilTaken } from '../take-at-scheduler.js';
import { peopleFactTable } from '../tables.js';
import { checkExpiry } from './expiry.js';
import { endedAlready } from './find-fact.js';
import type { Draft, Ledger } from './ledger.js';

type OverrideRequest = ParsedRequestOf<'policy.override'>;

/** Overrides: a gate is skipped for one version in an environment, or at one resource of it, until a time, visibly. */
export class Overrides {
  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly ledger: Ledger,
    private readonly decider: Decider,
    private readonly explainer: Explainer,
  ) {}

  async override(request: OverrideRequest, caller: Caller): Promise<ReplyOf<'policy.override'>> {
    const what = `Overriding ${request.rule} for ${nameOf(request)}`;
    const wrong = checkOverridable(request.rule);
    if (wrong !== undefined) throw new SlipwayError({ code: 'policy.override.rule', kind: 'invalid', message: `${what}: ${wrong}` });
    const { result, decisions } = await this.ledger.change((draft) => {
      checkExpiry(what, 'override', request.expiresAt, draft.now);
      const version = this.find(request);
      this.checkResource(what, request);
      const { deployment, environment, resource, rule, expiresAt, reason } = request;
      const said = { deployment, environment, version: version.id, rule, expiresAt, reason, by: caller.name };
      const fact = { ...said, ...(resource === undefined ? {} : { resource }) };
      const known = draft.inForce('override').find((row) => isSame(row.fact, fact));
      if (known === undefined) draft.marks.add({ deployment, environment }, LEVEL.judge, true);
      return { row: known ?? draft.make('override', fact, version.tag), version };
    });
    const { row, version } = result;
    const decision = decisions.find((one) => one.versionId === version.id) ?? (await this.decisionNow(request, version));
    return {
      id: row.id,
      done: `${row.id}: ${request.rule} is skipped for ${nameOf(request)} until ${formatInstant(request.expiresAt)}`,
      verdict: decision?.verdict ?? 'undecided',
      because: decision?.because ?? ['it has no release targets there'],
    };
  }

  /** The rule holds again; like a withdrawn approval that is acknowledged only once the scheduler has taken it (I2). */
  async lift({ id, reason }: ParsedRequestOf<'policy.liftOverride'>, caller: Caller): Promise<ReplyOf<'policy.liftOverride'>> {
    const { result } = await this.ledger.change(async (draft) => {
      const row = draft.inForce('override').find((one) => one.id === id);
      const done = row === undefined ? await endedAlready(draft, 'override', id) : `override ${id} is lifted by ${caller.name}`;
      if (row) draft.end(row, { at: draft.now, by: caller.name, verb: 'lifted', ...(reason === undefined ? {} : { reason }) });
      return { done, toTake: await this.withdrawn(draft, id) };
    });
    if (result.toTake.length > 0)
      await untilTaken(this.deps.requests.ask('scheduler.takeDecisions', { decisions: result.toTake }, { timeoutMs: TAKE_TIMEOUT_MS }), {
        code: 'policy.override.notTakenYet',
        what: `The end of override ${id}`,
      });
    return { done: result.done };
  }

  async list({ all }: ParsedRequestOf<'policy.overrides'>): Promise<ReplyOf<'policy.overrides'>> {
    return { overrides: await this.ledger.list('override', all) };
  }

  /** The decisions without the override, made within its end's transaction; told again when it had ended before. */
  private async withdrawn(draft: Draft, id: string): Promise<NumberedDecision[]> {
    const [row] = await draft.tx.find(peopleFactTable, { id });
    const { deployment, environment, version: versionId } = (row?.fact ?? {}) as OverrideFact;
    const version = this.state.inventory.versions.byId(versionId);
    if (environment === undefined || version === undefined) return [];
    const pair = { deployment, environment };
    const people = draft.people;
    const decisions = await this.decider.decide(draft.tx, [pair], { level: LEVEL.judge, people });
    return decisionsToTake(this.decider, draft.tx, pair, version, {
      decisions,
      now: () => this.explainer.decisionNow(draft.tx, pair, version, people),
    });
  }

  private decisionNow({ deployment, environment }: OverrideRequest, version: Version): Promise<Decision | undefined> {
    return this.deps.store.read(async (reader) => {
      await this.state.sync(reader);
      return this.explainer.decisionNow(reader, { deployment, environment }, version);
    });
  }

  private find(request: OverrideRequest): Version {
    const { inventory } = this.state;
    findEnvironment(inventory, request.environment, findDeployment(inventory, request.deployment));
    return findVersion(inventory, request.deployment, request.version);
  }

  private checkResource(what: string, { deployment, environment, resource }: OverrideRequest): void {
    if (resource === undefined || this.state.inventory.targets(deployment, environment)?.has(resource)) return;
    const message = `${what}: ${resource} is no release target of ${deployment} in ${environment}`;
    throw new SlipwayError({ code: 'policy.override.missing', kind: 'missing', message });
  }
}

function isSame(a: OverrideFact, b: Omit<OverrideFact, 'id' | 'at'>): boolean {
  const keys = ['deployment', 'environment', 'resource', 'version', 'rule', 'expiresAt', 'reason', 'by'] as const;
  return keys.every((key) => a[key] === b[key]);
}

function nameOf({ deployment, version, environment, resource }: OverrideRequest): string {
  return `${deployment} ${version} in ${environment}${resource === undefined ? '' : ` at ${resource}`}`;
}

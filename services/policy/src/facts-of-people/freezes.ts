import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { checkExpression, formatInstant, SCOPE_NAMES, SlipwayError } from '@slipway/core';
import type { FreezeFact } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Caller } from '@slipway/messaging';
import { LEVEL } from '../decide/marks.js';
import type { State } from '../state.js';
import { TAKE_TIMEOUT_MS, untilTaken } from '../take-at-scheduler.js';
import { checkExpiry } from './expiry.js';
import { endedAlready } from './find-fact.js';
import { standingOf } from './ledger.js';
import type { Ledger, RowOf } from './ledger.js';
import { scopeOf } from './scope.js';
import type { Scope } from './scope.js';

/** Freezes: nothing begins in a scope until a time. What has begun goes on. */
export class Freezes {
  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly ledger: Ledger,
  ) {}

  /** Answered only once the scheduler has taken it: nothing in its scope starts afterwards (I11). */
  async freeze(request: ParsedRequestOf<'policy.freeze'>, caller: Caller): Promise<ReplyOf<'policy.freeze'>> {
    const what = `Freezing ${request.scope}`;
    checkScope(what, request.scope);
    const { result } = await this.ledger.change((draft) => {
      checkExpiry(what, 'freeze', request.expiresAt, draft.now);
      const known = draft.inForce('freeze').find(({ fact }) => says(fact, request, caller));
      const row = known ?? draft.make('freeze', { ...request, by: caller.name });
      const scope = scopeOf(this.state.inventory, row.fact);
      if (scope.targets > 0 && scope.unclear?.count === scope.ofTargets) throw noValue(what, scope);
      if (known === undefined) for (const pair of scope.pairs) draft.marks.add(pair, LEVEL.judge, true);
      return { row, scope };
    });
    const { row, scope } = result;
    await untilTaken(this.deps.requests.ask('scheduler.takeStanding', { facts: [standingOf(row)] }, { timeoutMs: TAKE_TIMEOUT_MS }), {
      code: 'policy.freeze.notTakenYet',
      what: `Freeze ${row.id}`,
    });
    return { id: row.id, done: told(row, scope) };
  }

  async lift({ id, reason }: ParsedRequestOf<'policy.liftFreeze'>, caller: Caller): Promise<ReplyOf<'policy.liftFreeze'>> {
    const { result } = await this.ledger.change(async (draft) => {
      const row = draft.inForce('freeze').find((one) => one.id === id);
      if (row === undefined) return endedAlready(draft, 'freeze', id);
      draft.end(row, { at: draft.now, by: caller.name, verb: 'lifted', ...(reason === undefined ? {} : { reason }) });
      for (const pair of scopeOf(this.state.inventory, row.fact).pairs) draft.marks.add(pair, LEVEL.judge, true);
      return `freeze ${id} is lifted by ${caller.name}`;
    });
    return { done: result };
  }

  async list({ all }: ParsedRequestOf<'policy.freezes'>): Promise<ReplyOf<'policy.freezes'>> {
    return { freezes: await this.ledger.list('freeze', all) };
  }
}

/** Asked for again, since no answer came the first time. */
function says(fact: FreezeFact, request: ParsedRequestOf<'policy.freeze'>, caller: Caller): boolean {
  const { scope, expiresAt, allowRollback, reason } = request;
  return (
    fact.by === caller.name &&
    fact.scope === scope &&
    fact.expiresAt === expiresAt &&
    fact.allowRollback === allowRollback &&
    fact.reason === reason
  );
}

function checkScope(what: string, scope: string): void {
  const [issue] = checkExpression(scope, SCOPE_NAMES);
  if (issue === undefined) return;
  const message = `${what}: ${issue.message} (column ${issue.column}); a scope is CEL over deployment, environment and resource, like environment.name == "production"`;
  throw new SlipwayError({ code: 'policy.freeze.scope', kind: 'invalid', message });
}

function noValue(what: string, { unclear }: Scope): SlipwayError {
  const message = `${what}: the scope has a value at no target (${unclear?.resource}: ${unclear?.because}); it must be true or false`;
  return new SlipwayError({ code: 'policy.freeze.scope', kind: 'invalid', message });
}

function told({ id, fact }: RowOf<'freeze'>, { pairs, targets, unclear }: Scope): string {
  const rollbacks = fact.allowRollback ? 'rollbacks pass' : 'rollbacks neither';
  const where =
    targets === 0
      ? 'no release target is in its scope now'
      : `nothing begins at ${targets} release ${targets === 1 ? 'target' : 'targets'} of ${pairs.map((p) => `${p.deployment} in ${p.environment}`).join(', ')}`;
  const also =
    unclear === undefined ? '' : `; the scope has no value for ${unclear.resource} (${unclear.count} such), which it holds up too`;
  return `${id}: until ${formatInstant(fact.expiresAt)} ${where}; ${rollbacks}${also}`;
}

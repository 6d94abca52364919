import { subjects } from '@slipway/contracts';
import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { ApprovalFact, Decision, NumberedDecision, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Caller } from '@slipway/messaging';
import type { Tx } from '@slipway/persistence';
import { decisionsToTake } from '../decide/decisions-to-take.js';
import type { Decider } from '../decide/decider.js';
import { LEVEL } from '../decide/marks.js';
import type { Explainer } from '../explain/explainer.js';
import { findDeployment, findEnvironment, findVersion } from '../names.js';
import type { State } from '../state.js';
import { TAKE_TIMEOUT_MS, untilTaken } from '../take-at-scheduler.js';
import { wordRow } from '../history/history-rows.js';
import { approvalTable, historyTable } from '../tables.js';

type Request = ParsedRequestOf<'policy.approve'>;
type Reply = ReplyOf<'policy.approve'>;
type Verb = 'approved' | 'rejected' | 'withdrawn';

/** What people say of a version in an environment: one standing word each, newest wins, with the history in the events. */
export class Approvals {
  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly decider: Decider,
    private readonly explainer: Explainer,
  ) {}

  async approve(request: Request, caller: Caller): Promise<Reply> {
    const { reply } = await this.say('approved', request, caller);
    return reply;
  }

  /** Acknowledged only once the scheduler has taken the decisions that follow, so that nothing starts afterwards (I2). */
  async reject(request: Request, caller: Caller): Promise<Reply> {
    const { reply, decisions } = await this.say('rejected', request, caller);
    await this.withdrawAtScheduler('rejection', request, decisions);
    return reply;
  }

  /** Take one's own word back. What was allowed by it is withdrawn as a rejection is. */
  async withdraw(request: Omit<Request, 'reason'>, caller: Caller): Promise<Reply> {
    const { reply, decisions } = await this.say('withdrawn', request, caller);
    await this.withdrawAtScheduler('withdrawal', request, decisions);
    return reply;
  }

  private async say(verb: Verb, request: Request, caller: Caller): Promise<{ reply: Reply; decisions: NumberedDecision[] }> {
    const said = await this.deps.store.transaction(async (tx) => {
      const pair = { deployment: request.deployment, environment: request.environment };
      await this.state.sync(tx);
      const version = this.find(request);
      const done = await this.record(tx, verb, version, request, caller);
      const decisions = await this.decider.decide(tx, [pair], { level: LEVEL.judge });
      const decision: Decision | undefined =
        decisions.find((d) => d.versionId === version.id) ?? (await this.explainer.decisionNow(tx, pair, version));
      const reply = { done, verdict: decision?.verdict ?? 'undecided', because: decision?.because ?? ['it has no release targets there'] };
      if (verb === 'approved') return { reply, decisions };
      return { reply, decisions: await decisionsToTake(this.decider, tx, pair, version, { decisions, now: async () => decision }) };
    });
    this.decider.committed();
    return said;
  }

  private find(request: Request): Version {
    const deployment = findDeployment(this.state.inventory, request.deployment);
    findEnvironment(this.state.inventory, request.environment, deployment);
    return findVersion(this.state.inventory, request.deployment, request.version);
  }

  private async record(tx: Tx, verb: Verb, version: Version, request: Request, caller: Caller): Promise<string> {
    const { deployment, environment } = request;
    const key = { deployment, environment, versionId: version.id, by: caller.name };
    const what = `${deployment} ${version.tag} for ${environment}`;
    const at = this.deps.clock.now();
    if (verb === 'withdrawn') {
      const removed = await tx.remove(approvalTable, key);
      if (removed === 0) throw nothingToWithdraw(what, caller);
    } else {
      const verdict: ApprovalFact['verdict'] = verb;
      await tx.put(approvalTable, [
        { ...key, groups: caller.groups, verdict, at, ...(request.reason === undefined ? {} : { reason: request.reason }) },
      ]);
    }
    const word = { version: version.id, environment, by: caller.name, groups: caller.groups, at };
    const because = request.reason === undefined ? {} : { reason: request.reason };
    const fact: ApprovalFact = { ...word, verdict: verb === 'approved' ? 'approved' : 'rejected', ...because };
    await tx.insert(historyTable, [
      wordRow({ ids: this.deps.ids, now: at }, { deployment, environment }, { verb, fact, tag: version.tag }),
    ]);
    await tx.send([
      {
        subject: subjects.approval(deployment, environment, verb),
        id: `approval:${this.deps.ids.next()}`,
        body: {
          version: version.tag,
          verb,
          by: caller.name,
          ...(request.reason === undefined ? {} : { reason: request.reason }),
          deployment,
          environment,
          versionId: version.id,
          groups: caller.groups,
          at,
        },
      },
    ]);
    return `${caller.name} ${verb === 'withdrawn' ? 'took back the word on' : verb} ${what}`;
  }

  private async withdrawAtScheduler(noun: string, request: Request, decisions: readonly NumberedDecision[]): Promise<void> {
    if (decisions.length === 0) return;
    const what = `The ${noun} of ${request.deployment} ${request.version} for ${request.environment}`;
    const asked = this.deps.requests.ask('scheduler.takeDecisions', { decisions: [...decisions] }, { timeoutMs: TAKE_TIMEOUT_MS });
    await untilTaken(asked, { code: 'policy.approval.notTakenYet', what });
  }
}

function nothingToWithdraw(what: string, caller: Caller): SlipwayError {
  return new SlipwayError({
    code: 'policy.approval.absent',
    kind: 'missing',
    message: `Taking back the word of ${caller.name} on ${what}: there is none; only one's own approval or rejection can be withdrawn`,
  });
}

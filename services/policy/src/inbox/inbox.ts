import { inboxReply, type InboxItem, type ParsedRequestOf, type ReplyOf } from '@slipway/contracts';
import type { DecisionGroup, NumberedDecision, RuleResult } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { State } from '../state.js';
import { decisionTable } from '../tables.js';

/** Open decisions that are looked through; each place has a few. */
const DECISIONS_MAX = 10_000;

/** What waits for a person's word before it may go: approvals asked for, and rules that cannot be judged until somebody mends them. */
export class Inbox {
  constructor(
    private readonly deps: Pick<ServiceDeps, 'store'>,
    private readonly state: State,
  ) {}

  async show({ deployment, environment, system }: ParsedRequestOf<'policy.inbox'>): Promise<ReplyOf<'policy.inbox'>> {
    const where = { ...(deployment === undefined ? {} : { deployment }), ...(environment === undefined ? {} : { environment }) };
    return this.deps.store.read(async (reader) => {
      await this.state.sync(reader);
      const rows = await reader.find(decisionTable, where, { orderBy: { sequence: 'desc' }, limit: DECISIONS_MAX });
      const places = Map.groupBy(rows, (row) => `${row.deployment}/${row.environment}`);
      const items = [...places.values()].flatMap((place) => this.ofPlace(place.map((row) => row.body)));
      return inboxReply(items.filter((item) => system === undefined || item.system === system));
    });
  }

  /** `decisions`: newest version first. Of several versions that ask for the same word the newest is shown, and how many older ones ask too. */
  private ofPlace(decisions: readonly NumberedDecision[]): InboxItem[] {
    const asking = decisions.filter((decision) => waiting(decision, isAsked).length > 0);
    const undecided = decisions.filter((decision) => waiting(decision, isUndecided).length > 0);
    const items: InboxItem[] = [];
    const [newest] = asking;
    if (newest) items.push(this.approval(newest, asking.length - 1));
    const [unsure] = undecided;
    if (unsure) items.push(this.undecided(unsure));
    return items;
  }

  private approval(decision: NumberedDecision, older: number): InboxItem {
    const found = waiting(decision, isAsked);
    const others = [...new Set(waiting(decision, (rule) => !isAsked(rule)).map(({ rule }) => `${rule.rule}: ${rule.sentence}`))];
    const words = [...new Set(found.map(({ rule, policy }) => `${rule.sentence} (policy ${policy})`))].join('; ');
    const also = others.length === 0 ? '' : `; besides that it waits for ${others.join('; ')}`;
    const behind = older === 0 ? '' : `; ${older} older ${older === 1 ? 'version asks' : 'versions ask'} too`;
    return {
      ...this.head(decision, found),
      kind: 'approval',
      sentence: `${decision.version} waits for approval: ${words}${also}${behind}`,
      asks: [...new Set(found.flatMap(({ rule }) => rule.ask ?? []))],
    };
  }

  private undecided(decision: NumberedDecision): InboxItem {
    const found = waiting(decision, isUndecided);
    const words = [...new Set(found.map(({ rule, policy }) => `${rule.rule}: ${rule.sentence} (policy ${policy})`))].join('; ');
    const { deployment, environment, version } = decision;
    return {
      ...this.head(decision, found),
      kind: 'undecided',
      sentence: `${version} is undecided: ${words}`,
      asks: [`slipway explain ${deployment} -e ${environment} -v ${version}`],
    };
  }

  private head(
    { deployment, environment, version, versionId, decidedAt }: NumberedDecision,
    found: readonly Found[],
  ): Omit<InboxItem, 'kind' | 'sentence' | 'asks'> {
    const { inventory } = this.state;
    const groups = [...new Set(found.map(({ group }) => group))];
    return {
      system: inventory.environments.get(environment)?.system ?? '',
      ...{ deployment, environment, version },
      targets: groups.reduce((sum, group) => sum + group.size, 0),
      // It could be said from the day that the version was there.
      since: inventory.versions.byId(versionId)?.createdAt ?? decidedAt,
    };
  }
}

interface Found {
  group: DecisionGroup;
  policy: string;
  rule: RuleResult;
}

/** Rules that hold something up, of those that `wanted` picks. */
function waiting(decision: NumberedDecision, wanted: (rule: RuleResult) => boolean): Found[] {
  // Where something denies it nobody's word would help.
  const open = decision.groups.filter((group) => group.verdict !== 'denied');
  return open.flatMap((group) =>
    group.policies.flatMap(({ policy, rules }) =>
      rules.filter((rule) => rule.verdict !== 'allowed' && wanted(rule)).map((rule) => ({ group, policy, rule })),
    ),
  );
}

const isAsked = (rule: RuleResult): boolean => rule.rule === 'approval' && rule.verdict === 'waiting';
const isUndecided = (rule: RuleResult): boolean => rule.verdict === 'undecided';

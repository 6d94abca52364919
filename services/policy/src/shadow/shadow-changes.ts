import { subjects } from '@slipway/contracts';
import { judgeShadows, shadowPolicies } from '@slipway/core';
import type { Decision, DecisionInput, ShadowJudgement } from '@slipway/core';
import type { OutboxMessage } from '@slipway/persistence';
import type { Pair } from '../pairs.js';

/** A disagreement that was told and lasts. */
export interface ShadowSeen {
  policy: string;
  versionId: string;
  version: string;
  would: 'hold' | 'letGo';
  /** Targets that it would hold, and let go, of all that the policy concerns. */
  held: number;
  letGo: number;
  targets: number;
}

/** What became of a disagreement: it came or changed, both came to say the same, or nobody asks any more. */
export interface ShadowChange extends ShadowSeen {
  verb: 'disagreed' | 'agreed' | 'over';
  because: string[];
}

export interface ShadowNews {
  seen: ShadowSeen[];
  changes: ShadowChange[];
  judgements: ShadowJudgement[];
}

/** What shadow policies say of these decisions, and what of it is news: each change once, however often it is judged. */
export function shadowNews(
  known: readonly ShadowSeen[],
  decisions: readonly Decision[],
  input: Omit<DecisionInput, 'version'>,
): ShadowNews {
  const news: ShadowNews = { seen: [], changes: [], judgements: [] };
  const asked = new Set<ShadowSeen>();
  if (shadowPolicies(input.policies).length > 0) {
    for (const decision of decisions) {
      const version = input.versions.get(decision.versionId);
      if (version === undefined) continue;
      for (const judgement of judgeShadows({ ...input, version }, decision)) {
        news.judgements.push(judgement);
        const last = known.find((one) => one.policy === judgement.policy && one.versionId === version.id);
        if (last) asked.add(last);
        take(news, last, judgement, decision);
      }
    }
  }
  for (const one of known) if (!asked.has(one)) news.changes.push({ ...one, verb: 'over', because: [] });
  return news;
}

function take(news: ShadowNews, last: ShadowSeen | undefined, judgement: ShadowJudgement, decision: Decision): void {
  const count = (would: 'hold' | 'letGo'): number =>
    judgement.groups.filter((group) => group.would === would).reduce((sum, group) => sum + group.size, 0);
  const [held, letGo] = [count('hold'), count('letGo')];
  if (held + letGo === 0) {
    if (last) news.changes.push({ ...last, verb: 'agreed', because: [] });
    return;
  }
  const { policy, targets, because } = judgement;
  const { versionId, version } = decision;
  const seen: ShadowSeen = { policy, versionId, version, would: held > 0 ? 'hold' : 'letGo', held, letGo, targets };
  news.seen.push(seen);
  const same = last?.held === held && last.letGo === letGo && last.targets === targets;
  if (!same) news.changes.push({ ...seen, verb: 'disagreed', because: held > 0 ? because : decision.because });
}

/** The event of a change; that a version is judged no longer is none. */
export function shadowMessage(pair: Pair, change: ShadowChange, id: string, at: number): OutboxMessage[] {
  const { verb, policy, version, would, held, letGo, targets, because, versionId } = change;
  if (verb === 'over') return [];
  const { deployment, environment } = pair;
  return [
    {
      subject: subjects.shadow(deployment, environment, verb),
      id: `shadow:${id}`,
      body: { policy, version, would, held, letGo, targets, because, deployment, environment, versionId, at },
    },
  ];
}

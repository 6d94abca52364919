import type { DecisionInput } from '../../model/facts.js';
import { formatInstant } from '../../text/instant.js';
import { person } from '../approval.js';
import type { MissingFact } from './missing-fact.js';
import type { Unblock } from './unblock.js';

/** Targets named before the rest is counted. */
const NAMED_MAX = 3;

/** One missing thing for people: what, how many facts it is, and the command that brings it about. */
export interface Need {
  what: string;
  facts: number;
  ask?: string;
}

/** The missing facts in words, alike ones together. */
export function needsOf({ facts }: Pick<Unblock, 'facts'>, input: DecisionInput): Need[] {
  const byWords = new Map<string, Need>();
  for (const [what, list] of groupFacts(facts, input)) {
    const ask = askFor(list[0] as MissingFact, input);
    byWords.set(what, { what, facts: list.length, ...(ask === undefined ? {} : { ask }) });
  }
  return [...byWords.values()];
}

/** What unblocks a decision, each in a few words, then the earliest time; where groups differ, each names its targets. */
export function tellUnblock(found: readonly Unblock[], input: DecisionInput): string[] {
  const told = found.map((one) => sentencesOf(one, input));
  const alike = new Set(told.map((sentences) => sentences.join('; '))).size <= 1;
  if (alike) return told[0] ?? [];
  return told.map((sentences, index) => `${targetsOf(found[index] as Unblock)}: ${sentences.join('; ')}`);
}

function sentencesOf(one: Unblock, input: DecisionInput): string[] {
  if (!one.possible) return [`only another version, an override or another policy helps (${one.because.join('; ')})`];
  const needs = needsOf(one, input).map(({ what }) => what);
  return one.at > one.now ? [...needs, `at the earliest ${formatInstant(one.at, one.timezone)}`] : needs;
}

function targetsOf({ resources, rest, size }: Unblock): string {
  if (rest) return size === 1 ? 'the other target' : `the other ${size} targets`;
  const named = resources.slice(0, NAMED_MAX).join(', ');
  return size > NAMED_MAX ? `${named} and ${size - NAMED_MAX} more` : named;
}

function groupFacts(facts: readonly MissingFact[], input: DecisionInput): Map<string, MissingFact[]> {
  const successes = new Map<string, number>();
  for (const fact of facts) if (fact.kind === 'success') successes.set(fact.environment, (successes.get(fact.environment) ?? 0) + 1);
  return Map.groupBy(facts, (fact) => {
    switch (fact.kind) {
      case 'approval':
        return fact.words;
      case 'word':
        return `${person(fact.by)} to ${fact.say === 'approved' ? 'approve instead of rejecting' : 'withdraw the rejection'}`;
      case 'success': {
        const word = fact.verified ? 'verified' : 'succeeded';
        return `${input.version.tag} ${word} at ${successes.get(fact.environment)} more of ${fact.environment}`;
      }
      case 'running':
        return fact.wanted;
      case 'status':
        return fact.from === 'building' ? 'the build to finish' : 'someone to make it ready again';
      case 'quarantineRelease':
        return 'someone to release it from quarantine';
      case 'unpin':
        return 'the pin to be taken away';
      case 'other':
        return fact.what;
    }
  });
}

/** The command that a person can give; none where the fact comes by itself, or by other work. */
function askFor(fact: MissingFact, { deployment, environment, version }: DecisionInput): string | undefined {
  switch (fact.kind) {
    case 'approval':
      return `slipway approve ${deployment.name} ${version.tag} -e ${environment.name}`;
    case 'word':
      return `slipway ${fact.say === 'approved' ? 'approve' : 'withdraw'} ${deployment.name} ${version.tag} -e ${environment.name}`;
    case 'quarantineRelease':
      return `slipway quarantine release ${deployment.name} ${version.tag} -e ${environment.name}`;
    case 'unpin':
      return `slipway unpin ${deployment.name} -e ${environment.name}`;
    case 'status':
      return fact.from === 'paused' ? `slipway version ready ${deployment.name} ${version.tag}` : undefined;
    case 'success':
    case 'running':
    case 'other':
      return undefined;
  }
}

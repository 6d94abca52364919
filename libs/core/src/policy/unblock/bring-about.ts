import { targetKey, type ApprovalFact, type DecisionInput, type TargetFact, type VersionOutcome } from '../../model/facts.js';
import { person } from '../approval.js';
import { LayeredMap } from './layered-map.js';
import { voteOf, type MissingFact } from './missing-fact.js';

/**
 * The facts as they would be at `at` with the missing ones brought about: words are said at `at`, successes come as late as their soak allows but
 * not before `now`. Nothing that is given is changed.
 */
export function bringAbout(input: DecisionInput, facts: readonly MissingFact[], now: number, at: number): DecisionInput {
  if (facts.length === 0) return input;
  const changed = new Map<string, TargetFact>();
  const place = (deployment: string, environment: string, resource: string, change: (fact: TargetFact) => Partial<TargetFact>): void => {
    const key = targetKey(deployment, environment, resource);
    const fact = changed.get(key) ??
      input.targetFacts.get(key) ?? { deployment, environment, resource, sequence: 0, outcomes: {}, quarantined: [] };
    changed.set(key, { ...fact, ...change(fact) });
  };
  let { approvals, pins, version } = input;
  const vote = (by: string, groups: string[], verdict: ApprovalFact['verdict'] | undefined): void => {
    const others = approvals.filter(
      (one) => one.version !== version.id || one.environment !== input.environment.name || person(one.by) !== person(by),
    );
    const said = verdict && { version: version.id, environment: input.environment.name, by, groups, verdict, at };
    approvals = said ? [...others, said] : others;
  };
  facts.forEach((fact, index) => {
    switch (fact.kind) {
      case 'approval': {
        const { by, groups } = voteOf(fact, index);
        return vote(by, groups, 'approved');
      }
      case 'word':
        return vote(fact.by, fact.groups, fact.say === 'approved' ? 'approved' : undefined);
      case 'success': {
        const outcome: VersionOutcome = { state: 'succeeded', verified: fact.verified, at: Math.max(now, at - fact.soakMs) };
        return place(input.deployment.name, fact.environment, fact.resource, ({ outcomes }) => ({
          outcomes: { ...outcomes, [version.id]: outcome },
        }));
      }
      case 'running':
        return place(fact.deployment, input.environment.name, fact.resource, ({ outcomes }) => ({
          running: { version: fact.version.id, tag: fact.version.tag, verified: true, since: now },
          outcomes: { ...outcomes, [fact.version.id]: { state: 'succeeded', verified: true, at: now } },
        }));
      case 'status':
        version = { ...version, status: 'ready' };
        return;
      case 'quarantineRelease':
        return place(input.deployment.name, input.environment.name, fact.resource, ({ quarantined }) => ({
          quarantined: quarantined.filter((id) => id !== version.id),
        }));
      case 'unpin':
        pins = pins.filter((pin) => pin.id !== fact.pin);
        return;
      case 'other':
        return;
    }
  });
  const targetFacts = changed.size === 0 ? input.targetFacts : new LayeredMap(input.targetFacts, changed);
  return { ...input, version, approvals, pins, targetFacts };
}

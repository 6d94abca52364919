import type { RuleResult } from '../model/decision.js';
import { targetKey, type DecisionInput, type PinFact, type TargetFact } from '../model/facts.js';
import type { VersionStatus } from '../model/inventory.js';
import { formatInstant } from '../text/instant.js';
import { evaluateVersionDependency } from './dependency.js';
import { freezesInForce } from './freezes.js';
import { pinsAt, unpinCommand } from './pins.js';
import type { RuleContext } from './rule-result.js';
import { reevaluated } from './rule-result.js';

/** Making a key and looking it up costs about as much as passing this many facts by. */
const LOOK_UP_COST = 20;

/** An answer that comes from no policy. Those that look at the resource are asked per target. */
export interface StandingCheck {
  readsResource: boolean;
  ask(context: RuleContext): RuleResult | undefined;
}

/** Version status, version dependencies, pins, freezes and quarantine: what holds whatever the policies say. */
export function standingChecks(input: DecisionInput, now: number): StandingCheck[] {
  return [
    statusCheck(input),
    ...dependencyChecks(input),
    ...pinChecks(input, now),
    ...freezeChecks(input, now),
    ...quarantineChecks(input),
  ];
}

const STATUS: Record<Exclude<VersionStatus, 'ready'>, Omit<RuleResult, 'rule'>> = {
  building: { verdict: 'waiting', sentence: 'is still being built', needs: { what: 'the build to finish' } },
  failed: { verdict: 'denied', sentence: 'failed to build', needs: { what: 'another version' } },
  rejected: { verdict: 'denied', sentence: 'was rejected', needs: { what: 'another version' } },
  paused: { verdict: 'denied', sentence: 'is paused', needs: { what: 'someone to make it ready again' } },
};

function statusCheck({ deployment, version }: DecisionInput): StandingCheck {
  const answer = version.status === 'ready' ? undefined : STATUS[version.status];
  // What a person said, with their name and reason, and the command that takes it back.
  const byHand = version.status === 'paused' || version.status === 'rejected';
  const because = byHand && version.statusBecause !== undefined ? ` (${version.statusBecause})` : '';
  const result = answer && {
    rule: 'versionStatus',
    ...answer,
    sentence: `${version.tag} ${answer.sentence}${because}`,
    ...(byHand ? { ask: `slipway version ready ${deployment.name} ${version.tag}` } : {}),
  };
  return { readsResource: false, ask: () => result };
}

function dependencyChecks({ version }: DecisionInput): StandingCheck[] {
  return version.dependsOn.map(({ deployment, range }) => ({
    readsResource: false,
    ask: (context) => evaluateVersionDependency(deployment, range, context),
  }));
}

function pinChecks(input: DecisionInput, now: number): StandingCheck[] {
  const pins = pinsAt(input.pins, { deployment: input.deployment.name, environment: input.environment.name }, now);
  if (pins === undefined) return [];
  const ask = ({ resource }: RuleContext) => {
    const pin = pins.at(resource?.identifier);
    return pin && pinResult(input, pin);
  };
  return [{ readsResource: pins.perTarget, ask }];
}

function pinResult(input: DecisionInput, pin: PinFact): RuleResult {
  const tag = pin.version === input.version.id ? input.version.tag : (input.versions.get(pin.version)?.tag ?? pin.version);
  const until = pin.expiresAt === undefined ? '' : ` until ${formatInstant(pin.expiresAt)}`;
  const sentence = `pinned to ${tag} by ${pin.by}${until}: ${pin.reason} (${pin.id})`;
  const base = { rule: 'pin', sentence, saw: { pin: pin.id, version: tag }, ask: unpinCommand(pin), ...reevaluated(pin.expiresAt) };
  return pin.version === input.version.id
    ? { ...base, verdict: 'allowed' }
    : { ...base, verdict: 'denied', needs: { what: 'the pin to be taken away' } };
}

function freezeChecks(input: DecisionInput, now: number): StandingCheck[] {
  const { deployment, environment } = input;
  return freezesInForce(input.freezes, now).map(({ readsResource, ask }) => ({
    readsResource,
    ask: ({ resource }) => ask({ deployment, environment, resource }),
  }));
}

/** The facts of the judged targets, found by walking over what is shorter: looking each up costs more than passing one by. */
function* factsHere({ deployment, environment, targets, targetFacts }: DecisionInput): Generator<TargetFact> {
  if (targets.length * LOOK_UP_COST < targetFacts.size) {
    for (const { identifier } of targets) {
      const fact = targetFacts.get(targetKey(deployment.name, environment.name, identifier));
      if (fact) yield fact;
    }
    return;
  }
  for (const fact of targetFacts.values())
    if (fact.quarantined.length > 0 && fact.deployment === deployment.name && fact.environment === environment.name) yield fact;
}

function quarantineChecks(input: DecisionInput): StandingCheck[] {
  const { deployment, environment, version } = input;
  const quarantined = new Set<string>();
  for (const fact of factsHere(input)) if (fact.quarantined.includes(version.id)) quarantined.add(fact.resource);
  if (quarantined.size === 0) return [];
  const result: RuleResult = {
    rule: 'quarantine',
    verdict: 'denied',
    sentence: `${version.tag} was rolled back there and does not return by itself`,
    needs: { what: 'a newer version, or someone to release it from quarantine' },
    ask: `slipway quarantine release ${deployment.name} ${version.tag} -e ${environment.name}`,
  };
  return [{ readsResource: true, ask: ({ resource }) => (resource && quarantined.has(resource.identifier) ? result : undefined) }];
}

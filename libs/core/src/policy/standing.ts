import type { RuleResult } from '../model/decision.js';
import type { DecisionInput, PinFact } from '../model/facts.js';
import type { VersionStatus } from '../model/inventory.js';
import { formatInstant } from '../text/instant.js';
import { evaluateVersionDependency } from './dependency.js';
import { freezesInForce } from './freezes.js';
import { pinsAt, unpinCommand } from './pins.js';
import type { RuleContext } from './rule-result.js';
import { reevaluated } from './rule-result.js';

/** An answer that comes from no policy. Those that look at the resource are asked per target. */
export interface StandingCheck {
  readsResource: boolean;
  /** Of one that reads it: checks of equal keys give equal answers as long as the documents are the same. */
  key: string;
  /** The answers are of this version only. */
  ofVersion?: boolean;
  ask(context: RuleContext): RuleResult | undefined;
}

/** Version status, version dependencies, pins and freezes: with quarantine what holds whatever the policies say. */
export function standingChecks(input: DecisionInput, now: number): StandingCheck[] {
  return [statusCheck(input), ...dependencyChecks(input), ...pinChecks(input, now), ...freezeChecks(input, now)];
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
  return { readsResource: false, key: 'status', ask: () => result };
}

function dependencyChecks({ version }: DecisionInput): StandingCheck[] {
  return version.dependsOn.map(({ deployment, range }) => ({
    readsResource: false,
    key: 'versionDependency',
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
  const ofVersion = pins.versions.has(input.version.id);
  const ids = input.pins.map((pin) => `${pin.id} ${pin.expiresAt}`).join();
  return [{ readsResource: pins.perTarget, key: `pin ${ofVersion ? input.version.id : ''} ${ids} ${now}`, ofVersion, ask }];
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
  return freezesInForce(input.freezes, now).map(({ freeze, readsResource, ask }) => ({
    readsResource,
    key: `freeze ${freeze.id} ${freeze.expiresAt}`,
    ask: ({ resource }) => ask({ deployment, environment, resource }),
  }));
}

/** What quarantine says at the targets where the version is under it. */
export function quarantineResult({ deployment, environment, version }: DecisionInput): RuleResult {
  return {
    rule: 'quarantine',
    verdict: 'denied',
    sentence: `${version.tag} was rolled back there and does not return by itself`,
    needs: { what: 'a newer version, or someone to release it from quarantine' },
    ask: `slipway quarantine release ${deployment.name} ${version.tag} -e ${environment.name}`,
  };
}

import fc from 'fast-check';
import type { ApprovalFact, DecisionInput, FreezeFact, OverrideFact, PinFact, TargetFact } from '@slipway/core';
import { targetKey } from '@slipway/core';
import { fact } from './policy-fixtures.js';
import { scene, time } from './policy-scenes.js';

const person = fc.constantFrom('user:a', 'user:b', 'user:carol');
const place = fc.option(fc.constantFrom('par-1', 'fra-1'), { nil: undefined });
const without = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;

export const freeze: fc.Arbitrary<FreezeFact> = fc.record({
  id: fc.uuid(),
  scope: fc.constantFrom(
    'true',
    'environment.name == "production"',
    'environment.name == "staging"',
    'resource.identifier == "par-1"',
    'resource.metadata.x == "y"',
  ),
  by: person,
  reason: fc.constant('r'),
  at: fc.constantFrom(1, 2),
  expiresAt: time,
  allowRollback: fc.boolean(),
});
export const pin: fc.Arbitrary<PinFact> = fc
  .record({
    id: fc.uuid(),
    deployment: fc.constantFrom('checkout', 'checkout', 'catalog'),
    environment: fc.constantFrom('production', 'production', 'staging'),
    resource: place,
    version: fc.constantFrom('id-1.0.0', 'id-1.2.1'),
    by: person,
    reason: fc.constant('r'),
    at: fc.integer({ min: 1, max: 100 }),
    expiresAt: fc.option(time, { nil: undefined }),
  })
  .map(without);
export const override: fc.Arbitrary<OverrideFact> = fc
  .record({
    id: fc.uuid(),
    deployment: fc.constant('checkout'),
    version: fc.constantFrom('id-1.2.1', 'id-1.2.1', 'id-1.0.0'),
    environment: fc.constantFrom('production', 'production', 'staging', undefined),
    resource: place,
    rule: fc.constantFrom('approval', 'environmentProgression', 'dependency', 'window', 'cooldown', 'versionSelector', 'condition'),
    by: person,
    reason: fc.constant('r'),
    at: fc.constantFrom(1, 2),
    expiresAt: time,
  })
  .map(without);
export const rejection: fc.Arbitrary<ApprovalFact> = fc.record({
  version: fc.constant('id-1.2.1'),
  environment: fc.constant('production'),
  by: fc.constantFrom('user:a', 'user:x'),
  groups: fc.constant(['releasers']),
  verdict: fc.constant('rejected' as const),
  at: time,
});

/** One word of each person, as it is recorded. */
const lastWords = (said: readonly ApprovalFact[]): ApprovalFact[] => [...new Map(said.map((word) => [word.by, word])).values()];

/** Facts and policies of all kinds, and what people and CI have said besides: freezes, pins, overrides, rejections, quarantines, states, dependencies. */
export const peopledScene: fc.Arbitrary<DecisionInput> = fc
  .record({
    base: scene,
    freezes: fc.array(freeze, { maxLength: 2 }),
    pins: fc.array(pin, { maxLength: 2 }),
    overrides: fc.array(override, { maxLength: 3 }),
    rejections: fc.array(rejection, { maxLength: 1 }),
    status: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'building' as const, 'paused' as const),
    quarantined: fc.subarray(['par-1', 'fra-1']),
    dependsOn: fc.subarray([
      { deployment: 'catalog', range: '>=2' },
      { deployment: 'nobody', range: '*' },
    ]),
    disabled: fc.boolean(),
  })
  .map(({ base, freezes, pins, overrides, rejections, status, quarantined, dependsOn, disabled }) => ({
    ...base,
    freezes,
    pins,
    overrides,
    approvals: lastWords([...base.approvals, ...rejections]),
    version: { ...base.version, status, dependsOn: base.policies.length > 1 ? [] : dependsOn },
    targetFacts: withQuarantine(base.targetFacts, quarantined),
    policies: base.policies.map((policy, index) => (disabled && index === 0 ? { ...policy, enabled: false } : policy)),
  }));

function withQuarantine(facts: DecisionInput['targetFacts'], resources: readonly string[]): Map<string, TargetFact> {
  const all = new Map(facts);
  for (const resource of resources) {
    const key = targetKey('checkout', 'production', resource);
    all.set(key, { ...(all.get(key) ?? fact('production', resource)), quarantined: ['id-1.2.1'] });
  }
  return all;
}

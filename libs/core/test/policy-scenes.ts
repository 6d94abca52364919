import fc from 'fast-check';
import type { DecisionInput, PinFact, PolicyDoc, Rule, TargetFact } from '@slipway/core';
import { environment, fact, facts, HOUR, input, MINUTE, MONDAY, policy, resource } from './policy-fixtures.js';

export const time = fc.integer({ min: MONDAY - 30 * HOUR, max: MONDAY + 30 * HOUR });
const span = fc.constantFrom(0, MINUTE, 10 * MINUTE, HOUR, 20 * HOUR);

export const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant('approval' as const),
    required: fc.integer({ min: 0, max: 3 }),
    from: fc.subarray(['group:releasers', 'group:security', 'user:a']),
    perGroup: fc.boolean(),
    allowAuthor: fc.boolean(),
    expiresAfterMs: fc.option(fc.constantFrom(MINUTE, HOUR, 10 * HOUR), { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('environmentProgression' as const),
    dependsOn: fc.constantFrom('environment.name == "staging"', 'true', 'environment.metadata.x == "y"', 'false'),
    mode: fc.constantFrom('all' as const, 'any' as const),
    successPercent: fc.constantFrom(0, 50, 100),
    soakMs: span,
    maxAgeMs: fc.option(fc.constantFrom(HOUR, 10 * HOUR), { nil: undefined }),
    requireVerified: fc.option(fc.boolean(), { nil: undefined }),
    allowEmpty: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('dependency' as const),
    on: fc.constantFrom('deployment.name == "catalog"', 'true', 'false'),
    version: fc.constantFrom('>=2', '*'),
    versionIs: fc.constant('range' as const),
    where: fc.constantFrom('sameResource' as const, 'sameEnvironment' as const),
    mode: fc.constantFrom('all' as const, 'any' as const),
  }),
  fc.record({
    kind: fc.constant('window' as const),
    rrule: fc.constantFrom('FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=9', 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', 'FREQ=HOURLY', 'FREQ=DAILY;BYHOUR=99'),
    durationMs: fc.constantFrom(10 * MINUTE, HOUR, 30 * HOUR),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
    mode: fc.constantFrom('allow' as const, 'deny' as const),
    holidays: fc.subarray(['2026-11-23', '2026-11-24']),
  }),
  fc.record({ kind: fc.constant('cooldown' as const), intervalMs: span }),
  fc.record({
    kind: fc.constant('versionSelector' as const),
    selector: fc.constantFrom('version.tag == "1.2.1"', 'resource.identifier == "par-1"', 'version.metadata.x == "y"'),
  }),
  fc.record({
    kind: fc.constant('condition' as const),
    cel: fc.constantFrom(`now > ${MONDAY}`, 'running == null', 'running.verified', 'version.sequence > 5'),
    message: fc.constant('not yet'),
  }),
);
const policies: fc.Arbitrary<PolicyDoc[]> = fc
  .array(
    fc.tuple(
      fc.array(rule, { maxLength: 3 }),
      fc.constantFrom('true', 'environment.name == "production"', 'resource.identifier == "par-1"', 'resource.metadata.x == "y"'),
    ),
    { maxLength: 3 },
  )
  .map((list) => list.map(([rules, selector], index) => policy(`p${index}`, rules, { selector })));
const approvals = fc.array(
  fc.record({
    version: fc.constant('id-1.2.1'),
    environment: fc.constant('production'),
    by: fc.constantFrom('user:a', 'user:b', 'user:carol'),
    groups: fc.subarray(['releasers', 'security']),
    verdict: fc.constant('approved' as const),
    at: time,
  }),
  { maxLength: 4 },
);
const outcome = fc.record({
  state: fc.constantFrom('started' as const, 'succeeded' as const, 'failed' as const, 'rolledBack' as const),
  verified: fc.boolean(),
  at: time,
});
const running = fc.record({
  version: fc.constant('id-2.0.0'),
  tag: fc.constantFrom('2.0.0', '1.0.0', 'main'),
  verified: fc.boolean(),
  since: time,
});
const targetFacts: fc.Arbitrary<TargetFact[]> = fc
  .tuple(
    ...['staging s-1', 'staging s-2', 'production par-1', 'production fra-1'].map((place) => {
      const [where, name] = place.split(' ') as [string, string];
      return fc
        .record({
          outcomes: fc.oneof(
            fc.constant({}),
            outcome.map((one) => ({ 'id-1.2.1': one })),
          ),
          startedAt: fc.option(time, { nil: undefined }),
          running: fc.option(running, { nil: undefined }),
          other: fc.option(running, { nil: undefined }),
        })
        .map(({ other, ...more }) => [fact(where, name, more), fact(where, name, { deployment: 'catalog', running: other })]);
    }),
  )
  .map((pairs) => pairs.flat());
const freezes = fc.array(
  fc.record({
    id: fc.uuid(),
    scope: fc.constantFrom('true', 'resource.identifier == "par-1"', 'resource.metadata.x == "y"'),
    by: fc.constant('user:a'),
    reason: fc.constant('r'),
    at: fc.constant(1),
    expiresAt: time,
    allowRollback: fc.boolean(),
  }),
  { maxLength: 1 },
);
/** Facts and policies of all kinds, also such that cannot be decided. */
export const scene: fc.Arbitrary<DecisionInput> = fc
  .record({ policies, approvals, freezes, list: targetFacts, overridden: fc.option(time, { nil: undefined }) })
  .map(({ list, overridden, ...more }) =>
    input({
      ...more,
      targets: [resource('par-1'), resource('fra-1'), resource('fra-2')],
      environments: [
        { environment: environment('staging'), resources: ['s-1', 's-2'] },
        { environment: environment('qa'), resources: [] },
      ],
      targetFacts: facts(...list),
      overrides:
        overridden === undefined
          ? []
          : [
              {
                id: 'o',
                deployment: 'checkout',
                version: 'id-1.2.1',
                rule: 'approval',
                by: 'user:x',
                reason: 'r',
                at: 1,
                expiresAt: overridden,
              },
            ],
    }),
  );

export const approvalRule: fc.Arbitrary<Rule> = fc.record({
  kind: fc.constant('approval' as const),
  required: fc.integer({ min: 1, max: 3 }),
  from: fc.subarray(['group:releasers', 'group:security', 'user:a', 'user:b']),
  perGroup: fc.boolean(),
  allowAuthor: fc.boolean(),
  expiresAfterMs: fc.option(fc.constantFrom(HOUR, 10 * HOUR), { nil: undefined }),
});

const gate: fc.Arbitrary<Rule> = fc.oneof(
  approvalRule,
  fc.record({
    kind: fc.constant('environmentProgression' as const),
    dependsOn: fc.constantFrom('environment.name == "staging"', 'environment.name != "production"'),
    mode: fc.constantFrom('all' as const, 'any' as const),
    successPercent: fc.constantFrom(50, 100),
    soakMs: span,
    maxAgeMs: fc.option(fc.constantFrom(25 * HOUR, 30 * HOUR), { nil: undefined }),
    requireVerified: fc.option(fc.boolean(), { nil: undefined }),
    allowEmpty: fc.constant(true),
  }),
  fc.record({
    kind: fc.constant('dependency' as const),
    on: fc.constant('deployment.name == "catalog"'),
    version: fc.constantFrom('>=2', '>=1.5 <4'),
    versionIs: fc.constant('range' as const),
    where: fc.constantFrom('sameResource' as const, 'sameEnvironment' as const),
    mode: fc.constantFrom('all' as const, 'any' as const),
  }),
  fc.record({
    kind: fc.constant('window' as const),
    rrule: fc.constantFrom('FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=9', 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', 'FREQ=DAILY;BYHOUR=8,20'),
    durationMs: fc.constantFrom(10 * MINUTE, 2 * HOUR, 13 * HOUR),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
    mode: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
    holidays: fc.constantFrom<string[]>([], ['2026-11-24']),
  }),
  fc.record({ kind: fc.constant('cooldown' as const), intervalMs: span }),
  fc.record({
    kind: fc.constant('condition' as const),
    cel: fc.constantFrom(`now > ${MONDAY}`, 'resource.identifier != "fra-2"', `now > ${MONDAY + HOUR} || running == null`),
    message: fc.constant('not yet'),
  }),
);

/** What people said long ago. */
export const words = fc.array(
  fc.record({
    version: fc.constant('id-1.2.1'),
    environment: fc.constant('production'),
    by: fc.constantFrom('user:a', 'user:b', 'user:c', 'user:carol'),
    groups: fc.subarray(['releasers', 'security']),
    verdict: fc.constantFrom('approved' as const, 'approved' as const, 'rejected' as const),
    at: fc.integer({ min: MONDAY - 40 * HOUR, max: MONDAY - 30 * HOUR }),
  }),
  { maxLength: 4 },
);

const pins = fc.array(
  fc.record({
    id: fc.uuid(),
    deployment: fc.constant('checkout'),
    environment: fc.constant('production'),
    resource: fc.option(fc.constant('par-1'), { nil: undefined }),
    version: fc.constantFrom('id-1.0.0', 'id-1.2.1'),
    by: fc.constant('user:x'),
    reason: fc.constant('r'),
    at: fc.constantFrom(1, 2),
    expiresAt: fc.option(time, { nil: undefined }),
  }),
  { maxLength: 2 },
);

/** Facts and policies that mostly block, of the kinds that people and time can unblock. */
export const blockedScene: fc.Arbitrary<DecisionInput> = fc
  .record({
    base: scene,
    gates: fc.array(fc.array(gate, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    approvals: words,
    pins: fc.oneof({ weight: 3, arbitrary: fc.constant<PinFact[]>([]) }, { weight: 1, arbitrary: pins }),
    status: fc.constantFrom('ready' as const, 'ready' as const, 'building' as const, 'paused' as const),
    quarantined: fc.constantFrom(false, false, true),
  })
  .map(({ base, gates, approvals: said, pins: pinned, status, quarantined }) => {
    const targetFacts = new Map(base.targetFacts);
    const here = targetFacts.get('checkout/production/par-1');
    if (quarantined && here) targetFacts.set('checkout/production/par-1', { ...here, quarantined: ['id-1.2.1'] });
    return {
      ...base,
      targetFacts,
      version: { ...base.version, status },
      approvals: said,
      pins: pinned,
      policies: gates.map((rules, index) => policy(`p${index}`, rules, { selector: 'true' })),
    };
  });

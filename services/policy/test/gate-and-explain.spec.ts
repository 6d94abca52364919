import { describe, expect, it } from '@jest/globals';
import type { ReplyOf } from '@slipway/contracts';
import type { GateRule } from '@slipway/core';
import { createMemoryStore } from '@slipway/persistence';
import fc from 'fast-check';
import { dirtyTable, tables } from '../src/tables.js';
import { Mesh, approval, policy, progression, published, releaser, shop, version } from './mesh.js';

const versions = ['1.0.0', '1.1.0', '1.2.0'].map((tag, index) => version('checkout', tag, index + 1));
const hosts = { staging: ['s1', 's2'], production: ['p1', 'p2'] } as const;
const RUNS = Number(process.env['FC_RUNS'] ?? 60);

const rule: fc.Arbitrary<GateRule> = fc.oneof(
  fc.constant(approval),
  fc.constantFrom(0, 60_000).map(progression),
  fc.constantFrom(30_000, 600_000).map((intervalMs): GateRule => ({ kind: 'cooldown', intervalMs })),
  fc.constant<GateRule>({ kind: 'versionSelector', selector: 'version.tag != "1.2.0"' }),
  fc
    .constantFrom('running == null || running.verified', 'resource.metadata.region == "par"')
    .map((cel): GateRule => ({ kind: 'condition', cel, message: 'no' })),
);

type Step = (mesh: Mesh) => Promise<unknown>;
const operate = (mesh: Mesh, verb: 'approve' | 'reject' | 'withdraw', tag: string) =>
  mesh.parts.operations[`policy.${verb}`]!({ deployment: 'checkout', environment: 'production', version: tag, reason: 'r' }, releaser);

const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      environment: fc.constantFrom('staging', 'production') as fc.Arbitrary<'staging' | 'production'>,
      host: fc.nat(1),
      version: fc.constantFrom(...versions),
      verb: fc.constantFrom('started', 'succeeded', 'failed', 'rolledBack') as fc.Arbitrary<
        'started' | 'succeeded' | 'failed' | 'rolledBack'
      >,
      bad: fc.boolean(),
    })
    .map((f): Step => async (mesh) => {
      const fact = mesh.fact('checkout', f.environment, hosts[f.environment][f.host]!, f.version, {
        verb: f.verb,
        ...(f.verb === 'rolledBack' && f.bad ? { quarantined: [f.version.id] } : {}),
      });
      await mesh.releases(fact);
    }),
  fc
    .record({
      verb: fc.constantFrom('approve', 'reject', 'withdraw') as fc.Arbitrary<'approve' | 'reject' | 'withdraw'>,
      tag: fc.constantFrom('1.0.0', '1.1.0', '1.2.0'),
    })
    .map((a): Step => async (mesh) => {
      await operate(mesh, a.verb, a.tag).catch((error: { code?: string }) => {
        if (error.code !== 'policy.approval.absent') throw error;
      });
    }),
  fc.constantFrom(1_000, 45_000, 700_000).map(
    (ms): Step =>
      (mesh) =>
        mesh.advance(ms),
  ),
  fc.constantFrom('paused', 'ready').map(
    (status): Step =>
      (mesh) =>
        mesh.inventory(published({ ...versions[1]!, status: status as 'paused' | 'ready' })),
  ),
);

describe('explain and the gate', () => {
  it('I10: after any story, each open decision says what explain says now, and judging all again publishes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 3 }), fc.array(step, { maxLength: 15 }), async (rules, steps) => {
        const mesh = new Mesh(createMemoryStore(tables));
        await mesh.inventory(...shop, policy('gates', 'environment.name == "production"', ...rules), ...versions.map(published));
        for (const one of steps) await one(mesh);

        const { decisions } = await mesh.parts.operations['policy.decisions']!({}, releaser);
        for (const decision of decisions) {
          const asked = { deployment: decision.deployment, environment: decision.environment, version: decision.version };
          const explained = (await mesh.parts.operations['policy.explain']!(asked, releaser)).decisions[0]!.decision;
          expect({ ...decision, decidedAt: 0 }).toMatchObject({ ...explained, decidedAt: 0 });
        }
        const before = await numbers(mesh);
        const pairs = ['staging', 'production'].map((environment, index) => ({
          deployment: 'checkout',
          environment,
          level: 2,
          stamp: `again-${index}`,
          at: mesh.now,
        }));
        await mesh.store.transaction((tx) => tx.put(dirtyTable, pairs));
        await mesh.parts.wake(mesh.now);
        expect(await numbers(mesh)).toEqual(before);
      }),
      { numRuns: RUNS },
    );
  });
});

/** The same story told to a mesh of its own. */
async function told(rules: GateRule[], steps: Step[], shadow: boolean): Promise<Mesh> {
  const mesh = new Mesh(createMemoryStore(tables));
  const item = policy('gates', 'environment.name == "production"', ...rules);
  if (shadow && item.kind === 'policy' && item.doc) item.doc = { ...item.doc, shadow: true };
  await mesh.inventory(...shop, item, ...versions.map(published));
  for (const one of steps) await one(mesh);
  return mesh;
}

const explainAt = async (mesh: Mesh, tag: string): Promise<ReplyOf<'policy.explain'>['decisions'][number]> => {
  const asked = { deployment: 'checkout', environment: 'production', version: tag };
  return ((await mesh.parts.operations['policy.explain']!(asked, releaser)) as ReplyOf<'policy.explain'>).decisions[0]!;
};
const simulateIn = (mesh: Mesh, more: object): Promise<ReplyOf<'policy.simulate'>> =>
  mesh.parts.operations['policy.simulate']!({ files: [], remove: [], ...more }, releaser) as never;

/** By target: what the group says in which it is. */
function byTarget<G extends { resources: string[]; rest: boolean }, T>(
  groups: readonly G[],
  say: (group: G) => T,
): Record<string, T | undefined> {
  const find = (host: string): G | undefined => groups.find((g) => g.resources.includes(host)) ?? groups.find((g) => g.rest);
  return Object.fromEntries(
    hosts.production.map((host) => {
      const group = find(host);
      return [host, group && say(group)];
    }),
  );
}

describe('the gate, explain, simulate and shadow', () => {
  it('ask one evaluator: a policy says in the shadow what it says when it gates, and simulate says what the gate would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 3 }), fc.array(step, { maxLength: 12 }), async (rules, steps) => {
        const live = await told(rules, steps, false);
        const beside = await told(rules, steps, true);
        // What is not changed changes nothing.
        expect(await simulateIn(live, {})).toMatchObject({ changes: [], leftOut: [] });
        expect((await simulateIn(live, { sinceMs: 10_000_000 })).history?.changes).toEqual([]);
        const without = await simulateIn(live, { remove: ['gates'], deployment: 'checkout', environment: 'production' });
        const all = await simulateIn(live, { remove: ['gates'], deployment: 'checkout', environment: 'production', sinceMs: 1 });
        expect(all.changes).toEqual([]);
        const candidates = new Set(without.judged.versions === versions.length ? versions.map(({ tag }) => tag) : []);
        for (const { tag } of versions) {
          const gated = await explainAt(live, tag);
          const free = await explainAt(beside, tag);
          // The shadow gates nothing: what is left is what holds without any policy.
          expect(free.decision.groups.flatMap((group) => group.policies)).toEqual([]);
          const shadows = byTarget(
            free.shadow.flatMap((one) => one.groups),
            (group) => group,
          );
          const verdicts = byTarget(gated.decision.groups, (group) => group.verdict);
          const results = byTarget(gated.decision.groups, (group) => group.policies);
          const freed = byTarget(free.decision.groups, (group) => group.verdict);
          for (const host of hosts.production) {
            const shadow = shadows[host]!;
            expect([shadow.result]).toEqual(results[host]);
            expect(worst(shadow.live, shadow.verdict)).toBe(verdicts[host]);
            expect(shadow.live).toBe(freed[host]);
            expect(shadow.would).toBe(
              (shadow.live === 'allowed') === (shadow.verdict === 'allowed') ? 'agree' : shadow.live === 'allowed' ? 'hold' : 'letGo',
            );
            // Taking the policy away today says what the mesh says that never had it gate.
            const change = without.changes.filter((one) => one.version === tag);
            const group = change.find((one) => one.rest || one.resources.includes(host));
            if (group) expect([group.before?.verdict, group.after.verdict]).toEqual([verdicts[host], freed[host]]);
            else if (candidates.has(tag)) expect(verdicts[host]).toBe(freed[host]);
          }
        }
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});

const SEVERITY = ['allowed', 'waiting', 'undecided', 'denied'];
function worst(a: string, b: string): string {
  return SEVERITY.indexOf(a) >= SEVERITY.indexOf(b) ? a : b;
}

async function numbers(mesh: Mesh): Promise<string[]> {
  const { decisions } = await mesh.parts.operations['policy.decisions']!({}, releaser);
  return decisions.map((d) => `${d.deployment} ${d.environment} ${d.version} ${(d as unknown as { number: number }).number}`).sort();
}

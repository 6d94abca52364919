import { describe, expect, it } from '@jest/globals';
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

async function numbers(mesh: Mesh): Promise<string[]> {
  const { decisions } = await mesh.parts.operations['policy.decisions']!({}, releaser);
  return decisions.map((d) => `${d.deployment} ${d.environment} ${d.version} ${(d as unknown as { number: number }).number}`).sort();
}

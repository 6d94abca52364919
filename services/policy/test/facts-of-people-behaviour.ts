import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OperationName, ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { operations, standingFactSchema } from '@slipway/contracts';
import type { Decision } from '@slipway/core';
import type { Caller, OperationHandler } from '@slipway/messaging';
import type { Store } from '@slipway/persistence';
import { decisionTable } from '../src/tables.js';
import { Mesh, START, approval, host, policy, progression, published, releaser, shop, targets, version } from './mesh.js';

const old = version('checkout', '1.0.0', 1);
const next = version('checkout', '1.1.0', 2);
const place = { deployment: 'checkout', environment: 'production' };
const HOUR = 3_600_000;
const until = START + HOUR;
const freeze = { scope: 'environment.name == "production"', expiresAt: until, reason: 'sales', allowRollback: true };
const boss: Caller = { name: 'user:boss', groups: [], role: 'admin' };

/** Freezes, pins and overrides on every store. */
export function factsOfPeopleBehaviour(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`facts that people make, on ${name}`, () => {
    let mesh: Mesh;
    let close: () => Promise<void>;

    beforeEach(async () => {
      const opened = await open();
      mesh = new Mesh(opened.store);
      close = opened.close;
      await mesh.inventory(...shop);
    });
    afterEach(() => close());

    const ask = <N extends OperationName>(operation: N, request: unknown, caller = releaser): Promise<ReplyOf<N>> =>
      (mesh.parts.operations[operation] as OperationHandler<N>)(operations[operation].request.parse(request) as ParsedRequestOf<N>, caller);
    const decisionOn = async (environment: string, tag = '1.1.0'): Promise<Decision | undefined> => {
      const { decisions } = await ask('policy.decisions', { deployment: 'checkout', environment });
      return decisions.find((d) => d.version === tag);
    };
    const explained = async (more: object = {}): Promise<Decision> => {
      const { decisions } = await ask('policy.explain', { ...place, version: '1.1.0', ...more });
      return decisions[0]!.decision;
    };
    const numbers = async (): Promise<string[]> => {
      const rows = await mesh.store.read((tx) => tx.find(decisionTable, {}));
      return rows.map((r) => `${r.deployment} ${r.environment} ${r.number}`).sort();
    };
    const runsEverywhere = async (v = old): Promise<void> => {
      await mesh.releases(
        ...['s1', 's2'].map((r) => mesh.fact('checkout', 'staging', r, v)),
        ...['p1', 'p2'].map((r) => mesh.fact('checkout', 'production', r, v)),
      );
    };

    describe('a freeze', () => {
      it('I11: is acknowledged once the scheduler has taken it, and holds its scope and nothing else', async () => {
        await mesh.inventory(published(next));
        const { id, done } = await ask('policy.freeze', freeze);
        expect(done).toContain('nothing begins at 4 release targets of checkout in production, catalog in production; rollbacks pass');
        expect(mesh.standing).toMatchObject([{ kind: 'freeze', verb: 'made', fact: { id, by: 'user:ada', allowRollback: true } }]);
        expect(standingFactSchema.safeParse(mesh.standing[0]).success).toBe(true);
        expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting', reevaluateAt: until });
        expect(await decisionOn('staging')).toMatchObject({ verdict: 'allowed' });
        const [rule] = (await explained()).groups[0]!.standing;
        expect(rule).toMatchObject({ rule: 'freeze', ask: `slipway freeze lift ${id}`, saw: { freeze: id } });
      });

      it('says that it is recorded and not in force yet when the scheduler is away, and is the same when it is asked for again', async () => {
        mesh.schedulerAnswers = false;
        await expect(ask('policy.freeze', freeze)).rejects.toMatchObject({ code: 'policy.freeze.notTakenYet', kind: 'unavailable' });
        mesh.schedulerAnswers = true;
        const { id } = await ask('policy.freeze', freeze);
        const { freezes } = await ask('policy.freezes', {});
        expect(freezes.map(({ fact }) => fact.id)).toEqual([id]);
        expect(mesh.standing.map(({ fact }) => fact.id)).toEqual([id]);
        expect((await ask('policy.freeze', freeze, boss)).id).not.toBe(id);
      });

      it('ends exactly at its time, by itself', async () => {
        await mesh.inventory(published(next));
        await ask('policy.freeze', freeze);
        await mesh.settle();
        expect(mesh.wakeAt).toBe(until);
        await mesh.advance(HOUR - 1);
        expect((await decisionOn('production'))?.verdict).toBe('waiting');
        await mesh.advance(1);
        expect((await decisionOn('production'))?.verdict).toBe('allowed');
        expect((await ask('policy.freezes', {})).freezes).toEqual([]);
        expect((await ask('policy.freezes', { all: true })).freezes).toMatchObject([{ ended: { verb: 'expired', at: until } }]);
      });

      it('is lifted by its id, which wakes at once what it held and nothing else', async () => {
        await mesh.inventory(published(next));
        const { id } = await ask('policy.freeze', freeze);
        const before = await numbers();
        expect((await ask('policy.liftFreeze', { id }, boss)).done).toContain('lifted by user:boss');
        expect((await decisionOn('production'))?.verdict).toBe('allowed');
        const after = await numbers();
        expect(after.filter((line) => !before.includes(line))).toEqual(['checkout production 3']);
        expect((await ask('policy.liftFreeze', { id })).done).toContain('already');
        await expect(ask('policy.liftFreeze', { id: 'f99' })).rejects.toMatchObject({ code: 'policy.freeze.missing' });
      });

      it('of single resources splits the targets', async () => {
        await mesh.inventory(host('p1', { region: 'par' }), host('p2', { region: 'fra' }), published(next));
        await ask('policy.freeze', { ...freeze, scope: 'has(resource.metadata.region) && resource.metadata.region == "par"' });
        const { groups } = (await decisionOn('production'))!;
        expect(groups.map((g) => g.verdict).sort()).toEqual(['allowed', 'waiting']);
      });

      it('is refused when its scope or its end cannot be right, and says what would be', async () => {
        const wrong: [object, RegExp][] = [
          [{ scope: 'enviroment.name == "production"' }, /did you mean "environment"/],
          [{ scope: 'version.tag == "1.0.0"' }, /there is no "version"|environment/],
          [{ scope: 'environment.name ==' }, /freezing|Freezing/],
          [{ scope: 'environment.name' }, /must be true or false/],
          [{ expiresAt: START }, /has passed/],
          [{ expiresAt: START + 500 * 24 * HOUR }, /more than 400 days/],
        ];
        for (const [more, message] of wrong)
          await expect(ask('policy.freeze', { ...freeze, ...more })).rejects.toMatchObject({
            kind: 'invalid',
            message: expect.stringMatching(message),
          });
        expect((await ask('policy.freezes', {})).freezes).toEqual([]);
        expect(() => operations['policy.freeze'].request.parse({ scope: 'true', expiresAt: until })).toThrow();
        expect(() => operations['policy.freeze'].request.parse({ scope: 'true', reason: 'x' })).toThrow();
      });

      it('holds up, and tells, targets for which its scope has no value', async () => {
        await mesh.inventory(host('p1', { region: 'par' }), published(next));
        const { done } = await ask('policy.freeze', { ...freeze, scope: 'resource.metadata.region == "fra"' });
        expect(done).toContain('the scope has no value for');
        expect((await decisionOn('production'))?.verdict).toBe('undecided');
      });

      it('survives a restart, and is known to a second copy', async () => {
        const second = mesh.boot();
        await second.wake(mesh.now);
        await ask('policy.freeze', freeze);
        mesh.parts = second;
        await mesh.inventory(published(next));
        expect((await decisionOn('production'))?.verdict).toBe('waiting');
        mesh.parts = mesh.boot();
        expect((await explained()).because.join()).toContain('freeze: frozen by user:ada');
      });
    });

    describe('a pin', () => {
      const pin = { ...place, version: '1.0.0', reason: 'the demo' };

      it('makes an older version a candidate, allows it alone, and lets what is newer come again when it is taken away', async () => {
        await mesh.inventory(published(old), published(next));
        await runsEverywhere(next);
        expect(await decisionOn('production', '1.0.0')).toBeUndefined();
        const { id, done } = await ask('policy.pin', pin);
        expect(done).toBe(`${id}: checkout in production is pinned to 1.0.0 until it is taken away`);
        expect(mesh.standing).toMatchObject([{ kind: 'pin', verb: 'made', tag: '1.0.0', fact: { id, version: old.id } }]);
        expect(await decisionOn('production', '1.0.0')).toMatchObject({ verdict: 'allowed' });
        expect(await decisionOn('staging', '1.0.0')).toBeUndefined();
        const third = version('checkout', '1.2.0', 3);
        await mesh.inventory(published(third));
        expect((await decisionOn('production', '1.2.0'))?.because.join()).toContain(`pin: pinned to 1.0.0 by user:ada: the demo (${id})`);
        await mesh.releases(...['p1', 'p2'].map((r) => mesh.fact('checkout', 'production', r, old)));
        await ask('policy.unpin', place);
        expect(await decisionOn('production', '1.2.0')).toMatchObject({ verdict: 'allowed' });
        await expect(ask('policy.unpin', place)).rejects.toMatchObject({ code: 'policy.pin.missing' });
      });

      it('skips no gate: one that waits is told, and an override skips it', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval), published(old), published(next));
        await runsEverywhere(next);
        expect((await ask('policy.pin', pin)).done).toContain('it is waiting now: approval: 0 of 1');
        const overridden = await ask('policy.override', {
          rule: 'approval',
          ...place,
          version: '1.0.0',
          expiresAt: until,
          reason: 'burns',
        });
        expect(overridden).toMatchObject({ verdict: 'allowed', because: [] });
      });

      it('of one target leaves the others as they are; the newer pin of a place replaces the older', async () => {
        await mesh.inventory(published(old), published(next));
        await ask('policy.pin', { ...pin, resource: 'p1' });
        const { groups } = (await decisionOn('production'))!;
        expect(groups.map((g) => g.verdict).sort()).toEqual(['allowed', 'denied']);
        await ask('policy.pin', { ...pin, resource: 'p1', version: '1.1.0', reason: 'no, that one' });
        expect((await ask('policy.pins', {})).pins.map((p) => p.tag)).toEqual(['1.1.0']);
        expect((await ask('policy.pins', { all: true })).pins.map((p) => p.ended?.verb)).toEqual([undefined, 'replaced']);
        expect(mesh.standing.slice(-2).map((s) => s.verb)).toEqual(['replaced', 'made']);
        expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
      });

      it('to a version that cannot be deployed, or is quarantined there, or to a place that is none, is refused', async () => {
        await mesh.inventory(published({ ...old, status: 'rejected' }), published(next));
        await expect(ask('policy.pin', pin)).rejects.toMatchObject({
          code: 'policy.pin.version',
          message: expect.stringContaining('slipway version ready checkout 1.0.0'),
        });
        await mesh.releases(
          ...['p1', 'p2'].map((r) => mesh.fact('checkout', 'production', r, next, { verb: 'rolledBack', quarantined: [next.id] })),
        );
        const toNext = { ...pin, version: '1.1.0' };
        await expect(ask('policy.pin', toNext)).rejects.toThrow(/slipway quarantine release checkout 1.1.0 -e production/);
        await mesh.releases(mesh.fact('checkout', 'production', 'p1', next, { verb: 'quarantineReleased', quarantined: [] }));
        expect((await ask('policy.pin', toNext)).done).toContain('stays away from p2');
        await expect(ask('policy.pin', { ...toNext, resource: 'p3' })).rejects.toMatchObject({ kind: 'missing' });
        await expect(ask('policy.pin', { ...toNext, environment: 'productoin' })).rejects.toThrow(/production/);
      });

      it('ends exactly at its time', async () => {
        await mesh.inventory(published(old), published(next));
        await ask('policy.pin', { ...pin, expiresAt: until });
        expect(await decisionOn('production')).toMatchObject({ verdict: 'denied', reevaluateAt: until });
        await mesh.advance(HOUR);
        expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
      });

      it('is recorded and not in force yet when the scheduler is away', async () => {
        await mesh.inventory(published(old), published(next));
        mesh.schedulerAnswers = false;
        await expect(ask('policy.pin', pin)).rejects.toMatchObject({ code: 'policy.pin.notTakenYet' });
        mesh.schedulerAnswers = true;
        await ask('policy.pin', pin);
        expect((await ask('policy.pins', {})).pins).toHaveLength(1);
      });
    });

    describe('an override', () => {
      const override = { rule: 'approval', ...place, version: '1.1.0', expiresAt: until, reason: 'it burns' };

      it('turns one rule of one version to allowed, visibly, until its time', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval, progression(0)));
        await mesh.inventory(published(next));
        const { id, verdict } = await ask('policy.override', override);
        expect(verdict).toBe('waiting');
        const rules = (await explained()).groups[0]!.policies[0]!.rules;
        expect(rules.map((r) => [r.rule, r.verdict])).toEqual([
          ['approval', 'allowed'],
          ['environmentProgression', 'waiting'],
        ]);
        expect(rules[0]).toMatchObject({ overriddenBy: 'user:ada', ask: `slipway override lift ${id}` });
        await ask('policy.override', { ...override, rule: 'environmentProgression' });
        expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed', reevaluateAt: until });
        await mesh.inventory(published(version('checkout', '1.2.0', 3)));
        expect((await decisionOn('production', '1.2.0'))?.verdict).toBe('waiting');
        await mesh.advance(HOUR);
        expect((await decisionOn('production'))?.verdict).toBe('waiting');
      });

      it('I2: its end is acknowledged once the scheduler has taken what is allowed no longer', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval));
        await mesh.inventory(published(next));
        const { id } = await ask('policy.override', override);
        mesh.schedulerAnswers = false;
        await expect(ask('policy.liftOverride', { id })).rejects.toMatchObject({ code: 'policy.override.notTakenYet' });
        mesh.schedulerAnswers = true;
        await ask('policy.liftOverride', { id });
        expect(mesh.taken.at(-1)).toMatchObject({ version: '1.1.0', environment: 'production', verdict: 'waiting' });
        expect((await decisionOn('production'))?.verdict).toBe('waiting');
      });

      it('at one resource leaves the others waiting', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval));
        await mesh.inventory(published(next));
        await ask('policy.override', { ...override, resource: 'p1' });
        expect((await decisionOn('production'))!.groups.map((g) => g.verdict).sort()).toEqual(['allowed', 'waiting']);
      });

      it('needs a gate, a version and a place that there are, an end and a reason', async () => {
        await mesh.inventory(published(next));
        await expect(ask('policy.override', { ...override, rule: 'aproval' })).rejects.toThrow(/did you mean "approval"/);
        await expect(ask('policy.override', { ...override, rule: 'quarantine' })).rejects.toThrow(/slipway quarantine release/);
        await expect(ask('policy.override', { ...override, version: '1.1.1' })).rejects.toThrow(/1\.1\.0/);
        await expect(ask('policy.override', { ...override, resource: 'x1' })).rejects.toMatchObject({ kind: 'missing' });
        await expect(ask('policy.override', { ...override, expiresAt: START })).rejects.toMatchObject({ code: 'policy.override.expiry' });
        const { reason: _, ...without } = override;
        expect(() => operations['policy.override'].request.parse(without)).toThrow();
      });
    });

    it('of a large place is in force when it is answered, and decided after that', async () => {
      const many = Array.from({ length: 2_500 }, (_, i) => `h${i}`);
      await mesh.inventory(...many.map((one) => host(one)), targets('checkout', 'production', many), published(next));
      await mesh.advance(10_000);
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed', targets: 2_502 });
      const { done } = await ask('policy.freeze', { ...freeze, expiresAt: mesh.now + HOUR });
      expect(done).toContain('2504 release targets');
      expect(mesh.standing).toHaveLength(1);
      await mesh.settle();
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting' });
    });

    it('is told to the scheduler as a whole when that asks', async () => {
      await mesh.inventory(published(old), published(next));
      const { id } = await ask('policy.freeze', freeze);
      await ask('policy.pin', { ...place, version: '1.0.0', reason: 'r' });
      await ask('policy.unpin', place);
      await ask('policy.override', { rule: 'window', ...place, version: '1.1.0', expiresAt: until, reason: 'r' });
      const told = await ask('policy.standing', {});
      expect(told).toMatchObject({ revision: 4, facts: [{ kind: 'freeze', revision: 1, fact: { id } }] });
      expect(told.facts).toHaveLength(1);
      expect(operations['policy.standing'].reply.safeParse(told).success).toBe(true);
    });

    it('is all told in events, made and ended', async () => {
      const store = mesh.store as { outbox?: () => { messages: { subject: string }[] }[] };
      await mesh.inventory(published(old), published(next));
      const { id } = await ask('policy.freeze', freeze);
      await ask('policy.liftFreeze', { id, reason: 'over' });
      await ask('policy.pin', { ...place, version: '1.0.0', reason: 'r' });
      await ask('policy.unpin', place);
      await ask('policy.override', { rule: 'window', ...place, version: '1.1.0', expiresAt: until, reason: 'r' });
      await mesh.advance(HOUR);
      const told = store
        .outbox?.()
        .flatMap((row) => row.messages.map((m) => m.subject))
        .filter((subject) => /evt\.(freeze|pin|override)\./.test(subject));
      if (told === undefined) return;
      expect(told).toEqual([
        `slipway.evt.freeze.${id}.made`,
        `slipway.evt.freeze.${id}.lifted`,
        'slipway.evt.pin.checkout.production.made',
        'slipway.evt.pin.checkout.production.lifted',
        'slipway.evt.override.checkout.production.made',
        'slipway.evt.override.checkout.production.expired',
      ]);
    });
  });
}

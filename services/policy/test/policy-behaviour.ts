import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Decision } from '@slipway/core';
import type { Store } from '@slipway/persistence';
import { decisionTable, dirtyTable } from '../src/tables.js';
import {
  Mesh,
  START,
  approval,
  changeMessage,
  deployment,
  host,
  policy,
  progression,
  published,
  releaser,
  shop,
  targets,
  version,
} from './mesh.js';

const ask = { deployment: 'checkout', environment: 'production', version: '1.1.0' };
const old = version('checkout', '1.0.0', 1);
const next = version('checkout', '1.1.0', 2);
const catalog = version('catalog', '2.0.0', 1);

/** What the service must do on every store. */
export function policyBehaviour(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`the policy service on ${name}`, () => {
    let mesh: Mesh;
    let close: () => Promise<void>;

    beforeEach(async () => {
      const opened = await open();
      mesh = new Mesh(opened.store);
      close = opened.close;
    });
    afterEach(() => close());

    const decisionOn = async (environment: string, tag = '1.1.0', of = 'checkout'): Promise<Decision | undefined> => {
      const { decisions } = await mesh.parts.operations['policy.decisions']!({ deployment: of, environment }, releaser);
      return decisions.find((d) => d.version === tag);
    };
    const numbers = async (): Promise<string[]> => {
      const rows = await mesh.store.read((tx) => tx.find(decisionTable, {}));
      return rows.map((r) => `${r.deployment} ${r.environment} ${r.versionId} ${r.number}`).sort();
    };
    /** 1.0.0 runs on all hosts of both environments. */
    const running = async (): Promise<void> => {
      await mesh.inventory(published(old));
      await mesh.releases(
        ...['s1', 's2'].map((r) => mesh.fact('checkout', 'staging', r, old)),
        ...['p1', 'p2'].map((r) => mesh.fact('checkout', 'production', r, old)),
      );
    };

    it('has in its inbox the approvals that are asked for, of each place the newest version, with the command', async () => {
      const inbox = async (scope: object = {}) => (await mesh.parts.operations['policy.inbox']!(scope, releaser)).items;
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await running();
      expect(await inbox()).toEqual([]);
      const newest = version('checkout', '1.2.0', 3, { createdAt: START + 1 });
      await mesh.inventory(published(next), published(newest));
      expect(await inbox()).toEqual([
        {
          kind: 'approval',
          ...{ system: 'shop', deployment: 'checkout', environment: 'production', version: '1.2.0', targets: 2, since: START + 1 },
          sentence: '1.2.0 waits for approval: 0 of 1 from releasers (policy production); 1 older version asks too',
          asks: ['slipway approve checkout 1.2.0 -e production'],
        },
      ]);
      expect(await inbox({ environment: 'staging' })).toEqual([]);
      expect(await inbox({ system: 'shop', deployment: 'checkout' })).toHaveLength(1);
      await mesh.parts.operations['policy.approve']!({ ...ask, version: '1.2.0' }, releaser);
      expect((await inbox()).filter((item) => item.version === '1.2.0')).toEqual([]);
    });

    it('lets a version go at once where no policy concerns it', async () => {
      await mesh.inventory(...shop);
      await mesh.inventory(published(next));
      expect(await decisionOn('staging')).toMatchObject({ verdict: 'allowed', targets: 2, because: [] });
    });

    it('keeps a version waiting for an approval, and lets it go once there is one', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await mesh.inventory(published(next));
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting' });
      expect((await decisionOn('production'))?.because.join()).toContain('0 of 1');

      const reply = await mesh.parts.operations['policy.approve']!(ask, releaser);
      expect(reply).toMatchObject({ verdict: 'allowed' });
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
    });

    it('acknowledges a rejection only once the scheduler has taken it', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await mesh.inventory(published(next));
      await mesh.parts.operations['policy.approve']!(ask, releaser);

      const reject = { ...ask, reason: 'smells' };
      mesh.schedulerAnswers = false;
      await expect(mesh.parts.operations['policy.reject']!(reject, releaser)).rejects.toMatchObject({
        code: 'policy.approval.notTakenYet',
        kind: 'unavailable',
      });
      expect((await decisionOn('production'))?.verdict).not.toBe('allowed');

      mesh.schedulerAnswers = true;
      const reply = await mesh.parts.operations['policy.reject']!(reject, releaser);
      expect(reply.verdict).not.toBe('allowed');
      expect(mesh.taken.at(-1)).toMatchObject({ version: '1.1.0', environment: 'production' });
      expect(mesh.taken.at(-1)?.verdict).not.toBe('allowed');
    });

    it('I2: tells the scheduler of a rejection also when newer versions have taken the place of that one', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await mesh.inventory(published(next));
      await mesh.parts.operations['policy.approve']!(ask, releaser);
      const newest = version('checkout', '1.2.0', 3);
      await mesh.inventory(published(newest));
      mesh.schedulerAnswers = false;
      const reject = { ...ask, reason: 'smells' };
      await expect(mesh.parts.operations['policy.reject']!(reject, releaser)).rejects.toMatchObject({ kind: 'unavailable' });
      await mesh.parts.operations['policy.approve']!({ ...ask, version: '1.2.0' }, releaser);
      expect(await decisionOn('production')).toBeUndefined();

      mesh.schedulerAnswers = true;
      await mesh.parts.operations['policy.reject']!(reject, releaser);
      expect(mesh.taken.at(-1)).toMatchObject({ version: '1.1.0', environment: 'production', verdict: 'denied' });
    });

    it('takes an approval back, and says so to the scheduler', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await mesh.inventory(published(next));
      await mesh.parts.operations['policy.approve']!(ask, releaser);
      expect(await mesh.parts.operations['policy.withdraw']!(ask, releaser)).toMatchObject({ verdict: 'waiting' });
      expect(mesh.taken.at(-1)).toMatchObject({ verdict: 'waiting' });
      await expect(mesh.parts.operations['policy.withdraw']!(ask, releaser)).rejects.toMatchObject({ code: 'policy.approval.absent' });
    });

    it('refuses a word on what is not there, and names the nearest', async () => {
      await mesh.inventory(...shop, published(next));
      const approve = mesh.parts.operations['policy.approve']!;
      await expect(approve({ ...ask, deployment: 'chekout' }, releaser)).rejects.toThrow(/checkout/);
      await expect(approve({ ...ask, environment: 'prodution' }, releaser)).rejects.toThrow(/production/);
      await expect(approve({ ...ask, version: '1.1.9' }, releaser)).rejects.toThrow(/1\.1\.0/);
    });

    it('wakes when the soak of the other environment is over', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', progression(600_000)));
      await mesh.inventory(published(next));
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting' });
      await mesh.releases(mesh.fact('checkout', 'staging', 's1', next), mesh.fact('checkout', 'staging', 's2', next));
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting', reevaluateAt: START + 600_000 });
      expect(mesh.wakeAt).toBe(START + 600_000);
      await mesh.advance(599_999);
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting' });
      await mesh.advance(1);
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
    });

    it('wakes a dependency when the other deployment has come', async () => {
      const rule = {
        kind: 'dependency',
        on: 'deployment.name == "catalog"',
        version: '>=2.0.0',
        versionIs: 'range',
        where: 'sameEnvironment',
        mode: 'all',
      } as const;
      await mesh.inventory(...shop, policy('pairs', 'deployment.name == "checkout"', rule));
      await mesh.inventory(published(next), published(catalog));
      expect(await decisionOn('staging')).toMatchObject({ verdict: 'waiting' });
      await mesh.releases(mesh.fact('catalog', 'staging', 's1', catalog), mesh.fact('catalog', 'staging', 's2', catalog));
      expect(await decisionOn('staging')).toMatchObject({ verdict: 'allowed' });
      expect(await decisionOn('production')).toMatchObject({ verdict: 'waiting' });
    });

    it('I3: repeated and reordered facts change nothing', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', progression(0)));
      await mesh.inventory(published(next));
      const events = ['s1', 's2'].flatMap((r) => [
        mesh.fact('checkout', 'staging', r, next, { verb: 'started' }),
        mesh.fact('checkout', 'staging', r, next),
      ]);
      await mesh.releases(...events);
      const decided = await decisionOn('production');
      const before = await numbers();
      await mesh.releases(...[...events].reverse());
      await mesh.releases(...events);
      expect(await numbers()).toEqual(before);
      expect(await decisionOn('production')).toEqual(decided);
    });

    it('I10: equal facts write no decision, however often the service looks', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', approval));
      await mesh.inventory(published(next));
      const before = await numbers();
      await mesh.inventory(...shop.filter((item) => item.kind === 'system'));
      await mesh.advance(60_000);
      expect(await numbers()).toEqual(before);
    });

    it('numbers a new decision when a target that may go has changed, so that it is covered again', async () => {
      await mesh.inventory(...shop);
      await mesh.inventory(published(next));
      await mesh.inventory(host('s1', { region: 'par' }));
      const [row] = await mesh.store.read((tx) => tx.find(decisionTable, { deployment: 'checkout', environment: 'staging' }));
      expect(row).toMatchObject({ number: 2, body: { inventoryRevision: mesh.feed.length, verdict: 'allowed' } });
    });

    it('closes a decision when its version runs everywhere, and judges again when a target fell back', async () => {
      await mesh.inventory(...shop);
      await running();
      await mesh.inventory(published(next));
      expect(await decisionOn('production')).toBeDefined();
      await mesh.releases(...['p1', 'p2'].map((r) => mesh.fact('checkout', 'production', r, next)));
      expect(await decisionOn('production')).toBeUndefined();
      await mesh.releases(
        mesh.fact('checkout', 'production', 'p1', next, {
          verb: 'rolledBack',
          running: { version: old.id, tag: old.tag, verified: true, since: START },
          quarantined: [next.id],
        }),
      );
      expect((await decisionOn('production'))?.verdict).not.toBe('allowed');
    });

    it('judges what runs again where a target has changed since, until what runs there is of that change', async () => {
      await mesh.inventory(...shop);
      await running();
      const runs = async (resource: string): Promise<void> =>
        mesh.releases(
          mesh.fact('checkout', 'production', resource, old, {
            running: { version: old.id, tag: old.tag, verified: true, since: START, revision: mesh.feed.length },
          }),
        );
      await runs('p1');
      await runs('p2');
      expect(await decisionOn('production', old.tag)).toBeUndefined();
      await mesh.inventory(host('p1', { region: 'par' }));
      expect(await decisionOn('production', old.tag)).toMatchObject({ verdict: 'allowed', inventoryRevision: mesh.feed.length });
      expect(await decisionOn('staging', old.tag)).toBeUndefined();
      await runs('p1');
      expect(await decisionOn('production', old.tag)).toBeUndefined();
      await mesh.inventory(published(next));
      expect(await decisionOn('production', old.tag)).toBeUndefined();
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
    });

    it('keeps the success of a version that is released anew while that is under way, and since when it counts', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', progression(3_600_000)), published(next));
      await mesh.releases(...['s1', 's2'].map((r) => mesh.fact('checkout', 'staging', r, next)));
      await mesh.advance(3_600_000);
      expect((await decisionOn('production'))?.verdict).toBe('allowed');
      const runs = { running: { version: next.id, tag: next.tag, verified: true, since: START } };
      await mesh.releases(mesh.fact('checkout', 'staging', 's1', next, { verb: 'started', ...runs }));
      expect((await decisionOn('production'))?.verdict).toBe('allowed');
      await mesh.releases(mesh.fact('checkout', 'staging', 's1', next));
      expect((await decisionOn('production'))?.verdict).toBe('allowed');
      await mesh.releases(mesh.fact('checkout', 'staging', 's1', next, { verb: 'failed', ...runs }));
      expect((await decisionOn('production'))?.verdict).toBe('waiting');
    });

    it('withdraws what a version allowed once it is paused', async () => {
      await mesh.inventory(...shop);
      await mesh.inventory(published(next));
      await mesh.inventory(published({ ...next, status: 'paused' }));
      expect(await decisionOn('production')).toBeUndefined();
      const messages = publishedDecisions(mesh);
      if (messages !== undefined) expect(messages.at(-1)).not.toBe('allowed');
    });

    it('lets an older allowed version go while the newest waits', async () => {
      await mesh.inventory(...shop, policy('even', 'true', { kind: 'versionSelector', selector: 'version.tag != "1.2.0"' }));
      await mesh.inventory(published(old), published(next), published(version('checkout', '1.2.0', 3)));
      expect((await decisionOn('staging', '1.2.0'))?.verdict).not.toBe('allowed');
      expect(await decisionOn('staging', '1.1.0')).toMatchObject({ verdict: 'allowed' });
      expect(await decisionOn('staging', '1.0.0')).toBeUndefined();
    });

    it('is undecided when a policy fails at run time, and says why', async () => {
      await mesh.inventory(
        ...shop,
        policy('broken', 'true', { kind: 'condition', cel: 'resource.metadata.region == "par"', message: 'only in par' }),
      );
      await mesh.inventory(published(next));
      const decision = await decisionOn('staging');
      expect(decision).toMatchObject({ verdict: 'undecided' });
      expect(decision?.because.join()).toContain('region');
    });

    it('asks the feed when an event was missed', async () => {
      mesh.commit(...shop);
      const [last] = mesh.commit(published(next));
      await mesh.deliver([changeMessage(last!)]);
      expect(await decisionOn('staging')).toMatchObject({ verdict: 'allowed' });
    });

    it('decides after a restart what was marked before the crash', async () => {
      await mesh.inventory(...shop);
      mesh.commit(published(next));
      await mesh.store.transaction((tx) =>
        tx.put(dirtyTable, [{ deployment: 'checkout', environment: 'staging', level: 2, stamp: 'x', at: START }]),
      );
      mesh.parts = mesh.boot();
      await mesh.advance(1);
      expect(await decisionOn('staging')).toMatchObject({ verdict: 'allowed' });
    });

    it('knows in a second copy what the first has written', async () => {
      await mesh.inventory(...shop, policy('production', 'environment.name == "production"', progression(0)));
      const second = mesh.boot();
      await second.wake(mesh.now);
      await mesh.inventory(published(next));
      await mesh.releases(mesh.fact('checkout', 'staging', 's1', next));
      await mesh.deliver([mesh.releaseMessage(mesh.fact('checkout', 'staging', 's2', next))], second);
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
      const { decisions } = await second.operations['policy.explain']!(ask, releaser);
      expect(decisions[0]?.decision.verdict).toBe('allowed');
    });

    it('tells what became of the rollout that holds an allowed version, and does without when the scheduler is away', async () => {
      await mesh.inventory(...shop, published(next));
      mesh.rollouts = [
        {
          id: 'r1',
          deployment: 'checkout',
          environment: 'staging',
          version: next.tag,
          state: 'halted',
          because: 's1 failed',
          wave: 0,
          waves: [{ name: 'canary', from: 0, to: 1 }],
          members: [
            { resource: 's1', letter: 'f' },
            { resource: 's2', letter: '.' },
          ],
          budget: { used: 1, of: 0 },
          createdAt: mesh.now,
        },
      ];
      const explain = async () =>
        (await mesh.parts.operations['policy.explain']!({ ...ask, environment: 'staging' }, releaser)).decisions[0];
      expect((await explain())?.rollout).toEqual({ id: 'r1', state: 'halted', because: 's1 failed', wave: 'canary', done: 0, members: 2 });
      mesh.schedulerAnswers = false;
      expect((await explain())?.rollout).toBeUndefined();
      expect((await explain())?.decision.verdict).toBe('allowed');
    });

    it('forgets a pair whose targets are gone', async () => {
      await mesh.inventory(...shop);
      await mesh.inventory(published(next));
      await mesh.inventory(targets('checkout', 'staging', [], ['s1', 's2']));
      expect(await decisionOn('staging')).toBeUndefined();
      await mesh.inventory(deployment('extra'));
      expect(await decisionOn('production')).toMatchObject({ verdict: 'allowed' });
    });
  });
}

/** Verdicts of the decisions in the outbox, where the store can tell. */
function publishedDecisions(mesh: Mesh): string[] | undefined {
  const store = mesh.store as { outbox?: () => { messages: { subject: string }[] }[] };
  return store
    .outbox?.()
    .flatMap((row) => row.messages.filter((m) => m.subject.startsWith('slipway.evt.decision.')).map((m) => m.subject.split('.').at(-1)!));
}

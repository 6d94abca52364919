import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ReplyOf, RequestOf } from '@slipway/contracts';
import type { Store } from '@slipway/persistence';
import { RELEASES_KEPT_MS } from '../src/history/prune.js';
import { historyTable } from '../src/tables.js';
import { Mesh, START, approval, policy, progression, published, releaser, shop, version } from './mesh.js';

const HOUR = 3_600_000;
const old = version('checkout', '1.0.0', 1);
const next = version('checkout', '1.1.0', 2);
const POLICY = `
kind: Policy
name: production
selector: environment.name == "production"
rules:
  - approval: { required: 1, from: [group:releasers] }
`;

/** Simulate, shadow and history on every store. */
export function foresightBehaviour(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`looking ahead and back on ${name}`, () => {
    let mesh: Mesh;
    let close: () => Promise<void>;

    beforeEach(async () => {
      const opened = await open();
      mesh = new Mesh(opened.store);
      close = opened.close;
      await mesh.inventory(...shop, published(old));
      await mesh.releases(...goes('staging', old), ...goes('production', old));
    });
    afterEach(() => close());

    const goes = (environment: 'staging' | 'production', what: typeof old) =>
      (environment === 'staging' ? ['s1', 's2'] : ['p1', 'p2']).map((host) => mesh.fact('checkout', environment, host, what));
    const simulate = (request: Partial<RequestOf<'policy.simulate'>>): Promise<ReplyOf<'policy.simulate'>> =>
      mesh.parts.operations['policy.simulate']!({ files: [], remove: [], ...request }, releaser) as never;
    const shadow = (request: RequestOf<'policy.shadow'> = {}): Promise<ReplyOf<'policy.shadow'>> =>
      mesh.parts.operations['policy.shadow']!(request, releaser) as never;
    const history = (request: Partial<RequestOf<'policy.history'>> = {}): Promise<ReplyOf<'policy.history'>> =>
      mesh.parts.operations['policy.history']!({ deployment: 'checkout', limit: 50, ...request }, releaser) as never;
    const file = (text: string) => ({ files: [{ file: 'policy.yaml', text }] });

    describe('simulate', () => {
      it('says what a new policy would hold up today, and writes nothing', async () => {
        await mesh.inventory(published(next));
        const before = await mesh.store.read((tx) => tx.find(historyTable, {}));
        const reply = await simulate(file(POLICY));
        expect(reply.policies).toEqual({ added: ['production'], changed: [], removed: [] });
        expect(reply.changes).toEqual([
          expect.objectContaining({
            ...{ deployment: 'checkout', environment: 'production', version: '1.1.0', rest: true, size: 2, differs: 'verdict' },
            before: { verdict: 'allowed', because: [] },
            after: { verdict: 'waiting', because: ['approval: 0 of 1 from releasers'] },
            unblocks: ['one approval from releasers'],
          }),
        ]);
        expect(await mesh.store.read((tx) => tx.find(historyTable, {}))).toEqual(before);
        expect(await simulate({})).toMatchObject({ changes: [], leftOut: [] });
      });

      it('says what taking a policy away would let go, and what a change would change of the reasons and of the how', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval), published(next));
        expect((await simulate({ remove: ['production'] })).changes).toEqual([
          expect.objectContaining({ differs: 'verdict', after: { verdict: 'allowed', because: [] } }),
        ]);
        const absent = await simulate(file('kind: Policy\nname: production\nstate: absent\n'));
        expect(absent).toMatchObject({ policies: { removed: ['production'] }, changes: [{ differs: 'verdict' }] });
        const two = await simulate(file(POLICY.replace('required: 1', 'required: 2')));
        expect(two).toMatchObject({
          policies: { changed: ['production'] },
          changes: [
            { differs: 'reasons', after: { because: ['approval: 0 of 2 from releasers'] }, unblocks: ['2 approvals from releasers'] },
          ],
        });
        const waves = await simulate(file(`${POLICY}  - gradualRollout: { linear: { every: 5m } }\n`));
        expect(waves.changes).toEqual([expect.objectContaining({ differs: 'how', how: ['gradualRollout'] })]);
        expect((await simulate(file(POLICY))).changes).toEqual([]);
        await expect(simulate({ remove: ['produktion'] })).rejects.toMatchObject({ code: 'policy.simulate.unknownPolicy' });
        await expect(simulate(file(POLICY.replace('approval', 'aproval')))).rejects.toThrow(/approval/);
      });

      it('judges a version that was never published as if it were now', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval));
        const { changes } = await simulate({ deployment: 'checkout', version: '9.9.9' });
        expect(changes.map(({ environment, version: tag, before, after }) => [environment, tag, before, after.verdict])).toEqual([
          ['production', '9.9.9', undefined, 'waiting'],
          ['staging', '9.9.9', undefined, 'allowed'],
        ]);
        await expect(simulate({ version: '9.9.9' })).rejects.toMatchObject({ code: 'policy.simulate.unknownVersion' });
      });
    });

    describe('simulate since', () => {
      it('says which versions would have been held, for how long, and which bad ones would not have gone', async () => {
        await mesh.advance(HOUR);
        // 1.1.0 goes everywhere at once and turns out bad in staging after 20 minutes, in production after 30.
        await mesh.inventory(published({ ...next, createdAt: mesh.now }));
        await mesh.advance(60_000);
        await mesh.releases(...goes('staging', next), ...goes('production', next));
        await mesh.advance(20 * 60_000);
        await mesh.releases(
          mesh.fact('checkout', 'staging', 's1', next, { verb: 'rolledBack', quarantined: [next.id], because: 'http 503' }),
        );
        await mesh.advance(10 * 60_000);
        await mesh.releases(
          ...['p1', 'p2'].map((host) => mesh.fact('checkout', 'production', host, next, { verb: 'rolledBack', quarantined: [next.id] })),
        );
        const good = version('checkout', '1.2.0', 3, { createdAt: mesh.now + HOUR });
        await mesh.advance(HOUR);
        await mesh.inventory(published(good));
        await mesh.releases(...goes('staging', good), ...goes('production', good));
        await mesh.advance(5 * HOUR);

        const soak = POLICY.replace(
          '- approval: { required: 1, from: [group:releasers] }',
          '- environmentProgression: { dependsOn: environment.name == "staging", soak: 30m }',
        );
        const { history: told } = await simulate({ ...file(soak), sinceMs: mesh.now - START - 1 });
        expect(told?.changes.map(({ version: tag, environment, would }) => [tag, environment, would])).toEqual([
          ['1.2.0', 'production', 'heldLonger'],
          ['1.1.0', 'production', 'neverGone'],
        ]);
        expect(told?.changes[0]).toMatchObject({ size: 2, before: { heldMs: 0 }, after: { heldMs: 30 * 60_000 }, outcome: 'succeeded' });
        expect(told?.changes[1]).toMatchObject({ size: 2, outcome: 'rolledBack', wentAt: START + HOUR + 60_000 });
        expect(told?.badNotGone).toEqual(['checkout 1.1.0 to production (2 targets, rolled back)']);
        expect((await simulate({ sinceMs: mesh.now - START - 1 })).history?.changes).toEqual([]);
      });

      it('takes approvals as they were given, and what would have gone sooner without them', async () => {
        await mesh.inventory(policy('production', 'environment.name == "production"', approval));
        await mesh.advance(HOUR);
        await mesh.inventory(published({ ...next, createdAt: mesh.now }));
        await mesh.advance(HOUR);
        await mesh.parts.operations['policy.approve']!({ deployment: 'checkout', environment: 'production', version: '1.1.0' }, releaser);
        await mesh.releases(...goes('production', next));
        await mesh.advance(HOUR);
        const { history: told } = await simulate({ remove: ['production'], sinceMs: mesh.now - START - 1 });
        expect(told?.changes).toEqual([
          expect.objectContaining({ version: '1.1.0', would: 'goneSooner', before: expect.objectContaining({ heldMs: HOUR }) }),
        ]);
        const stricter = await simulate({ ...file(POLICY.replace('required: 1', 'required: 2')), sinceMs: mesh.now - START - 1 });
        expect(stricter.history?.changes).toEqual([
          expect.objectContaining({ would: 'neverGone', after: { heldMs: 2 * HOUR, because: ['approval: 1 of 2 from releasers (ada)'] } }),
        ]);
      });
    });

    describe('a shadow policy', () => {
      const shadowed = (...rules: Parameters<typeof policy>[2][]) => {
        const item = policy('watch', 'environment.name == "production"', ...rules);
        return item.kind === 'policy' && item.doc ? { ...item, doc: { ...item.doc, shadow: true } } : item;
      };
      const told = async (): Promise<string[]> => {
        const rows = await mesh.store.read((tx) => tx.find(historyTable, { kind: 'shadow' }, { orderBy: { id: 'asc' } }));
        return rows.map(({ body }) => (body.kind === 'shadow' ? `${body.change.version} ${body.change.verb} ${body.change.would}` : ''));
      };

      it('never gates; its disagreement is told once for each change, and reported', async () => {
        await mesh.inventory(shadowed(approval), published(next));
        const { decisions } = (await mesh.parts.operations['policy.decisions']!(
          { environment: 'production' },
          releaser,
        )) as ReplyOf<'policy.decisions'>;
        expect(decisions).toEqual([expect.objectContaining({ version: '1.1.0', verdict: 'allowed', because: [] })]);
        expect(await told()).toEqual(['1.1.0 disagreed hold']);
        // Judged again and again: nothing new.
        await mesh.inventory(...shop.slice(-1));
        await mesh.releases(mesh.fact('checkout', 'production', 'p1', old, { verb: 'started' }));
        await mesh.advance(HOUR);
        expect(await told()).toEqual(['1.1.0 disagreed hold']);
        expect(await shadow()).toMatchObject({
          policies: [{ policy: 'watch' }],
          disagreements: [
            {
              policy: 'watch',
              version: '1.1.0',
              would: 'hold',
              targets: 2,
              ofTargets: 2,
              from: START,
              because: ['approval: 0 of 1 from releasers'],
            },
          ],
        });
        await mesh.parts.operations['policy.approve']!({ deployment: 'checkout', environment: 'production', version: '1.1.0' }, releaser);
        expect(await told()).toEqual(['1.1.0 disagreed hold', '1.1.0 agreed hold']);
        expect((await shadow({ policy: 'watch' })).disagreements).toEqual([expect.objectContaining({ ended: 'agreed', to: START + HOUR })]);
        expect((await shadow({ policy: 'other' })).disagreements).toEqual([]);
      });

      it('says what it would let go, and is over when the version runs', async () => {
        await mesh.inventory(policy('gate', 'environment.name == "production"', approval), shadowed(progression(0)), published(next));
        expect(await told()).toEqual([]);
        await mesh.releases(...goes('staging', next));
        expect(await told()).toEqual(['1.1.0 disagreed letGo']);
        await mesh.releases(...goes('production', next));
        expect(await told()).toEqual(['1.1.0 disagreed letGo', '1.1.0 over letGo']);
        expect((await shadow()).disagreements).toEqual([
          expect.objectContaining({ would: 'letGo', ended: 'over', because: ['approval: 0 of 1 from releasers'] }),
        ]);
      });

      it('is looked at again when its own time comes', async () => {
        await mesh.releases(mesh.fact('checkout', 'production', 'p1', old));
        await mesh.inventory(shadowed({ kind: 'cooldown', intervalMs: HOUR }), published(next));
        expect(await told()).toEqual(['1.1.0 disagreed hold']);
        await mesh.advance(HOUR + 1_000);
        expect(await told()).toEqual(['1.1.0 disagreed hold', '1.1.0 agreed hold']);
      });

      it('shows in explain beside the decision', async () => {
        await mesh.inventory(shadowed(approval), published(next));
        const reply = (await mesh.parts.operations['policy.explain']!(
          { deployment: 'checkout', environment: 'production' },
          releaser,
        )) as ReplyOf<'policy.explain'>;
        expect(reply.decisions[0]).toMatchObject({
          decision: { verdict: 'allowed' },
          unblock: [],
          shadow: [{ policy: 'watch', targets: 2, groups: [{ would: 'hold', live: 'allowed', verdict: 'waiting', rest: true, size: 2 }] }],
        });
      });
    });

    it('explains of each kind of wait the first, and of one target how it stands in the rollout', async () => {
      await mesh.inventory(published(next));
      const job = (waits?: object) => ({ id: 'j', kind: 'deploy', state: 'queued', ...(waits ? { waits } : {}) });
      const waits = (what: string, sentence: string) => ({ letter: 'j', job: job({ for: what, sentence }) });
      mesh.rollouts = [
        {
          ...{ id: 'r', deployment: 'checkout', environment: 'production', version: '1.1.0', state: 'running', wave: 0, createdAt: START },
          waves: [
            { name: 'canary', from: 0, to: 3 },
            { name: 'all', from: 3, to: 4 },
          ],
          members: [
            { resource: 'p0', ...waits('slot', '1 at a time') },
            { resource: 'p1', ...waits('noAgent', 'no agent of pool par is online') },
            { resource: 'p3', ...waits('slot', '1 at a time') },
            { resource: 'p2', letter: '.' },
          ],
          budget: { used: 0, of: 0 },
        },
      ] as typeof mesh.rollouts;
      const asked = async (resource?: string) => {
        const request = { deployment: 'checkout', environment: 'production', version: '1.1.0', ...(resource ? { resource } : {}) };
        return ((await mesh.parts.operations['policy.explain']!(request, releaser)) as ReplyOf<'policy.explain'>).decisions[0]?.rollout;
      };
      expect(await asked()).toMatchObject({
        waits: { for: 'slot', resource: 'p0', more: 1 },
        othersWait: [{ for: 'noAgent', resource: 'p1', more: 0 }],
      });
      expect(await asked('p1')).toMatchObject({ member: 'p1: deploy is queued', waits: { for: 'noAgent', more: 0 } });
      expect(await asked('p2')).toMatchObject({ member: 'p2: not begun yet, it is in wave all' });
    });

    describe('history', () => {
      it('tells what went where, when, by whom and why, newest first', async () => {
        await mesh.advance(HOUR);
        await mesh.inventory(
          policy('gate', 'environment.name == "production"', approval),
          published({ ...next, createdAt: mesh.now, author: 'carol' }),
        );
        await mesh.parts.operations['policy.approve']!(
          { deployment: 'checkout', environment: 'production', version: '1.1.0', reason: 'seen' },
          releaser,
        );
        await mesh.advance(1_000);
        await mesh.releases(...goes('production', next));
        await mesh.advance(1_000);
        await mesh.releases(
          mesh.fact('checkout', 'production', 'p1', next, { verb: 'rolledBack', quarantined: [next.id], because: 'http 503' }),
        );
        const { happenings } = await history({ version: '1.1.0' });
        expect(happenings.map(({ what, environment, targets, by, because }) => [what, environment, targets, by, because])).toEqual([
          ['rolledBack', 'production', 1, undefined, 'http 503'],
          ['succeeded', 'production', 2, undefined, undefined],
          ...[
            ['approved', 'production', 0, 'user:ada', 'seen'],
            ['published', undefined, 0, 'carol', undefined],
          ],
        ]);
        expect((await history({ environment: 'staging', limit: 1 })).happenings).toEqual([expect.objectContaining({ what: 'published' })]);
        expect((await history({ resource: 'p1' })).happenings.map(({ what }) => what)).toEqual(['rolledBack', 'succeeded', 'succeeded']);
      });

      it('is forgotten when it is too old, people and versions later than the rest', async () => {
        await mesh.advance(RELEASES_KEPT_MS + 2 * HOUR);
        const kinds = (await mesh.store.read((tx) => tx.find(historyTable, {}))).map((row) => row.kind);
        expect(kinds).toEqual(['version']);
      });
    });
  });
}

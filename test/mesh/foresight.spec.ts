import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ReplyOf } from '@slipway/contracts';
import { FaultMesh } from '../faults/fault-mesh.js';
import { atOnce, deployment, shop } from '../faults/shop-documents.js';

const SLIPWAY = join(fileURLToPath(new URL('../../', import.meta.url)), 'cli', 'bin', 'slipway.mjs');
const HOSTS = 2;
const DEADLINE_MS = 60_000;

const needsApproval = (name: string, more: object = {}): object => ({
  kind: 'Policy',
  name,
  selector: 'environment.name == "production"',
  rules: [{ approval: { required: 1 } }],
  ...more,
});

describe('looking ahead and back, with real servers and the real command', () => {
  let mesh: FaultMesh;
  const disagreements: { policy: string; version: string; would: string; held: number }[] = [];

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    await mesh.apply(...shop(HOSTS), atOnce, deployment('checkout', 'true'), needsApproval('watch', { shadow: true }));
    await mesh.startAgent('one');
    const events = (await mesh.person()).subscribe('slipway.evt.shadow.checkout.production.disagreed');
    void (async () => {
      for await (const event of events) disagreements.push(event.json());
    })();
  }, 120_000);
  afterAll(() => mesh.stop(), 60_000);

  const slipway = (...args: string[]) => {
    const who = ['--server', mesh.nats.url, '--creds', mesh.nats.creds.person];
    const ran = spawnSync(process.execPath, [SLIPWAY, ...who, ...args], { encoding: 'utf8', timeout: DEADLINE_MS });
    return { code: ran.status, out: ran.stdout, err: ran.stderr };
  };
  const json = <T>(...args: string[]): { code: number | null; value: T } => {
    const { code, out, err } = slipway('--output', 'json', ...args);
    if (out.trim() === '') throw new Error(`slipway ${args.join(' ')} gave nothing: ${err}`);
    return { code, value: JSON.parse(out) as T };
  };
  const file = (name: string, ...documents: object[]): string => {
    const path = join(mesh.directory, name);
    writeFileSync(path, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
    return path;
  };

  it(
    'a shadow policy lets the version go, says once on EVT what it would have held, and reports it',
    async () => {
      await mesh.publish('checkout', { tag: '1.0.0' });
      await mesh.runs('checkout', 'production', '1.0.0', HOSTS, DEADLINE_MS);
      const told = (): typeof disagreements => disagreements.filter((one) => one.version === '1.0.0');
      await mesh.come('the disagreement is an event', () => told().length > 0, DEADLINE_MS);
      expect(told()).toEqual([expect.objectContaining({ policy: 'watch', would: 'hold', held: HOSTS })]);
      await mesh.come(
        'the report says that it went all the same',
        async () => (await mesh.ask('policy.shadow', {})).disagreements.some((one) => one.version === '1.0.0' && one.ended === 'over'),
        DEADLINE_MS,
      );
      expect(slipway('shadow', 'watch').out).toMatch(/watch +checkout 1\.0\.0 → production +would hold +2 of 2 .*it went all the same/);
      const past = slipway('simulate', '-f', file('watch.yaml', needsApproval('watch')), '--since', '1h');
      expect(past.code).toBe(10);
      expect(past.out).toMatch(/checkout 1\.0\.0 → production +2 targets[^]*would be +not gone[^]*really +went, and succeeded/);
    },
    2 * DEADLINE_MS,
  );

  it(
    'simulate says what a change would change, with an exit code for scripts, and --unblock what is missing',
    async () => {
      await mesh.apply(needsApproval('gate'));
      await mesh.publish('checkout', { tag: '1.1.0' });
      await mesh.come('1.1.0 waits', async () => (await mesh.ask('policy.decisions', {})).decisions.some((one) => one.version === '1.1.0'));
      const gone = json<ReplyOf<'policy.simulate'>>('simulate', '--remove', 'gate');
      expect(gone.code).toBe(10);
      expect(gone.value.changes).toEqual([
        expect.objectContaining({
          ...{ deployment: 'checkout', environment: 'production', version: '1.1.0', rest: true, size: HOSTS, differs: 'verdict' },
          before: { verdict: 'waiting', because: ['approval: 0 of 1 from anyone'] },
          after: { verdict: 'allowed', because: [] },
        }),
      ]);
      expect(slipway('simulate', '-f', file('same.yaml', needsApproval('gate'))).code).toBe(0);
      const wrong = slipway('simulate', '-f', file('wrong.yaml', needsApproval('gate', { selecter: 'true' })));
      expect(wrong.code).toBe(2);
      expect(wrong.err).toContain('selector');
      expect(slipway('explain', 'checkout', '-e', 'production', '--unblock').out).toMatch(
        /checkout 1\.1\.0 → production\n +needs +one approval from anyone +ask: slipway approve checkout 1\.1\.0 -e production/,
      );
    },
    2 * DEADLINE_MS,
  );

  it(
    'history tells what went where, by whom and why',
    async () => {
      expect(slipway('approve', 'checkout', '1.1.0', '-e', 'production', '--reason', 'seen').code).toBe(0);
      await mesh.runs('checkout', 'production', '1.1.0', HOSTS, DEADLINE_MS);
      const reply = await mesh.come(
        'the success is recorded',
        async () => {
          const { happenings } = json<ReplyOf<'policy.history'>>('history', 'checkout', '-v', '1.1.0').value;
          return happenings.filter((one) => one.what === 'succeeded').reduce((sum, one) => sum + one.targets, 0) === HOSTS && happenings;
        },
        DEADLINE_MS,
      );
      const whats = (reply || []).map(({ what }) => what);
      expect(whats.at(-1)).toBe('published');
      expect(reply).toContainEqual(expect.objectContaining({ what: 'approved', environment: 'production', because: 'seen' }));
      // Before its approval it would not have been held without the gate: recorded history knows how long it was.
      const past = json<ReplyOf<'policy.simulate'>>('simulate', '--remove', 'gate', '--version', '1.1.0', '--since', '1h');
      expect(past.value.history?.changes).toEqual([
        expect.objectContaining({
          version: '1.1.0',
          would: 'goneSooner',
          after: expect.objectContaining({ heldMs: 0 }),
          outcome: 'succeeded',
        }),
      ]);
    },
    2 * DEADLINE_MS,
  );
});

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { natsCli, RunningMesh } from './running-mesh.js';

interface Cell {
  deployment: string;
  environment: string;
  targets: number;
  running: { version: string; verified: number }[];
  waiting: { version: string; because: string[] }[];
}

const START_DEADLINE_MS = 150_000;
const cli = natsCli();
if (!cli)
  process.stderr.write(
    'The nats CLI is not on the PATH: the tests that use it do not run here. Install it with go install github.com/nats-io/natscli/nats@latest\n',
  );
const withNats = cli ? it : it.skip; // tidy-allow: an outside tool is absent, said aloud above; in CI natsCli() throws instead

describe('npm start, as a newcomer and as ops use it', () => {
  const mesh = new RunningMesh();
  const cell = (deployment: string, environment: string): Cell | undefined =>
    mesh.json<{ cells: Cell[] }>('status', deployment, '-e', environment).cells[0];

  beforeAll(async () => {
    await mesh.start();
  }, START_DEADLINE_MS);

  afterAll(async () => {
    await mesh.stop();
    mesh.remove();
  }, 60_000);

  it('carries the first version through to production, verified on every host', () => {
    for (const deployment of ['catalog', 'checkout']) {
      expect(cell(deployment, 'staging')?.running).toEqual([expect.objectContaining({ version: '1.0.0', verified: 2 })]);
      expect(cell(deployment, 'production')?.running).toEqual([expect.objectContaining({ version: '1.0.0', verified: 6 })]);
    }
    expect(mesh.output).toContain('waits:');
  });

  it('answers apply with nothing to change when nothing changed, and diff with exit code 0', () => {
    const ran = mesh.slipway('diff', 'examples/quickstart/shop.yaml', 'examples/quickstart/policies.yaml');
    expect(ran.err + ran.out).toContain('0 would change');
    expect(ran.code).toBe(0);
  });

  it('shows the variables of a target with who gives them, and what was measured there', () => {
    const variables = mesh.slipway('variables', 'checkout', '-e', 'production', '-r', 'par-host-1');
    expect(variables.out).toMatch(/portOffset {2}1 {2}deployment checkout, default/);
    expect(variables.code).toBe(0);
    const ambiguous = mesh.slipway('variables', 'checkout', '-e', 'production');
    expect(ambiguous.code).toBe(2);
    expect(ambiguous.err).toContain('checkout has 6 targets in production; name one with --resource: ');
    const verification = mesh.slipway('verification', 'checkout', '-e', 'production', '-r', 'par-host-1');
    expect(verification.out).toMatch(/^checkout 1\.0\.0 at par-host-1 in production {3}✓ passed {3}health: 3 of 3 passed\n/);
    expect(verification.out.match(/"version":"1\.0\.0"/g)).toHaveLength(3);
  });

  it('refuses the same tag with another payload, saying what differs, with exit code 5', () => {
    expect(mesh.slipway('version', 'publish', 'catalog', '7.0.0', '--status', 'building', '--message', 'one').code).toBe(0);
    const again = mesh.slipway('version', 'publish', 'catalog', '7.0.0', '--status', 'building', '--message', 'two');
    expect(again.err).toContain('registry.version.payloadDiffers');
    expect(again.code).toBe(5);
  });

  it('says what exists when a deployment is unknown', () => {
    const ran = mesh.slipway('version', 'publish', 'chekout', '1.0.0');
    expect(ran.code).toBe(4);
    expect(ran.err).toMatch(/checkout/);
  });

  it('lets nobody in without a credential', async () => {
    await expect(connect({ servers: mesh.natsUrl, maxReconnectAttempts: 0 })).rejects.toThrow(/authorization/i);
  });

  it('lets a viewer look and not approve, with exit code 3', () => {
    const creds = join(mesh.directory, 'bob.creds');
    expect(mesh.slipway('credential', 'person', 'bob', '--role', 'viewer', '--out', creds).code).toBe(0);
    const asBob = (...args: string[]) => mesh.slipway('--server', mesh.natsUrl, '--creds', creds, ...args);
    expect(asBob('status').code).toBe(0);
    const refused = asBob('approve', 'checkout', '1.0.0', '-e', 'production');
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('user:bob is viewer');
  });

  withNats(
    'takes a version from CI over nats req; the reply is the receipt',
    async () => {
      const ran = mesh.nats('ci', 'req', 'slipway.ci.version.checkout', '{"tag":"1.1.0","message":"from ci"}');
      expect(ran.out).toContain('"stream":"CI"');
      await eventually(
        '1.1.0 waits for approval in production',
        () => cell('checkout', 'production')?.waiting.some((w) => w.version === '1.1.0' && w.because.some((b) => /approval/.test(b))),
        60_000,
      );
    },
    70_000,
  );

  withNats('has all that waits for a person in one inbox, with the command and an exit code for scripts', () => {
    type Inbox = { items: { kind: string; environment: string; version: string; asks: string[] }[]; more: number };
    const { items } = mesh.json<Inbox>('inbox', 'checkout', '-e', 'production');
    expect(items).toMatchObject([
      { kind: 'approval', environment: 'production', version: '1.1.0', asks: ['slipway approve checkout 1.1.0 -e production'] },
    ]);
    const shown = mesh.slipway('inbox', 'checkout');
    expect([shown.code, shown.out]).toEqual([10, expect.stringMatching(/1 thing waits for a person.*slipway approve checkout 1\.1\.0/s)]);
    expect(mesh.slipway('inbox', 'checkout', '-e', 'staging').code).toBe(0);
    expect(mesh.slipway('exclude', 'checkout', '-e', 'production', '-r', 'no-such-host').code).toBe(4);
    expect(mesh.slipway('rollback', '-e', 'no-such-place').code).toBe(4);
  });

  withNats('keeps CI to its own subjects (I12)', () => {
    const ran = mesh.nats('ci', 'pub', 'slipway.evt.version.checkout.published', '{}');
    expect(`${ran.out}${ran.err}`).toMatch(/permissions violation/i);
  });

  withNats(
    'buries what cannot be read, with the reason, and serves the next message',
    async () => {
      mesh.nats('ci', 'req', 'slipway.ci.version.checkout', 'this is no JSON');
      mesh.nats('ci', 'req', 'slipway.ci.version.unheard-of', '{"tag":"1"}');
      type Letter = { id: number; subject: string; text: string; error: { code: string } };
      const letters = await eventually(
        'two dead letters',
        () => {
          const found = mesh.json<Letter[]>('dlq', 'list');
          return found.length >= 2 && found;
        },
        20_000,
      );
      expect((letters as Letter[]).map((letter) => letter.subject).sort()).toEqual([
        'slipway.ci.version.checkout',
        'slipway.ci.version.unheard-of',
      ]);
      expect(mesh.slipway('dlq', 'show', String((letters as Letter[])[0]?.id)).out).toContain('this is no JSON');
      mesh.nats('ci', 'req', 'slipway.ci.version.checkout', '{"tag":"1.1.1","status":"building"}');
      await eventually(
        '1.1.1 recorded',
        () => mesh.json<{ tag: string }[]>('version', 'list', 'checkout').some((version) => version.tag === '1.1.1'),
        20_000,
      );
    },
    60_000,
  );

  withNats('lists its services to nats micro, with their endpoints and statistics', () => {
    const listed = mesh.nats('ops', 'micro', 'ls').out;
    for (const service of ['registry', 'policy', 'scheduler']) expect(listed).toContain(service);
    expect(mesh.nats('ops', 'micro', 'info', 'policy').out).toContain('explain');
    expect(mesh.nats('ops', 'micro', 'stats', 'policy').out).toMatch(/Requests/i);
  });

  withNats(
    'lets ops tail production, waiting decisions and the story of one service',
    async () => {
      const tails = ['slipway.evt.*.*.production.>', 'slipway.evt.decision.*.*.waiting', 'slipway.evt.*.catalog.>'].map((subject) =>
        tail(mesh, subject),
      );
      await eventually('tails listen', () => tails.every((t) => t.text.includes('Subscribing')), 10_000);
      expect(mesh.slipway('approve', 'checkout', '1.1.0', '-e', 'production').code).toBe(0);
      expect(mesh.slipway('version', 'publish', 'catalog', '1.1.0').code).toBe(0);
      await eventually(
        'production is heard',
        () => /slipway\.evt\.rollout\.checkout\.production\.completed/.test(tails[0]?.text ?? ''),
        90_000,
      );
      await eventually(
        'what waits is heard',
        () => /slipway\.evt\.decision\.catalog\.production\.waiting/.test(tails[1]?.text ?? ''),
        30_000,
      );
      await eventually("catalog's story is heard", () => /slipway\.evt\.version\.catalog\.published/.test(tails[2]?.text ?? ''), 30_000);
      expect(tails[2]?.text).not.toContain('slipway.evt.version.checkout');
      for (const t of tails) t.stop();
    },
    150_000,
  );

  it('keeps what a job wrote', () => {
    const logs = mesh.slipway('logs', 'checkout', '-e', 'production');
    expect(logs.code).toBe(0);
    expect(logs.out.length).toBeGreaterThan(0);
  });

  it('shows its agent', () => {
    expect(mesh.slipway('agent', 'list').out).toMatch(/local +local +online/);
  });

  it('comes back from kill -9 of itself with all its data, quickly, and leaves no process behind on Ctrl-C', async () => {
    await mesh.kill();
    await mesh.start();
    expect(cell('checkout', 'production')?.running).toEqual([expect.objectContaining({ version: '1.1.0', verified: 6 })]);
    expect(await mesh.stop()).toBe(0);
    await eventually('no process is left', () => mesh.processes().length === 0, 15_000);
    const secondStartMs = await mesh.start();
    // Not a speed test: ten times the promise, to notice a start that waits for something it should not.
    expect(secondStartMs).toBeLessThan(50_000);
    expect(cell('checkout', 'staging')?.running).toEqual([expect.objectContaining({ version: '1.1.0', verified: 2 })]);
  }, 120_000);
});

/** `nats sub` as ops would run it, with what it has printed so far. */
function tail(mesh: RunningMesh, subject: string): { text: string; stop(): void } {
  const child = spawn(cli ?? 'nats', ['sub', subject], { env: { ...process.env, ...mesh.natsEnvironment('ops') } });
  const seen = { text: '', stop: () => void child.kill() };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (seen.text += data.toString()));
  return seen;
}

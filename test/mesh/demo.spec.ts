import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstOnPath } from '@slipway/runtime';

const SLIPWAY = fileURLToPath(new URL('../../cli/bin/slipway.mjs', import.meta.url));

interface DemoReport {
  passed: boolean;
  steps: { title: string; failed?: string }[];
  versions: { deployment: string; tag: string }[];
  targets: {
    deployment: string;
    environment: string;
    targets: number;
    running: { version: string; count: number; verified: number }[];
    quarantined: { version: string; resource: string }[];
  }[];
  jobs: {
    id: string;
    deployment: string;
    outputs?: object;
    kind: string;
    resource: string;
    version: string;
    rollback: boolean;
    state: string;
    epoch: number;
  }[];
  verifications: { subject: string }[];
  rollbacks: { version: string; resource: string }[];
  installations: { host: string; service: string; version: string; job: string }[];
  deadLetters: number;
}

/** Longer than the demo may take, so that its own message about what went wrong is seen. */
const DEMO_DEADLINE_MS = 300_000;

/** The demo is played once: with Terraform where it is installed, else without. In CI its absence is a failure. */
const terraform = firstOnPath(['terraform', 'tofu'], process.env['PATH'] ?? '');
if (!terraform && process.env['SLIPWAY_REQUIRE_TOOLS']) throw new Error('terraform or tofu is needed in CI and is not on the PATH');
if (!terraform) process.stderr.write('neither terraform nor tofu is on the PATH: the demo is played without it\n');
const withTerraform = terraform ? it : it.skip; // tidy-allow: said aloud above, and a failure in CI

describe('npm run demo, with --output json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-demo-'));
  let report: DemoReport;
  let exitCode: number | null;

  beforeAll(() => {
    const ran = spawnSync(
      process.execPath,
      [
        SLIPWAY,
        '--directory',
        join(folder, 'data'),
        '--output',
        'json',
        'demo',
        '--nats-port',
        '4333',
        '--port-shift',
        '1000',
        ...(terraform ? ['--with', 'terraform'] : []),
      ],
      {
        encoding: 'utf8',
        timeout: DEMO_DEADLINE_MS,
        maxBuffer: 100_000_000,
      },
    );
    exitCode = ran.status;
    if (ran.stdout.trim() === '') throw new Error(`the demo printed no document:\n${ran.stderr}`);
    report = JSON.parse(ran.stdout) as DemoReport;
  }, DEMO_DEADLINE_MS + 10_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('plays every step of the story and exits 0', () => {
    expect(report.steps.filter((step) => step.failed !== undefined)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(exitCode).toBe(0);
  });

  it('ends with 1.2.1 verified on all eight hosts, and 1.2.0 quarantined on the canary alone', () => {
    const checkout = report.targets.filter((cell) => cell.deployment === 'checkout');
    expect(checkout.map((cell) => cell.running)).toEqual([
      [{ version: '1.2.1', count: expect.any(Number), verified: expect.any(Number) }],
      [{ version: '1.2.1', count: expect.any(Number), verified: expect.any(Number) }],
    ]);
    expect(checkout.reduce((sum, cell) => sum + (cell.running[0]?.verified ?? 0), 0)).toBe(8);
  });

  it('rolled 1.2.0 back once, on one host, by itself (I9)', () => {
    expect(report.rollbacks.filter((job) => job.version === '1.1.0').length).toBeGreaterThan(0);
    expect(new Set(report.rollbacks.map((job) => job.resource)).size).toBe(1);
  });

  withTerraform('brought every host about by Terraform, once, though the agent was killed in the middle of an apply (I3)', () => {
    const cells = report.targets.filter((cell) => cell.deployment === 'infra');
    expect(cells.map(({ targets, running }) => [targets, running[0]?.version, running[0]?.verified])).toEqual([
      [2, '1.0.0', 2],
      [6, '1.0.0', 6],
    ]);
    expect(report.installations.filter(({ service }) => service === 'infra')).toHaveLength(8);
    const jobs = report.jobs.filter(({ deployment, kind }) => deployment === 'infra' && kind === 'deploy');
    expect(jobs.map(({ state, outputs }) => [state, outputs])).toEqual(
      Array.from({ length: 8 }, () => [
        'succeeded',
        { plan: expect.objectContaining({ add: 1 }), outputs: { region: expect.any(String) } },
      ]),
    );
  });

  it("did nothing twice, by the hosts' own logs, though agent and scheduler were killed (I3, I4)", () => {
    const done = report.installations.map((installation) => `${installation.host} ${installation.job}`);
    expect(new Set(done).size).toBe(done.length);
    expect(report.deadLetters).toBe(0);
  });

  it('says what is missing when it is to be played with a Terraform that is not there', () => {
    const ran = spawnSync(process.execPath, [SLIPWAY, '--directory', join(folder, 'none'), 'demo', '--with', 'terraform'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: folder },
    });
    expect([ran.status, ran.stderr]).toEqual([4, expect.stringContaining('neither terraform nor tofu is on the PATH')]);
  });

  it('measured every target after every deployment', () => {
    expect(report.verifications.length).toBeGreaterThan(0);
    const deployed = report.jobs.filter((job) => job.kind === 'deploy' && job.state === 'succeeded');
    const verified = report.jobs.filter((job) => job.kind === 'verify');
    expect(verified.length).toBeGreaterThanOrEqual(deployed.length);
  });
});

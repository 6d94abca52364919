import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPublisher, hostParts, type Hosting } from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats } from '@slipway/testkit';
import { releaseMessage } from './fixtures.js';

const now = () => Date.now();

function findCli(): string | undefined {
  const named = ['nats', join(homedir(), 'go', 'bin', 'nats')];
  return named.find((name) => (name === 'nats' || existsSync(name)) && spawnSync(name, ['--version']).status === 0);
}

const cli = findCli();
if (cli === undefined) {
  describe('the nats CLI', () => {
    it('is not installed, its tests are left out (go install github.com/nats-io/natscli/nats@latest)', () => {
      process.stderr.write('The nats CLI is not installed: its tests are left out.\n');
      expect(cli).toBeUndefined();
    });
  });
} else describeCli(cli);

function describeCli(program: string): void {
  describe('with the real nats CLI', () => {
    let nats: TestNats;
    let hosting: Hosting;
    beforeAll(async () => {
      nats = await startNats();
      hosting = await hostParts(
        await nats.connect('scheduler'),
        { consumers: {}, operations: { 'scheduler.agents': async () => ({ agents: [] }) }, agentRequests: {} },
        { service: 'scheduler', version: '0.1.0', anchors: () => nats.trust.anchors(), log: silentLog, now },
      );
    });
    afterAll(async () => {
      await hosting.close();
      await nats.stop();
    });

    /** Runs beside this process, which has to answer meanwhile. */
    function run(role: 'ops' | 'person' | 'ci', ...args: string[]): { said: () => string; ended: Promise<number | null>; stop(): void } {
      const child = spawn(program, ['--server', nats.url, '--creds', nats.creds[role], ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      return { said: () => said, ended: new Promise((resolve) => child.on('close', resolve)), stop: () => void child.kill() };
    }

    it('a version is published with a plain request, and the receipt is the acknowledgement of the stream', async () => {
      const published = run('ci', 'req', 'slipway.ci.version.checkout', '{"tag":"1.4.2"}');
      expect(await published.ended).toBe(0);
      expect(published.said()).toContain('"stream":"CI"');
    });

    it('services are listed and described by nats micro', async () => {
      const list = run('ops', 'micro', 'ls');
      await list.ended;
      expect(list.said()).toMatch(/scheduler.*0\.1\.0/);
      const info = run('ops', 'micro', 'info', 'scheduler');
      await info.ended;
      expect(info.said()).toContain('slipway.rpc.scheduler.agents');
      const stats = run('ops', 'micro', 'stats', 'scheduler');
      await stats.ended;
      expect(stats.said()).toContain('agents');
    });

    it('a person may ask what anyone may see, by hand', async () => {
      const asked = run('person', 'req', 'slipway.rpc.scheduler.agents', '{}');
      await asked.ended;
      expect(asked.said()).toContain('{"ok":{"agents":[]}}');
    });

    it('all that happens in one environment can be tailed', async () => {
      const tail = run('ops', 'sub', 'slipway.evt.*.*.staging.>');
      await eventually('it listens', () => tail.said().includes('Subscribing'), 10_000);
      const publisher = createPublisher(await nats.connect('scheduler'), { source: 'scheduler', now });
      await eventually(
        'the event is seen',
        async () => {
          await publisher.publish([releaseMessage(1, `tail-${performance.now()}`)]);
          return tail.said().includes('slipway.evt.release.checkout.staging.par-host-1.succeeded');
        },
        10_000,
      );
      tail.stop();
      await tail.ended;
    });

    it('consumers and streams can be looked at, not changed', async () => {
      const report = run('ops', 'stream', 'ls', '--names');
      await report.ended;
      expect(report.said().trim().split('\n').toSorted()).toEqual(['CI', 'DLQ', 'EVT', 'JOBS', 'LOGS', 'REPORTS']);
      const removed = run('ops', '--timeout=2s', 'stream', 'rm', 'EVT', '--force');
      expect(await removed.ended).not.toBe(0);
    });
  });
}

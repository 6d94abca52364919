import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RunningServer, Trust } from '@slipway/messaging';
import { connectNats, createTrust, findFreePort, findNatsServer, launchNatsServer, writeCredentials } from '@slipway/messaging';
import { eventually, silentLog } from '@slipway/testkit';
import { checkSum, releaseName } from '../src/server/nats-server-release.js';
import { formatServerConfig } from '../src/server/nats-server-config.js';

describe('a nats-server of our own', () => {
  let dir: string;
  let trust: Trust;
  let binary: string;
  const started: RunningServer[] = [];
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'slipway-test-server-'));
    trust = await createTrust(join(dir, 'keys'));
    ({ binary } = await findNatsServer({ cacheDir: join(homedir(), '.cache', 'slipway', 'bin'), env: process.env, progress: () => {} }));
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
    rmSync(dir, { recursive: true, force: true });
  });
  const launch = async (options: { port?: number; progress?: (line: string) => void } = {}) => {
    const server = await launchNatsServer({ binary, dir: join(dir, 'nats'), trust, ...options });
    started.push(server);
    return server;
  };
  const personCreds = async () => ({ text: (await trust.mintUser({ role: 'person', name: 'ada' })).creds ?? '' });

  it('is configured to lose nothing and to be reached from this machine only', async () => {
    const config = formatServerConfig({ dir: join(dir, 'nats'), trust, port: 4222 });
    for (const line of [
      'listen: "127.0.0.1:4222"',
      'sync_interval: always',
      'max_payload: 8388608',
      'ping_interval: "20s"',
      'type: full',
    ]) {
      expect(config).toContain(line);
    }
    expect(config).not.toContain('http:');
  });

  it('keeps keys where only their owner can read them, and the same ones after a restart', async () => {
    expect(statSync(join(dir, 'keys', 'operator.nk')).mode & 0o777).toBe(0o600);
    const again = await createTrust(join(dir, 'keys'));
    expect(again.anchors()).toEqual(trust.anchors());
    expect(again.accountJwt('SERVICES')).toBe(trust.accountJwt('SERVICES'));
    expect(readFileSync(join(dir, 'keys', 'anchors.json'), 'utf8')).not.toMatch(/"S[OAU]/);
  });

  it('left behind by a killed parent is stopped before the next one starts', async () => {
    const first = await launch();
    const lines: string[] = [];
    const second = await launch({ port: first.port, progress: (line) => lines.push(line) });
    await first.ended;
    expect(lines.join()).toContain(`process ${first.pid}`);
    expect(second.pid).not.toBe(first.pid);
  });

  it('does not start on a port that another program has, and says so', async () => {
    const other = createServer();
    const port = await findFreePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    await expect(launch({ port })).rejects.toMatchObject({
      code: 'messaging.server.portTaken',
      message: expect.stringContaining(String(port)),
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('is waited for when it is not there yet', async () => {
    const port = await findFreePort();
    const connecting = connectNats({ servers: `nats://127.0.0.1:${port}`, creds: await personCreds(), name: 'early', log: silentLog });
    await launch({ port });
    const nc = await connecting;
    await nc.flush();
    await nc.close();
    await expect(
      connectNats({
        servers: `nats://127.0.0.1:${await findFreePort()}`,
        creds: await personCreds(),
        name: 'x',
        log: silentLog,
        waitForServer: false,
      }),
    ).rejects.toThrow();
  });

  it('lets a connection come back with a renewed credential when the old one has expired', async () => {
    const server = await launch();
    const file = join(dir, 'creds', 'ada.creds');
    writeCredentials(file, (await trust.mintUser({ role: 'person', name: 'ada', expiresInMs: 2_500 })).creds ?? '');
    const nc = await connectNats({ servers: server.url, creds: { file }, name: 'ada', log: silentLog });
    let reconnects = 0;
    void (async () => {
      for await (const status of nc.status()) if (status.type === 'reconnect') reconnects += 1;
    })();
    writeCredentials(file, (await trust.mintUser({ role: 'person', name: 'ada' })).creds ?? '');
    await eventually('it is back with the new one', () => reconnects === 1, 10_000);
    await nc.flush();
    await nc.close();
  });
});

describe('finding a nats-server', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'slipway-test-find-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function program(folder: string, version: string): string {
    const file = join(dir, folder, 'nats-server');
    mkdirSync(join(dir, folder), { recursive: true });
    writeFileSync(file, `#!/bin/sh\necho "nats-server: v${version}"\n`);
    chmodSync(file, 0o755);
    return file;
  }
  const find = (env: Record<string, string>) => findNatsServer({ cacheDir: join(dir, 'cache'), env, progress: () => {} });

  it('takes the one that is named, then the cached one, then one on the PATH that is recent enough', async () => {
    const named = program('named', '2.15.1');
    const cached = program('cache', '2.15.1');
    const old = program('old', '2.10.27');
    const recent = program('recent', '2.12.0');
    const PATH = [old, recent].map((file) => file.replace('/nats-server', '')).join(':');
    expect(await find({ PATH, NATS_SERVER_BIN: named })).toEqual({ binary: named, version: '2.15.1' });
    expect(await find({ PATH })).toEqual({ binary: cached, version: '2.15.1' });
    rmSync(cached);
    expect(await find({ PATH })).toEqual({ binary: recent, version: '2.12.0' });
  });

  it('refuses a named one that is too old or does not run', async () => {
    await expect(find({ NATS_SERVER_BIN: program('old', '2.10.27') })).rejects.toMatchObject({ code: 'messaging.server.unusable' });
    await expect(find({ NATS_SERVER_BIN: join(dir, 'nothing') })).rejects.toThrow('does not run');
  });

  it('knows the release of each platform, and checks an archive against the sums of its release', () => {
    expect(releaseName('linux', 'x64')).toBe('nats-server-v2.15.1-linux-amd64');
    expect(releaseName('darwin', 'arm64')).toBe('nats-server-v2.15.1-darwin-arm64');
    expect(releaseName('sunos', 'x64')).toBeUndefined();
    const content = new TextEncoder().encode('archive');
    const sum = createHash('sha256').update(content).digest('hex');
    expect(() => checkSum('a.tar.gz', content, `${'0'.repeat(64)}  b.tar.gz\n${sum}  a.tar.gz\n`)).not.toThrow();
    expect(() => checkSum('a.tar.gz', content, `${'0'.repeat(64)}  a.tar.gz\n`)).toThrow('not used');
    expect(() => checkSum('a.tar.gz', content, '')).toThrow('does not name');
  });
});

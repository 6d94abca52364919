import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialRole } from '@slipway/contracts';
import type { RunningServer, Trust } from '@slipway/messaging';
import { connectNats, createTrust, findNatsServer, launchNatsServer, provision, writeCredentials } from '@slipway/messaging';
import type { Log } from '@slipway/runtime';
import type { NatsConnection } from '@nats-io/transport-node';

/** Roles that get a credentials file in every test mesh. */
type TestRole = Exclude<CredentialRole, 'agent' | 'enrol' | 'system'>;
const TEST_ROLES: readonly TestRole[] = ['registry', 'policy', 'scheduler', 'provision', 'replay', 'ops', 'person', 'ci'];
const TAGS: Partial<Record<TestRole, string[]>> = { person: ['role:admin', 'group:releasers'], ci: ['deployment:*'] };

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface TestNats {
  url: string;
  trust: Trust;
  /** Directory of the trust's keys. */
  keysDir: string;
  /** Path of each role's credentials file; `person` is an admin in group releasers. */
  creds: Record<TestRole, string>;
  server: RunningServer;
  /** A connection as this role; closed by `stop`. */
  connect(role: TestRole, log?: Log): Promise<NatsConnection>;
  /** A connection as an agent that may pull from these queues, `<pool>_<executor>`; closed by `stop`. */
  connectAgent(name: string, queues: string[]): Promise<NatsConnection & { publicKey: string }>;
  /** Connections made here are remembered and closed by `stop`. */
  adopt(nc: NatsConnection): NatsConnection;
  restart(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** A real nats-server of its own on a free port, with our accounts, provisioned unless told otherwise. */
export async function startNats(options: { provisioned?: boolean } = {}): Promise<TestNats> {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-test-nats-'));
  const { binary } = await findNatsServer({ cacheDir: join(homedir(), '.cache', 'slipway', 'bin'), env: process.env, progress: () => {} });
  const keysDir = join(dir, 'keys');
  const trust = await createTrust(keysDir);
  const server = await launchNatsServer({ binary, dir: join(dir, 'nats'), trust });
  const open: NatsConnection[] = [];
  const adopt = (nc: NatsConnection): NatsConnection => {
    open.push(nc);
    return nc;
  };

  const creds = {} as Record<TestRole, string>;
  for (const role of TEST_ROLES) {
    creds[role] = join(dir, 'creds', `${role}.creds`);
    const user = await trust.mintUser({ role, name: role === 'person' ? 'ada' : role, tags: TAGS[role] ?? [] });
    writeCredentials(creds[role], user.creds ?? '');
  }
  const connect = async (role: TestRole, log: Log = silentLog) =>
    adopt(await connectNats({ servers: server.url, creds: { file: creds[role] }, name: role, log }));

  if (options.provisioned ?? true) {
    const nc = await connect('provision');
    await provision(nc, { replicas: 1 });
    await nc.close();
  }
  return {
    url: server.url,
    trust,
    keysDir,
    creds,
    server,
    connect,
    adopt,
    async connectAgent(name, queues) {
      const user = await trust.mintUser({ role: 'agent', name, tags: queues.map((queue) => `queue:${queue}`) });
      const nc = adopt(
        await connectNats({ servers: server.url, creds: { text: user.creds ?? '' }, name, log: silentLog, whenRefused: 'close' }),
      );
      return Object.assign(nc, { publicKey: user.publicKey });
    },
    restart: () => server.restart(),
    kill: () => server.kill(),
    async stop() {
      await Promise.all(open.map((nc) => nc.close()));
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

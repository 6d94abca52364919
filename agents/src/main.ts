import { mkdirSync, readFileSync } from 'node:fs';
import { SlipwayError } from '@slipway/core';
import { connectNats } from '@slipway/messaging';
import { createLog, onShutdown, systemIds } from '@slipway/runtime';
import { Agent } from './agent.js';
import { allExecutors, allProviders } from './catalog.js';
import { renewCredentials, enrol } from './enrolment.js';
import { passedEnvironment } from './executors/command/environment.js';
import { AgentHome } from './home.js';
import { FileJournal } from './journal.file.js';
import { NatsLink } from './link.nats.js';
import { resolveSecrets } from './secrets.js';
import { readSettings } from './settings.js';
import { realClock, realTimers } from './timers.js';
import { VendorClients } from './vendor/vendor-clients.js';

/** Well below what ends the process for good: runtime's shutdown, and whoever stops it. */
const DRAIN_MS = 5_000;
/** What executors left behind of ended runs is kept for a day, to answer for a job that comes back. */
const TRACES_KEPT_MS = 24 * 3_600_000;

/** The agent program: enrols if need be, connects for ever, runs until it is told to stop. */
async function main(): Promise<void> {
  const log = createLog('agent');
  const settings = readSettings(process.argv.slice(2), process.env);
  const home = new AgentHome(settings.directory);
  const releaseLock = home.lock();
  const enrolment = await enrol(home, settings.token, realClock.now(), log);
  const passed = passedEnvironment(process.env, settings.passEnvironment);
  const clients = new VendorClients({ clock: realClock, timers: realTimers, random: systemIds.random });
  const catalog = { passed, clients, clock: realClock, timers: realTimers, noop: settings.noop };
  const all = allExecutors(catalog);
  const executors = Object.fromEntries(
    all.filter(({ type }) => enrolment.executors.includes(type)).map((executor) => [executor.type, executor]),
  );
  const lacking = enrolment.executors.filter((type) => !executors[type]);
  if (lacking.length > 0) log.warn('enrolled for executors that this program does not have', { lacking, has: all.map(({ type }) => type) });
  mkdirSync(home.workDirectory, { recursive: true, mode: 0o700 });
  for (const executor of all) await executor.cleanup?.(home.workDirectory, realClock.now() - TRACES_KEPT_MS);

  const { agent: name, pool } = enrolment;
  const servers = settings.servers ?? enrolment.servers;
  const nc = await connectNats({ servers, creds: { file: home.credentialsFile }, name, log });
  const parts = { clock: realClock, timers: realTimers, log };
  const stopRenewing = renewCredentials(nc, home, enrolment, parts);
  const link = new NatsLink({ ...parts, nc, agent: name, pool });
  const agent = new Agent({
    ...parts,
    config: { name, pool, labels: settings.labels, capacity: settings.capacity, version: programVersion() },
    link,
    journal: new FileJournal(home.journalFile),
    executors,
    providers: Object.fromEntries(allProviders(catalog).map((provider) => [provider.type, provider])),
    allow: settings.allow,
    secrets: (references) => resolveSecrets(references, process.env),
    workDirectory: home.workDirectory,
  });
  onShutdown(log, async () => {
    await agent.drain(DRAIN_MS);
    link.close();
    stopRenewing();
    await clients.close();
    await nc.close();
    releaseLock();
  });
  await agent.start();
  log.info('ready', { agent: name, pool, executors: Object.keys(executors), capacity: settings.capacity });
}

function programVersion(): string {
  for (const at of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(at, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      // In the sources and in dist/ the file is at different distances.
    }
  }
  return 'unknown';
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof SlipwayError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(error instanceof SlipwayError && error.kind !== 'unavailable' ? 2 : 1);
});

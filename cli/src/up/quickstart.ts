import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { executorSchemas } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Session } from '../cli.js';
import { choosePortShift, shiftPorts } from './host-ports.js';
import type { House } from './house.js';
import { PROJECT_ROOT } from '../project.js';

const EXAMPLE = join(PROJECT_ROOT, 'examples', 'quickstart');
/** The agent of the quickstart, and its pool. */
export const LOCAL_AGENT = 'local';
const LOCAL_POOL = 'local';
/** Services answer within this time of being started, or something is wrong. */
const READY_DEADLINE_MS = 60_000;
const READY_LOOK_MS = 100;

/** Wait until every service answers. */
export async function servicesReady(session: Session): Promise<void> {
  const began = session.now();
  for (;;) {
    try {
      await Promise.all([
        session.requests.ask('registry.list', { kind: 'system' }, { timeoutMs: 2_000 }),
        session.requests.ask('policy.decisions', {}, { timeoutMs: 2_000 }),
        session.requests.ask('scheduler.agents', {}, { timeoutMs: 2_000 }),
      ]);
      return;
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.kind !== 'unavailable' || session.now() - began > READY_DEADLINE_MS) throw error;
      await sleep(READY_LOOK_MS);
    }
  }
}

/** Where the quickstart's hosts keep what is installed on them. */
export function hostsDirectory(house: House): string {
  return join(house.directory, 'hosts');
}

/** The machines of the quickstart (one process that supervises what is installed on each) and the agent beside them. */
export async function startHostsAndAgent(house: House, session: Session): Promise<void> {
  const hosts = hostsDirectory(house);
  house.run('hosts', join(EXAMPLE, 'hosts.mjs'), [], { SLIPWAY_HOSTS_DIR: hosts });
  const directory = join(house.directory, 'agents', LOCAL_AGENT);
  // The port may be another one than at the enrolment.
  const args = ['--directory', directory, '--servers', house.natsUrl, '--capacity', '8', '--pass-env', 'SLIPWAY_HOSTS_DIR'];
  if (!existsSync(join(directory, 'agent.creds'))) {
    const executors = Object.keys(executorSchemas);
    const invitation = await session.requests.ask('registry.inviteAgent', { agent: LOCAL_AGENT, pool: LOCAL_POOL, executors });
    args.push('--token', invitation.token);
  }
  house.run('agent', join(PROJECT_ROOT, 'dist', 'agents', 'src', 'main.js'), args, {
    SLIPWAY_HOSTS_DIR: hosts,
  });
}

/** Also bring the hosts about by Terraform: its module and state in the house, its deployment `infra` beside the others. */
export async function applyTerraform(house: House, session: Session): Promise<void> {
  const example = join('examples', 'quickstart', 'terraform');
  const directory = join(house.directory, 'infra');
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(PROJECT_ROOT, example, 'main.tf'), join(directory, 'main.tf'));
  const text = readFileSync(join(PROJECT_ROOT, example, 'infra.yaml'), 'utf8').replace(
    `directory: ${example}`,
    `directory: ${JSON.stringify(directory)}`,
  );
  await session.requests.ask('registry.apply', { files: [{ file: join(example, 'infra.yaml'), text }], dryRun: false });
}

/** Apply the example's documents, with ports that are free here; the same documents again change nothing. Gives how many changed. */
export async function applyQuickstart(
  house: House,
  session: Session,
  portShift: number | undefined,
  progress: (line: string) => void,
): Promise<number> {
  const texts = readdirSync(EXAMPLE)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => ({ file: join('examples', 'quickstart', name), text: readFileSync(join(EXAMPLE, name), 'utf8') }));
  const shift = await choosePortShift(house.directory, texts.map(({ text }) => text).join('\n'), portShift, progress);
  const files = texts.map(({ file, text }) => ({ file, text: shiftPorts(text, shift) }));
  const reply = await session.requests.ask('registry.apply', { files, dryRun: false });
  return reply.changes.filter((change) => change.verb !== 'unchanged').length;
}

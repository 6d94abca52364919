import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindOptions } from './find-nats-server.js';
import { NATS_VERSION_PINNED, putInPlace } from './nats-server-release.js';

const STEP_TIMEOUT_MS = 180_000;

/** Build the pinned version with Go, which checks the module's sum itself. */
export async function installWithGo(target: string, options: FindOptions): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'slipway-go-'));
  try {
    options.progress(`nats-server: building ${NATS_VERSION_PINNED} with Go`);
    await run('go', ['install', `github.com/nats-io/nats-server/v2@v${NATS_VERSION_PINNED}`], work, {
      ...options.env,
      PATH: `${options.env['PATH'] ?? ''}:/usr/local/go/bin`,
      GOBIN: work,
    });
    putInPlace(join(work, 'nats-server'), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Unpack the current Debian package without root: an apt state of its own that names the newest suite on the mirror which the system
 * already uses, with the keys that the system already trusts.
 */
export async function installFromDebian(target: string, options: FindOptions): Promise<void> {
  const system = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const suite = /^ID=debian$/m.test(system) ? 'sid main' : /^ID=ubuntu$/m.test(system) ? 'devel universe' : undefined;
  if (suite === undefined) throw new Error('this is neither Debian nor Ubuntu');
  const mirror = findMirror();
  if (mirror === undefined) throw new Error('found no mirror in /etc/apt');
  const work = mkdtempSync(join(tmpdir(), 'slipway-apt-'));
  try {
    options.progress('nats-server: fetching the Debian package');
    const apt = prepareApt(work, mirror, suite);
    await run('apt-get', [...apt, 'update'], work, options.env);
    await run('apt-get', [...apt, 'download', 'nats-server'], work, options.env);
    const file = readdirSync(work).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get downloaded nothing');
    await run('dpkg', ['-x', file, 'unpacked'], work, options.env);
    putInPlace(join(work, 'unpacked', 'usr', 'sbin', 'nats-server'), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Mirror {
  uri: string;
  signedBy?: string;
}

/** The mirror the system uses, from either format of its sources. */
function findMirror(): Mirror | undefined {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((name) => join(folder, name))
      : []),
  ];
  for (const file of files.filter((name) => /\.(list|sources)$/.test(name) && existsSync(name))) {
    const text = readFileSync(file, 'utf8');
    const uri = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(https?:\/\/\S*(?:debian|ubuntu)\S*)/m.exec(text)?.[1];
    if (uri === undefined || uri.includes('security')) continue;
    const signedBy = /(?:^Signed-By:\s*|signed-by=)(\/[^\s\]]+)/m.exec(text)?.[1];
    return { uri, ...(signedBy ? { signedBy } : {}) };
  }
  return undefined;
}

function prepareApt(work: string, mirror: Mirror, suite: string): string[] {
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(work, folder), { recursive: true });
  writeFileSync(join(work, 'sources.list'), `deb ${mirror.signedBy ? `[signed-by=${mirror.signedBy}] ` : ''}${mirror.uri} ${suite}\n`);
  writeFileSync(join(work, 'state', 'status'), '');
  const settings = {
    'Dir::State': join(work, 'state'),
    'Dir::State::status': join(work, 'state', 'status'),
    'Dir::Cache': join(work, 'cache'),
    'Dir::Etc::SourceList': join(work, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function run(program: string, args: string[], cwd: string, env: FindOptions['env']): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: env as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: STEP_TIMEOUT_MS,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
    child.on('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.at(-1)} ended with ${code}: ${said.trim().split('\n').at(-1)}`)),
    );
  });
}

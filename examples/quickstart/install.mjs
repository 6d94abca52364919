// The program that the `command` executor runs for every job of the shop: puts a version's files into the host's directory, makes it the
// current one, and waits until the service answers with that version. The same job a second time installs nothing.
//
//   node install.mjs --address=A --port=P --payments=V        (SLIPWAY_* name the job; SLIPWAY_HOSTS_DIR is where the hosts are)
//   node install.mjs --observe --address=A --port=P           exit status: 0 this job is done, 10 it never began, else unknown
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ANSWERS_WITHIN_MS = 15_000;
/** Each step takes a moment, so that one sees it happen. */
const STEP_MS = 200;

const { values: given } = parseArgs({
  options: {
    address: { type: 'string' },
    port: { type: 'string' },
    payments: { type: 'string', default: 'v1' },
    observe: { type: 'boolean', default: false },
  },
});
const {
  SLIPWAY_JOB: job,
  SLIPWAY_RESOURCE: host,
  SLIPWAY_DEPLOYMENT: service,
  SLIPWAY_VERSION: version,
  SLIPWAY_OUTPUTS: outputs,
} = process.env;
const hosts = process.env.SLIPWAY_HOSTS_DIR ?? path.resolve('.slipway/hosts');
const { address } = given;
const port = Number(given.port);
if (!job || !host || !service || !version || !address || !(port > 0)) {
  process.stderr.write('install.mjs is run by an agent, for a job; --address and --port must be given\n');
  process.exit(2);
}

const home = path.join(hosts, host, service);
const currentFile = path.join(home, 'current.json');
const files = fileURLToPath(new URL('./service/', import.meta.url));
const health = `http://${address}:${port}/health`;

const readJson = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);
const isCurrent = () => readJson(currentFile)?.job === job;

/** The whole file or the old one. */
function replaceJson(file, value) {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

async function step(percent, what) {
  process.stdout.write(`::progress ${percent} ${what}\n`);
  await sleep(STEP_MS);
}

/** The service that this job installed, not the one before it. */
async function answers() {
  try {
    const answer = await fetch(health, { signal: AbortSignal.timeout(1_000) });
    const said = await answer.json();
    return said.version === version && said.installedBy === job;
  } catch {
    return false;
  }
}

/** Copy the version's files beside those of other versions, then make it the current one: what runs until then is not touched. */
async function install() {
  await step(10, 'fetching');
  const directory = path.join(home, 'versions', version);
  mkdirSync(directory, { recursive: true });
  await step(35, 'unpacking');
  cpSync(path.join(files, 'server.mjs'), path.join(directory, 'server.mjs'));
  const build = readJson(path.join(files, 'builds.json'))[service]?.[version] ?? {};
  replaceJson(path.join(directory, 'release.json'), {
    service,
    version,
    job,
    port,
    address,
    payments: given.payments,
    needs: build.needs ?? {},
  });
  await step(60, 'installing');
  appendFileSync(path.join(hosts, host, 'host.log'), `${new Date().toISOString()} installed ${service} ${version} job ${job}\n`);
  replaceJson(currentFile, { version, job, directory: path.relative(home, directory) });
  await step(80, 'starting');
}

if (given.observe) process.exit(isCurrent() ? ((await answers()) ? 0 : 1) : 10);

process.stdout.write(`${service} ${version} → ${host} (${home})\n::link health ${health}\n`);
if (isCurrent()) process.stdout.write('already installed by this job\n');
else await install();

const until = Date.now() + ANSWERS_WITHIN_MS;
while (!(await answers())) {
  if (Date.now() > until) {
    process.stderr.write(
      `${health} does not answer with version ${version} within ${ANSWERS_WITHIN_MS / 1_000} s; is hosts.mjs running, and the port free?\n`,
    );
    process.exit(1);
  }
  await sleep(50);
}
process.stdout.write(`::progress 100 answers\n${health} answers with ${version}\n`);
if (outputs) writeFileSync(outputs, JSON.stringify({ health, directory: home }));

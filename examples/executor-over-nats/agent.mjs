// A whole agent of one's own: takes jobs of the executor `script`, runs each as a shell script, and reports. Speaks the protocol of
// docs/executors/write-your-own.md and passes the executor kit. Scripts outlive this program; what it must remember stands in files.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { connect, credsAuthenticator, headers } from '@nats-io/transport-node';

const { SLIPWAY_AGENT: agent, SLIPWAY_POOL: pool, SLIPWAY_EXECUTOR: executor, SLIPWAY_HOME: home } = process.env;
const CAPACITY = 4;
const PULL_MS = 20_000;
const GRACE_MS = 5_000;

/** Marks its begin (only one can make the directory) and its end, whoever watches. */
const RUNNER = `
mkdir "$1/started" || exit 0
trap : TERM
echo $$ >"$1/pid.new" && mv "$1/pid.new" "$1/pid"
sh -c "$2" >"$1/log" 2>&1 &
child=$!
while :; do wait $child; status=$?; kill -0 $child 2>/dev/null || break; done
echo $status >"$1/exit.new" && mv "$1/exit.new" "$1/exit"
`;

const nc = await connect({
  servers: process.env.SLIPWAY_NATS_URL,
  authenticator: credsAuthenticator(fs.readFileSync(process.env.SLIPWAY_CREDS)),
  // The server lets an agent hear replies here and nowhere else.
  inboxPrefix: `_OWN.${agent}`,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 500,
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined);

/** What this agent holds, by job; each also stands in a file, written before anything is done that it tells of. */
const held = new Map();
const jobsDirectory = path.join(home, 'jobs');
fs.mkdirSync(jobsDirectory, { recursive: true });
const fileOf = (job) => path.join(jobsDirectory, `${job}.json`);
const runDirectory = ({ grant }) => path.join(home, 'runs', `${grant.job}.${grant.attempt}`);

function save(state) {
  const file = fileOf(state.grant.job);
  fs.writeFileSync(`${file}.new`, JSON.stringify(state), { flush: true });
  fs.renameSync(`${file}.new`, file);
}

function forget(state) {
  if (held.get(state.grant.job) !== state) return;
  held.delete(state.grant.job);
  fs.rmSync(fileOf(state.grant.job), { force: true });
}

/** Ask the controller; throws when there is no answer, or the answer is an error. */
async function ask(operation, request) {
  const reply = await nc.request(`slipway.agt.${agent}.rpc.${operation}`, JSON.stringify(request), { timeout: 5_000 });
  const { ok, error } = reply.json();
  if (error) throw new Error(error.message);
  return ok;
}

// Reports: numbered, in a file before they are sent, sent in order until the stream has them.
function say(state, verb, more = {}) {
  if (state.stopped || state.finished) return;
  state.n += 1;
  state.finished = !['started', 'progress'].includes(verb);
  state.pending.push({ verb, epoch: state.grant.epoch, n: state.n, at: Date.now(), ...more });
  save(state);
  void send(state);
}

async function send(state) {
  if (state.sending) return;
  state.sending = true;
  while (state.pending.length > 0 && !state.stopped) {
    const [report] = state.pending;
    const { job } = state.grant;
    const named = headers();
    // By this id the server drops what it has already: the receipt may have been lost, not the report.
    named.set('Nats-Msg-Id', `${job}.${report.epoch}.${report.n}`);
    try {
      const receipt = await nc.request(`slipway.agt.${agent}.job.${job}.${report.verb}`, JSON.stringify(report), {
        headers: named,
        timeout: 5_000,
      });
      if (!receipt.json().stream) throw new Error('not stored');
      state.pending.shift();
      save(state);
    } catch {
      await pause(1_000);
    }
  }
  state.sending = false;
  if (state.finished && state.pending.length === 0) forget(state);
}

// Runs: begun once, followed by whichever life of this agent is there, ended when asked.
async function run(state) {
  const { grant } = state;
  const directory = runDirectory(state);
  if (!fs.existsSync(path.join(directory, 'started'))) {
    // Only this agent's own disk can tell of a run; where another may have begun it nobody knows, and that is what is said.
    if (grant.observeFirst) return say(state, 'unknown', { message: 'another agent may have begun it' });
    if (state.ending) return say(state, state.ending, { message: 'ended before it began' });
    if (state.stopped) return;
    if (typeof grant.spec.executor.script !== 'string') return say(state, 'rejected', { message: 'executor.script is missing' });
    begin(directory, grant);
  }
  if (state.startedAt === undefined) {
    state.startedAt = Date.now();
    say(state, 'started');
  }
  await follow(state, directory);
}

function begin(directory, { spec, version, job }) {
  fs.mkdirSync(directory, { recursive: true });
  const env = { ...process.env, SLIPWAY_VERSION: version, SLIPWAY_JOB: job };
  spawn('sh', ['-c', RUNNER, 'run', directory, spec.executor.script], { detached: true, stdio: 'ignore', env }).unref();
}

async function follow(state, directory) {
  for (let missing = 0; !state.stopped; await pause(100)) {
    const status = read(path.join(directory, 'exit'));
    if (status !== undefined) return sayEnd(state, Number(status));
    const pid = Number(read(path.join(directory, 'pid')));
    // A script that was just begun has no mark yet.
    missing = isAlive(pid) ? 0 : missing + 1;
    if (missing > 50) return say(state, 'unknown', { message: 'the script has disappeared without an exit status' });
    if (Date.now() > state.startedAt + state.grant.runMs) state.ending ??= 'timedOut';
    if (state.ending && isAlive(pid)) end(state, pid);
  }
}

function sayEnd(state, status) {
  if (status === 0) return say(state, 'succeeded', { outputs: { status } });
  say(state, state.ending ?? 'failed', { message: `the script ended with exit status ${status}` });
}

/** Asked first, then killed: the whole group, or what the script began would go on. */
function end(state, pid) {
  state.endingSince ??= Date.now();
  const kill = Date.now() > state.endingSince + GRACE_MS;
  try {
    process.kill(-pid, kill ? 'SIGKILL' : 'SIGTERM');
    if (kill) fs.writeFileSync(path.join(runDirectory(state), 'exit'), '137');
  } catch {
    // It has just ended.
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(-pid, 0);
  } catch {
    return false;
  }
}

// The controller: invitations are pulled, claimed, and settled; the answer to a renewal is the only command there is.
async function takeJobs() {
  const queue = `SERVICES.API.CONSUMER.MSG.NEXT.JOBS.${pool}_${executor}`;
  const wanted = JSON.stringify({ batch: 1, expires: PULL_MS * 1e6 });
  for (;;) {
    try {
      // An invitation comes under its own subject, so its inbox must be one of its own (noMux).
      if (held.size >= CAPACITY) await pause(500);
      else await take(await nc.request(queue, wanted, { timeout: PULL_MS + 1_000, noMux: true }));
    } catch {
      await pause(500);
    }
  }
}

async function take(message) {
  // 404 and 408: there is nothing; ask again.
  if (message.headers?.code) return message.headers.code === 408 ? undefined : pause(500);
  const settle = (how) => nc.publish(message.reply, how);
  const { job, attempt } = message.json();
  if (held.get(job)?.grant.attempt === attempt) return settle('+ACK');
  try {
    const [answer] = (await ask('claim', { jobs: [{ job, attempt }] })).jobs;
    if (answer.granted) hold({ grant: answer, n: 0, pending: [] });
    settle(answer.retryAfterMs === undefined ? '+ACK' : `-NAK {"delay": ${answer.retryAfterMs * 1e6}}`);
  } catch {
    // Not answered: somebody else may ask, or we again.
    settle('-NAK {"delay": 2000000000}');
  }
}

function hold(state) {
  const before = held.get(state.grant.job);
  if (before?.grant.epoch === state.grant.epoch) return;
  if (before) before.stopped = true;
  held.set(state.grant.job, state);
  save(state);
  void run(state);
}

/** True when the controller has answered. */
async function renew() {
  const answers = await ask('renew', { jobs: heldJobs() });
  for (const { job, go } of answers.jobs) {
    const state = held.get(job);
    if (!state) continue;
    if (go === 'cancel') state.ending ??= 'cancelled';
    if (go === 'stop') {
      state.stopped = true;
      forget(state);
    }
  }
  return true;
}

const renewQuietly = () => renew().catch(() => false);
const heldJobs = () => [...held.values()].map(({ grant }) => ({ job: grant.job, epoch: grant.epoch }));

function beat() {
  const said = {
    agent,
    pool,
    at: Date.now(),
    version: '1.0.0',
    state: 'online',
    labels: {},
    executors: [executor],
    capacity: CAPACITY,
    jobs: heldJobs(),
  };
  if (!nc.isClosed()) nc.publish(`slipway.agt.${agent}.hb`, JSON.stringify(said));
}

// What an earlier life held goes on, once a renewal has said that it is still ours.
for (const file of fs.readdirSync(jobsDirectory).filter((name) => name.endsWith('.json'))) {
  const state = JSON.parse(fs.readFileSync(path.join(jobsDirectory, file), 'utf8'));
  held.set(state.grant.job, { ...state, sending: false });
}
while (held.size > 0 && !(await renewQuietly())) await pause(1_000);
for (const state of held.values()) {
  if (state.pending.length > 0) void send(state);
  if (!state.finished) void run(state);
}

beat();
setInterval(beat, 10_000);
setInterval(renewQuietly, 1_000);
nc.subscribe(`slipway.nudge.${agent}`, { callback: renewQuietly });
await takeJobs();

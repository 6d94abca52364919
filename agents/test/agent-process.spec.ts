import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { jobConsumer, subjects, type LogChunk, type RenewRequest } from '@slipway/contracts';
import type { JobReport } from '@slipway/core';
import { eventually, startNats, type TestNats } from '@slipway/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Grant } from '../src/ports.js';
import { grantOf, Scratch } from './scratch-run.js';

/*
 * The agent as the process it is, on a real server with real accounts; the scheduler is this test. Needs `npm run build`.
 */

const PROGRAM = path.resolve('dist/agents/src/main.js');

let nats: TestNats;
let scheduler: NatsConnection;
let scratch: Scratch;
let agent: ChildProcess | undefined;
let reports: { job: string; report: JobReport }[];
let logs: LogChunk[];
let renewals: RenewRequest[];
let grant: Grant;

beforeEach(async () => {
  nats = await startNats();
  scratch = new Scratch();
  scheduler = await nats.connect('scheduler');
  [reports, logs, renewals] = [[], [], []];
  grant = grantOf('j1', { leaseMs: 3_000, renewMs: 1_000 });
  const manager = await jetstreamManager(await nats.connect('registry'), { checkAPI: false });
  for (const executor of ['command', 'verify']) {
    const { name, filters, ackWaitMs } = jobConsumer('par', executor);
    await manager.consumers.add('JOBS', {
      durable_name: name,
      filter_subject: filters[0] ?? '',
      ack_policy: 'explicit',
      ack_wait: ackWaitMs * 1e6,
    });
  }
  const answer = (operation: 'claim' | 'renew', reply: (asked: never) => object): void => {
    scheduler.subscribe(`slipway.agt.*.rpc.${operation}`, {
      callback: (_error, message) => void message.respond(JSON.stringify({ ok: reply(message.json<never>()) })),
    });
  };
  answer('claim', () => ({ jobs: [grant] }));
  answer('renew', (asked: RenewRequest) => {
    renewals.push(asked);
    return { jobs: asked.jobs.map(({ job }) => ({ job, go: 'on', leaseMs: 3_000 })), agent: 'on' };
  });
  const ops = await nats.connect('ops');
  ops.subscribe('slipway.agt.*.job.>', {
    callback: (_error, message) => void reports.push({ job: message.subject.split('.')[4] ?? '', report: message.json() }),
  });
  ops.subscribe('slipway.agt.*.log.>', { callback: (_error, message) => void logs.push(message.json()) });
  await ops.flush();

  const user = await nats.trust.mintUser({ role: 'agent', name: 'a1', tags: ['queue:par_command', 'queue:par_verify'] });
  const home = path.join(scratch.directory, 'home');
  mkdirSync(home);
  writeFileSync(path.join(home, 'agent.creds'), user.creds ?? '');
  writeFileSync(
    path.join(home, 'enrolment.json'),
    JSON.stringify({ agent: 'a1', servers: [nats.url], pool: 'par', executors: ['command'] }),
  );
}, 60_000);

afterEach(async () => {
  agent?.kill('SIGKILL');
  await nats.stop();
  scratch.remove();
});

function startAgent(): ChildProcess {
  const args = [PROGRAM, '--directory', path.join(scratch.directory, 'home'), '--capacity', '2'];
  const started = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEPLOY_TOKEN: 'hush-hush' },
  });
  started.stderr?.on('data', (text: Buffer) => void (process.env.SHOW_AGENT && process.stderr.write(text)));
  agent = started;
  return started;
}

const exited = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', (code) => resolve(code)));
const verbs = (): string[] => reports.map(({ report }) => report.verb);
const ran = (): string[] =>
  existsSync(path.join(scratch.directory, 'ran')) ? readFileSync(path.join(scratch.directory, 'ran'), 'utf8').trim().split('\n') : [];
const say = (script: string, more: object = {}): void => {
  grant = { ...grant, spec: { executor: { type: 'command', run: ['sh', '-c', script], ...more }, context: {} } };
};

async function invite(): Promise<void> {
  const { deployment, environment, resource, version, kind } = grant;
  const invitation = { job: 'j1', attempt: 1, kind, deployment, environment, resource, version };
  await jetstream(scheduler).publish(subjects.jobQueue('par', 'command', 'j1'), JSON.stringify(invitation));
}

it('claims a job over its accounts, runs it, streams its masked log, reports, and leaves cleanly on SIGTERM', async () => {
  const child = startAgent();
  say('echo "token is $TOKEN"; echo "::progress 50 half"; echo "url=http://x" > "$SLIPWAY_OUTPUTS"', {
    secrets: { TOKEN: 'env:DEPLOY_TOKEN' },
  });
  await invite();
  await eventually('the job succeeded', () => verbs().includes('succeeded'), 20_000);
  expect(verbs()).toEqual(['started', 'progress', 'succeeded']);
  expect(reports.map(({ report }) => report.n)).toEqual([1, 2, 3]);
  expect(reports.at(-1)?.report).toMatchObject({ outputs: { url: 'http://x' }, epoch: 1 });
  await eventually('the log came', () => logs.length > 0);
  expect(logs.map(({ text }) => text).join('')).toBe('token is ***\n');
  child.kill('SIGTERM');
  expect(await exited(child)).toBe(0);
}, 60_000);

it('killed with kill -9 in the middle of a job takes it up again at its next start, and nothing runs twice', async () => {
  const first = startAgent();
  say(`echo ran >> ${path.join(scratch.directory, 'ran')}; echo before; sleep 3; echo after`);
  await invite();
  await eventually('the program runs and its start was reported', () => ran().length === 1 && verbs().includes('started'), 20_000);
  first.kill('SIGKILL');
  await exited(first);
  startAgent();
  await eventually('the job succeeded', () => verbs().includes('succeeded'), 20_000);
  // A report whose acknowledgement died with the agent is said again, under its old number.
  expect([...new Map(reports.map(({ report }) => [report.n, report.verb]))]).toEqual([
    [1, 'started'],
    [2, 'succeeded'],
  ]);
  expect(ran()).toEqual(['ran']);
  expect(renewals.length).toBeGreaterThan(0);
  await eventually('the whole log came', () =>
    logs
      .map(({ text }) => text)
      .join('')
      .includes('after'),
  );
}, 60_000);

it('goes on while the server is gone, and reports once when it is back', async () => {
  startAgent();
  say('sleep 2');
  await invite();
  await eventually('it started', () => verbs().includes('started'), 20_000);
  await nats.restart();
  await eventually('it was reported', () => verbs().includes('succeeded'), 30_000);
  expect(verbs().filter((verb) => verb === 'succeeded')).toHaveLength(1);
}, 60_000);

it('refuses to start twice in one directory, without an enrolment, and with a token that is cut', async () => {
  startAgent();
  await eventually('it holds its directory', () => existsSync(path.join(scratch.directory, 'home', 'lock')), 10_000);
  const complaint = async (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    expect(await exited(child)).toBe(2);
    return text;
  };
  expect(await complaint('--directory', path.join(scratch.directory, 'home'))).toContain('another agent (process');
  expect(await complaint('--directory', path.join(scratch.directory, 'new'))).toContain('holds no enrolled agent');
  expect(await complaint('--directory', path.join(scratch.directory, 'new'), '--token', 'abc')).toContain('the token is not readable');
  expect(await complaint('--directory', path.join(scratch.directory, 'new'), '--capacity', 'many')).toContain(
    '--capacity many is not a number',
  );
}, 60_000);

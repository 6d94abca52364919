import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog, systemClock } from '@slipway/runtime';
import type { Session } from '../cli.js';
import type { Output } from '../output.js';
import { renderRollout } from '../render/rollout.js';
import { moment } from '../render/when.js';
import { openSession } from '../session.js';
import { LiveBlock } from '../terminal.js';
import { applyQuickstart, servicesReady, startHostsAndAgent } from './quickstart.js';
import { House } from './house.js';

const FIRST_VERSION = '1.0.0';
const DEPLOYMENTS = ['catalog', 'checkout'];
const LOOK_EVERY_MS = 250;
/** The quickstart's first version is through long before; then something is wrong, and the screen says what. */
const FIRST_VERSION_DEADLINE_MS = 120_000;
const UNDER_WAY = new Set(['pending', 'running', 'paused', 'halted']);

export interface UpOptions {
  directory: string;
  quickstart: boolean;
  natsPort?: number;
  /** Moves the ports of the quickstart's hosts; absent: the first place where they are free. */
  portShift?: number;
}

/** `slipway up`: everything on this machine, until Ctrl-C. */
export async function up(options: UpOptions, output: Output): Promise<number> {
  const began = systemClock.now();
  const block = new LiveBlock(process.stdout);
  const say = (line: string): void =>
    block.log(`${output.paint.dim(`${((systemClock.now() - began) / 1_000).toFixed(1).padStart(5)} s`)}  ${line}`);
  const stop = untilAskedToStop();
  const house = await House.start(
    { directory: options.directory, progress: say, ...(options.natsPort ? { natsPort: options.natsPort } : {}) },
    createLog('up', { level: 'warn' }),
  );
  let session: (Session & { close(): Promise<void> }) | undefined;
  try {
    session = await openSession({ servers: house.natsUrl, credsFile: house.credentials('admin'), toldBy: 'up' }, output);
    await Promise.race([servicesReady(session), stop.asked]);
    if (!stop.isAsked()) {
      say(`ready: registry, policy, scheduler (logs in ${join(options.directory, 'logs')})`);
      if (options.quickstart) await Promise.race([quickstart(house, session, options, block, say), stop.asked]);
    }
    if (!stop.isAsked()) {
      for (const line of nextSteps(options)) block.log(line);
      await stop.asked;
    }
  } finally {
    block.log('stopping …');
    await session?.close();
    await house.stop();
    block.log('stopped; the data stays in ' + options.directory);
  }
  return 0;
}

async function quickstart(
  house: House,
  session: Session,
  options: UpOptions,
  block: LiveBlock,
  say: (line: string) => void,
): Promise<void> {
  const changed = await applyQuickstart(house, session, options.portShift, say);
  await startHostsAndAgent(house, session);
  say(changed > 0 ? `examples/quickstart applied: ${changed} documents` : 'examples/quickstart is as applied before');
  let fresh = false;
  for (const deployment of DEPLOYMENTS) {
    const known = await session.requests.ask('registry.list', { kind: 'version', deployment, limit: 1 });
    if (known.items.length > 0) continue;
    fresh = true;
    await session.requests.ask('registry.publishVersion', {
      deployment,
      version: { tag: FIRST_VERSION, message: 'first version', author: 'ci' },
    });
    say(`${deployment} ${FIRST_VERSION} published, as CI would`);
  }
  if (fresh) await carryFirstVersions(session, block, say);
}

/** Show the first versions on their way to production; approve them there, as a person would, once nothing else is open. */
async function carryFirstVersions(session: Session, block: LiveBlock, say: (line: string) => void): Promise<void> {
  const began = session.now();
  const approved = new Set<string>();
  const finished = new Set<string>();
  for (;;) {
    const [{ cells }, { rollouts }] = await Promise.all([
      session.requests.ask('scheduler.status', {}),
      session.requests.ask('scheduler.rollouts', {}),
    ]);
    for (const rollout of [...rollouts].reverse()) {
      if (UNDER_WAY.has(rollout.state) || finished.has(rollout.id)) continue;
      finished.add(rollout.id);
      for (const line of renderRollout(rollout, session.now(), session.output.paint)) block.log(line);
    }
    for (const cell of cells) {
      const waits = cell.waiting.find(
        (waiting) => waiting.version === FIRST_VERSION && waiting.because.length === 1 && /approval/.test(waiting.because[0] ?? ''),
      );
      const key = `${cell.deployment} ${cell.environment}`;
      if (!waits || approved.has(key)) continue;
      approved.add(key);
      const reply = await session.requests.ask('policy.approve', {
        deployment: cell.deployment,
        environment: cell.environment,
        version: FIRST_VERSION,
        reason: 'quickstart',
      });
      say(`${reply.done} (the quickstart approves its first version for you)`);
    }
    const live = rollouts.filter((rollout) => UNDER_WAY.has(rollout.state));
    const waiting = cells.flatMap((cell) =>
      cell.waiting.map((w) => {
        const until = w.reevaluateAt === undefined ? '' : `   until ${moment(w.reevaluateAt, session.now())}`;
        return `${session.output.paint.yellow('…')} ${cell.deployment} ${w.version} → ${cell.environment}   waits: ${w.because.join('; ')}${until}`;
      }),
    );
    block.show([...live.flatMap((rollout) => renderRollout(rollout, session.now(), session.output.paint)), ...waiting]);
    const done =
      cells.length > 0 &&
      cells.every((cell) => cell.targets > 0 && cell.running.some((r) => r.version === FIRST_VERSION && r.verified === cell.targets));
    if (done) break;
    if (session.now() - began > FIRST_VERSION_DEADLINE_MS) {
      say('the first version is not through yet; what holds it up is above, and slipway status shows it');
      return;
    }
    await sleep(LOOK_EVERY_MS);
  }
  block.show([]);
  say(`${DEPLOYMENTS.join(' and ')} ${FIRST_VERSION} run everywhere, verified`);
}

function nextSteps(options: UpOptions): string[] {
  const context = (name: string): string => join(options.directory, 'contexts', `${name}.json`);
  return [
    '',
    'Slipway is up; Ctrl-C stops it. In another terminal:',
    '  npx slipway status',
    '  npx slipway version publish checkout 1.1.0      as CI would',
    '  npx slipway watch',
    '  npx slipway explain checkout -e production      why it waits, and what unblocks it',
    '  npx slipway approve checkout 1.1.0 -e production',
    'With the nats CLI:',
    `  export NATS_CONTEXT=${context('ops')}`,
    "  nats sub 'slipway.evt.*.*.production.>'         all that happens in production",
    "  nats sub 'slipway.evt.decision.*.*.waiting'     all that is held up, and why",
    '  nats micro ls',
    `  nats --context ${context('ci')} req slipway.ci.version.checkout '{"tag":"1.2.0"}'`,
  ];
}

/** Ctrl-C, TERM or a closed terminal; a second one changes nothing, since stopping is under way. */
function untilAskedToStop(): { asked: Promise<void>; isAsked(): boolean } {
  let isAsked = false;
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        isAsked = true;
        resolve();
      });
    }
  });
  return { asked, isAsked: () => isAsked };
}

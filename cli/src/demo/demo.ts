import { rmSync } from 'node:fs';
import { createLog, systemClock } from '@slipway/runtime';
import type { Session } from '../cli.js';
import type { Output } from '../output.js';
import { openSession } from '../session.js';
import { House } from '../up/house.js';
import { applyQuickstart, applyTerraform, hostsDirectory, servicesReady, startHostsAndAgent } from '../up/quickstart.js';
import { readInstallations } from './hosts-log.js';
import { Recorder } from './recorder.js';
import { STEPS, type Step } from './steps.js';
import type { Stage } from './story.js';
import { needsTerraform, TERRAFORM_STEP } from './terraform-step.js';

export interface DemoOptions {
  /** Made anew for the demo, removed first. */
  directory: string;
  keep: boolean;
  /** Also tell how Terraform brings the hosts about. */
  with?: 'terraform';
  natsPort?: number;
  portShift?: number;
}

interface StepOutcome {
  title: string;
  tookMs: number;
  said: string[];
  failed?: string;
}

/** `slipway demo`: the whole story on fresh data; exit code 0 only when every step came to pass. */
export async function demo(options: DemoOptions, output: Output): Promise<number> {
  if (options.with === 'terraform') needsTerraform();
  const steps = options.with === 'terraform' ? [TERRAFORM_STEP, ...STEPS] : STEPS;
  const began = systemClock.now();
  const say = (line: string): void => {
    if (output.format === 'text')
      output.note(`${output.paint.dim(`${((systemClock.now() - began) / 1_000).toFixed(1).padStart(6)} s`)}  ${line}`);
  };
  rmSync(options.directory, { recursive: true, force: true });
  const outcomes: StepOutcome[] = [];
  const times: Record<string, number> = {};
  const house = await House.start(
    { directory: options.directory, progress: say, ...(options.natsPort ? { natsPort: options.natsPort } : {}) },
    createLog('demo', { level: 'error' }),
  );
  process.once('SIGINT', () => void house.stop().then(() => process.exit(130)));
  process.once('SIGTERM', () => void house.stop().then(() => process.exit(143)));
  let report: object = {};
  try {
    const session = await openSession({ servers: house.natsUrl, credsFile: house.credentials('admin'), toldBy: 'demo' }, output);
    await servicesReady(session);
    times['start'] = systemClock.now() - began;
    say('services are ready');
    const recorder = new Recorder(session.nats, () => systemClock.now());
    await applyQuickstart(house, session, options.portShift, say);
    if (options.with === 'terraform') await applyTerraform(house, session);
    await startHostsAndAgent(house, session);
    const stage: Stage = { session, recorder, hostsDirectory: hostsDirectory(house), kill: (name) => house.kill(name), say, times };
    await playSteps(steps, stage, outcomes, say, output);
    report = await collect(stage);
    await session.close();
  } finally {
    await house.stop();
    if (!options.keep) rmSync(options.directory, { recursive: true, force: true });
  }
  const failed = outcomes.find((outcome) => outcome.failed !== undefined);
  output.result({ passed: !failed, tookMs: systemClock.now() - began, steps: outcomes, times, ...report }, () =>
    summary(steps.length, outcomes, times, systemClock.now() - began, output),
  );
  return failed ? 1 : 0;
}

async function playSteps(
  steps: readonly Step[],
  stage: Stage,
  outcomes: StepOutcome[],
  say: (line: string) => void,
  output: Output,
): Promise<void> {
  for (const step of steps) {
    const began = systemClock.now();
    const outcome: StepOutcome = { title: step.title, tookMs: 0, said: [] };
    outcomes.push(outcome);
    say(output.paint.bold(`— ${step.title}`));
    try {
      await step.play({
        ...stage,
        say: (line) => {
          outcome.said.push(line);
          say(line);
        },
      });
    } catch (error) {
      outcome.failed = error instanceof Error ? error.message : String(error);
      say(output.paint.red(`✗ ${outcome.failed}`));
    }
    outcome.tookMs = systemClock.now() - began;
    if (outcome.failed !== undefined) return;
  }
}

/** Everything that a machine may want to look at afterwards. */
async function collect(stage: Stage): Promise<object> {
  const { requests } = stage.session;
  const versions = await Promise.all(
    ['catalog', 'checkout', 'infra'].map((deployment) =>
      requests.ask('registry.list', { kind: 'version', deployment }).catch(() => ({ items: [] })),
    ),
  );
  const [status, rollouts, jobs, dead] = await Promise.all([
    requests.ask('scheduler.status', {}).catch(() => ({ cells: [] })),
    requests.ask('scheduler.rollouts', { limit: 100 }).catch(() => ({ rollouts: [] })),
    requests.ask('scheduler.jobs', { limit: 1_000 }).catch(() => ({ jobs: [] })),
    countDeadLetters(stage.session),
  ]);
  const events = (noun: string): object[] =>
    stage.recorder.matching(`slipway.evt.${noun}.>`).map(({ subject, at, body }) => ({ subject, at, ...body }));
  return {
    versions: versions.flatMap((reply) => reply.items),
    targets: status.cells,
    decisions: events('decision'),
    rollouts: rollouts.rollouts,
    jobs: jobs.jobs,
    verifications: events('verification'),
    rollbacks: jobs.jobs.filter((job) => job['rollback'] === true),
    installations: readInstallations(stage.hostsDirectory),
    deadLetters: dead,
  };
}

async function countDeadLetters(session: Session): Promise<number> {
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const jsm = await jetstreamManager(session.nats);
  return (await jsm.streams.info('DLQ')).state.messages;
}

function summary(steps: number, outcomes: readonly StepOutcome[], times: Record<string, number>, tookMs: number, output: Output): string {
  const { paint } = output;
  const lines = outcomes.map(
    (o) => `${o.failed === undefined ? paint.green('✓') : paint.red('✗')} ${o.title}  ${paint.dim(`${(o.tookMs / 1_000).toFixed(1)} s`)}`,
  );
  const missing = steps - outcomes.length;
  if (missing > 0) lines.push(paint.dim(`  ${missing} later steps were not played`));
  const measured = Object.entries(times).map(([name, ms]) => `  ${name}: ${(ms / 1_000).toFixed(1)} s`);
  const failed = outcomes.find((o) => o.failed !== undefined);
  return [
    '',
    ...lines,
    '',
    ...measured,
    '',
    failed ? `failed: ${failed.failed}` : `the whole story came to pass in ${(tookMs / 1_000).toFixed(0)} s`,
  ].join('\n');
}

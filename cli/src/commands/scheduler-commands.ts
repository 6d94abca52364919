import type { OperationName, RequestOf } from '@slipway/contracts';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderStatus } from '../render/status.js';

interface RolloutOptions {
  environment: string;
  version?: string;
  reason?: string;
  all?: boolean;
}

/** Commands that act on the rollout of a deployment in an environment. */
const ROLLOUT_COMMANDS = [
  ['pause', 'scheduler.pause', 'pause a rollout: nothing new begins'],
  ['resume', 'scheduler.resume', 'resume a paused or halted rollout'],
  ['promote', 'scheduler.promote', 'begin the next wave now; --all begins every wave'],
  ['abort', 'scheduler.abort', 'end a rollout: what has begun finishes, the rest never begins'],
  ['retry', 'scheduler.retryFailed', 'run the failed members of a rollout again'],
] as const satisfies readonly (readonly [string, OperationName, string])[];

/** `status`, `pause`, `resume`, `promote`, `abort`, `retry`, `exclude`, `rollback`, `quarantine release`, `cancel`, `confirm`, `resolve`. */
export function schedulerCommands(program: Command, cli: Cli): void {
  program
    .command('status')
    .description('what runs where, what is on its way and what waits')
    .argument('[deployment]')
    .option('-e, --environment <name>')
    .option('-s, --system <name>')
    .action(async (deployment: string | undefined, options: { environment?: string; system?: string }) => {
      await cli.run(async ({ requests, output, now }) => {
        const reply = await requests.ask('scheduler.status', { ...(deployment ? { deployment } : {}), ...options });
        output.result(reply, () => renderStatus(reply.cells, now(), output.paint));
      });
    });

  for (const [name, operation, about] of ROLLOUT_COMMANDS) {
    const command = program
      .command(name)
      .description(about)
      .argument('<deployment>')
      .requiredOption('-e, --environment <name>')
      .option('-v, --version <tag>')
      .option('--reason <text>');
    if (name === 'promote') command.option('--all', 'every later wave too', false);
    command.action(async (deployment: string, options: RolloutOptions) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask(operation, { deployment, ...options } as RequestOf<typeof operation>);
        output.result(reply, () => reply.done);
      });
    });
  }

  program
    .command('exclude')
    .description('leave targets out of a rollout: what has not begun there never does')
    .argument('<deployment>')
    .requiredOption('-e, --environment <name>')
    .requiredOption('-r, --resource <identifier...>', 'one or more targets')
    .option('-v, --version <tag>')
    .option('--reason <text>')
    .action(async (deployment: string, { resource: resources, ...options }: RolloutOptions & { resource: string[] }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.exclude', { deployment, resources, ...options });
        output.result(reply, () => reply.done);
      });
    });

  program
    .command('rollback')
    .description(
      'bring back the last verified version: at one target (--resource), wherever a rollout took its version, or in a whole environment',
    )
    .argument('[deployment]', 'without it every deployment of the environment')
    .requiredOption('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>', 'the version that is to go; the newest there')
    .option('--reason <text>')
    .action(async (deployment: string | undefined, options: RolloutOptions & { resource?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.rollback', { ...(deployment === undefined ? {} : { deployment }), ...options });
        output.result(reply, () => reply.done);
      });
    });

  program
    .command('quarantine')
    .description('versions that were rolled back and do not return by themselves')
    .command('release')
    .description('let a quarantined version go to its targets (or one --resource) again')
    .argument('<deployment>')
    .argument('<version>', 'tag')
    .requiredOption('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('--reason <text>')
    .action(async (deployment: string, version: string, options: { environment: string; resource?: string; reason?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.releaseQuarantine', { deployment, version, ...options });
        output.result(reply, () => reply.done);
      });
    });

  program
    .command('cancel')
    .description('cancel a job: its executor is told to stop')
    .argument('<job>')
    .option('--reason <text>')
    .action(async (job: string, options: { reason?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.cancel', { job, ...options });
        output.result(reply, () => reply.done);
      });
    });

  program
    .command('confirm')
    .description('say yes to what a running job asks, a plan for example; `slipway cancel` is no')
    .argument('<job>', 'as `slipway inbox`, `status` and `watch` show it')
    .option('--question <name>', 'what you were asked: refused when something else is asked by now')
    .option('--reason <text>')
    .action(async (job: string, options: { question?: string; reason?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.confirm', { job, ...options });
        output.result(reply, () => reply.done);
      });
    });

  program
    .command('resolve')
    .description('say what became of a job whose outcome is unknown')
    .argument('<job>')
    .requiredOption('--as <outcome>', 'succeeded or failed')
    .requiredOption('--reason <text>')
    .action(async (job: string, options: { as: 'succeeded' | 'failed'; reason: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('scheduler.resolve', { job, as: options.as, reason: options.reason });
        output.result(reply, () => reply.done);
      });
    });
}

import type { ReplyOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderFreezes, renderOverrides, renderPins } from '../render/facts.js';
import { parseUntil } from '../until.js';

interface FreezeOptions {
  scope?: string;
  environment?: string;
  deployment?: string;
  until: string;
  reason: string;
  rollback: boolean;
}

interface PinOptions {
  environment: string;
  resource?: string;
  until?: string;
  reason: string;
}

/** `freeze [list|lift]`, `pin [list]`, `unpin`, `override [list|lift]`: what people decide beside the policies. */
export function peopleCommands(program: Command, cli: Cli): void {
  freezeCommands(program, cli);
  pinCommands(program, cli);
  overrideCommands(program, cli);
}

function freezeCommands(program: Command, cli: Cli): void {
  const freeze = program
    .command('freeze')
    .description('let nothing begin in a scope until a time; what has begun goes on')
    .option('--scope <cel>', 'over deployment, environment and resource: environment.name == "production"')
    .option('-e, --environment <name>', 'instead of a scope, or to narrow it')
    .option('-d, --deployment <name>', 'instead of a scope, or to narrow it')
    .option('--until <when>', '2h, or a moment like 2026-11-24T09:00')
    .option('--reason <text>')
    .option('--no-rollback', 'let rollbacks wait too')
    .addHelpText('after', '\nExample: slipway freeze -e production --until 12h --reason "the sale"')
    .action(async (options: FreezeOptions) => {
      required(freeze, options, ['until', 'reason']);
      await cli.run(async ({ requests, output, now }) => {
        const reply = await requests.ask('policy.freeze', {
          scope: scopeOf(options),
          expiresAt: parseUntil(options.until, now()),
          reason: options.reason,
          allowRollback: options.rollback,
        });
        output.result(reply, () => `${reply.done}\nlift it: slipway freeze lift ${reply.id}`);
      });
    });
  freeze
    .command('list')
    .description('freezes in force')
    .option('--all', 'those that have ended too', false)
    .action(async (_: object, command: Command) => {
      const { all } = command.opts<{ all: boolean }>();
      await cli.run(async ({ requests, output, now }) => {
        const { freezes } = await requests.ask('policy.freezes', { all });
        output.result(freezes, () => renderFreezes(freezes, now()));
      });
    });
  liftCommand(freeze, cli, 'policy.liftFreeze', 'end a freeze before its time');
}

function pinCommands(program: Command, cli: Cli): void {
  const pin = program
    .command('pin')
    .description('hold an environment, or one --resource of it, at a version, newer or older than what runs; its gates apply')
    .argument('<deployment>')
    .argument('<version>', 'tag')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('--until <when>', '2h, or a moment like 2026-11-24T09:00; without it until somebody unpins')
    .option('--reason <text>')
    .action(async (deployment: string, version: string, options: PinOptions) => {
      required(pin, options, ['environment', 'reason']);
      await cli.run(async ({ requests, output, now }) => {
        const { environment, resource, until, reason } = options;
        const reply = await requests.ask('policy.pin', {
          ...{ deployment, version, environment, reason },
          ...(resource === undefined ? {} : { resource }),
          ...(until === undefined ? {} : { expiresAt: parseUntil(until, now()) }),
        });
        output.result(reply, () => reply.done);
      });
    });
  pin
    .command('list')
    .description('pins in force')
    .option('--all', 'those that have ended too', false)
    .action(async (_: object, command: Command) => {
      const { all } = command.opts<{ all: boolean }>();
      await cli.run(async ({ requests, output, now }) => {
        const { pins } = await requests.ask('policy.pins', { all });
        output.result(pins, () => renderPins(pins, now()));
      });
    });
  program
    .command('unpin')
    .description('take a pin away: what is newer may come again')
    .argument('<deployment>')
    .requiredOption('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('--reason <text>')
    .action(async (deployment: string, options: { environment: string; resource?: string; reason?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('policy.unpin', { deployment, ...options });
        output.result(reply, () => reply.done);
      });
    });
}

function overrideCommands(program: Command, cli: Cli): void {
  const override = program
    .command('override')
    .description('skip a gate (approval, window, environmentProgression, …) for a version in an environment, until a time')
    .argument('<rule>')
    .argument('<deployment>')
    .argument('<version>', 'tag')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('--until <when>', '2h, or a moment like 2026-11-24T09:00')
    .option('--reason <text>')
    .action(async (rule: string, deployment: string, version: string, options: PinOptions & { until: string }) => {
      required(override, options, ['environment', 'until', 'reason']);
      await cli.run(async ({ requests, output, now }) => {
        const { environment, resource, until, reason } = options;
        const reply = await requests.ask('policy.override', {
          ...{ rule, deployment, version, environment, reason },
          ...(resource === undefined ? {} : { resource }),
          expiresAt: parseUntil(until, now()),
        });
        output.result(reply, () => `${reply.done}; now ${verdictOf(reply)}\nlift it: slipway override lift ${reply.id}`);
      });
    });
  override
    .command('list')
    .description('overrides in force')
    .option('--all', 'those that have ended too', false)
    .action(async (_: object, command: Command) => {
      const { all } = command.opts<{ all: boolean }>();
      await cli.run(async ({ requests, output, now }) => {
        const { overrides } = await requests.ask('policy.overrides', { all });
        output.result(overrides, () => renderOverrides(overrides, now()));
      });
    });
  liftCommand(override, cli, 'policy.liftOverride', 'let the gate hold again before its time');
}

function liftCommand(parent: Command, cli: Cli, operation: 'policy.liftFreeze' | 'policy.liftOverride', about: string): void {
  parent
    .command('lift')
    .description(about)
    .argument('<id>')
    .option('--reason <text>')
    .action(async (id: string, _: object, command: Command) => {
      // The command above has an option of that name too, and takes it.
      const { reason } = command.optsWithGlobals<{ reason?: string }>();
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask(operation, { id, ...(reason === undefined ? {} : { reason }) });
        output.result(reply, () => reply.done);
      });
    });
}

function verdictOf({ verdict, because }: ReplyOf<'policy.override'>): string {
  return because.length > 0 ? `${verdict}: ${because.join('; ')}` : verdict;
}

/** The scope as given, narrowed to a deployment or environment by name. */
function scopeOf({ scope, environment, deployment }: FreezeOptions): string {
  const parts = [
    ...(environment === undefined ? [] : [`environment.name == ${JSON.stringify(environment)}`]),
    ...(deployment === undefined ? [] : [`deployment.name == ${JSON.stringify(deployment)}`]),
  ];
  if (scope !== undefined) parts.push(parts.length === 0 ? scope : `(${scope})`);
  if (parts.length > 0) return parts.join(' && ');
  throw new SlipwayError({
    code: 'cli.freeze.scope',
    kind: 'invalid',
    message: 'slipway freeze: say what: -e production, -d checkout, or --scope with CEL; --scope true is everything',
  });
}

/** Commands with others below them: what commander requires of the one it requires of the others too. */
function required<T extends object>(command: Command, options: T, names: (keyof T & string)[]): void {
  const missing = names.filter((name) => options[name] === undefined);
  if (missing.length > 0) command.error(`error: slipway ${command.name()}: --${missing.join(' and --')} must be given`);
}

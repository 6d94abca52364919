import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../project.js';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { span } from '../render/when.js';
import { columns } from '../terminal.js';

/** `agent list|run|enroll|drain|pause|resume|revoke`. */
export function agentCommands(program: Command, cli: Cli): void {
  const agent = program.command('agent').description('agents: who carries jobs out');
  agent
    .command('list')
    .description('agents, as enrolled and as last heard of')
    .action(async () => {
      await cli.run(async ({ requests, output, now }) => {
        const [enrolled, heard] = await Promise.all([requests.ask('registry.agents', {}), requests.ask('scheduler.agents', {})]);
        const agents = enrolled.agents.map((one) => ({ ...one, ...heard.agents.find((other) => other.agent === one.name) }));
        output.result(agents, () =>
          columns([
            ['agent', 'pool', 'state', 'heard', 'executors'].map((head) => output.paint.dim(head)),
            ...agents.map((one) => [
              one.name,
              one.pool,
              one.revokedAt !== undefined ? output.paint.red('revoked') : (one.state ?? output.paint.yellow('never heard of')),
              one.heardAt === undefined ? '–' : `${span(now() - one.heardAt)} ago`,
              one.executors.join(', '),
            ]),
          ]),
        );
      });
    });
  agent
    .command('run')
    .description('run an agent here: --directory DIR [--token TOKEN] [--config FILE] [--labels a=b] [--capacity N] [--pass-env NAME,…]');
  agent
    .command('enroll')
    .description('a one-time token with which an agent enrols (15 minutes)')
    .argument('<name>')
    .requiredOption('--pool <pool>')
    .requiredOption('--executors <names>', 'comma separated, like command,github-actions')
    .action(async (name: string, options: { pool: string; executors: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.inviteAgent', {
          agent: name,
          pool: options.pool,
          executors: options.executors.split(','),
        });
        for (const warning of reply.warnings) output.note(`warning: ${warning}`);
        output.result(reply, () => reply.token);
      });
    });
  for (const [command, what] of [
    ['drain', 'it takes nothing new and finishes what it has: before its machine goes away'],
    ['pause', 'it takes nothing new until it is resumed'],
    ['resume', 'it takes jobs again'],
  ] as const)
    agent
      .command(command)
      .description(what)
      .argument('<name>')
      .option('--reason <text>')
      .action(async (name: string, options: { reason?: string }) => {
        await cli.run(async ({ requests, output }) => {
          const reply = await requests.ask('scheduler.commandAgent', { agent: name, command, ...options });
          output.result(reply, () => reply.done);
        });
      });
  agent
    .command('revoke')
    .description('its connection drops and its credential is worth nothing')
    .argument('<name>')
    .option('--reason <text>')
    .action(async (name: string, options: { reason?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.revokeAgent', { agent: name, ...options });
        output.result(reply, () => reply.done);
      });
    });
}

/** `agent run`. The agent is a program of its own; this only starts it, passes on what it is told, and ends as it ends. */
export function runAgent(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join(PROJECT_ROOT, 'dist', 'agents', 'src', 'main.js'), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}

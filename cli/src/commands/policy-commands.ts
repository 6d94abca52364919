import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderExplanation } from '../render/explain.js';

/** `explain`, `approve`, `reject`, `withdraw`. */
export function policyCommands(program: Command, cli: Cli): void {
  program
    .command('explain')
    .description('why a version may or may not go, and what would unblock it')
    .argument('<deployment>')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>')
    .action(async (deployment: string, options: { environment?: string; resource?: string; version?: string }) => {
      await cli.run(async ({ requests, output, now }) => {
        const reply = await requests.ask('policy.explain', { deployment, ...options });
        output.result(reply, () =>
          reply.decisions.length === 0
            ? `Nothing newer than what runs is there for ${deployment}.`
            : reply.decisions.map((decision) => renderExplanation(decision, now(), output.paint)).join('\n\n'),
        );
      });
    });

  for (const verb of ['approve', 'reject', 'withdraw'] as const) {
    program
      .command(verb)
      .description(
        {
          approve: 'approve a version for an environment',
          reject: 'block a version for an environment until withdrawn',
          withdraw: 'take your approval or rejection back',
        }[verb],
      )
      .argument('<deployment>')
      .argument('<version>', 'tag')
      .requiredOption('-e, --environment <name>')
      .option('--reason <text>')
      .action(async (deployment: string, version: string, options: { environment: string; reason?: string }) => {
        await cli.run(async ({ requests, output }) => {
          const request = { deployment, version, environment: options.environment };
          const because = options.reason ? { reason: options.reason } : {};
          const reply =
            verb === 'approve'
              ? await requests.ask('policy.approve', { ...request, ...because })
              : verb === 'reject'
                ? await requests.ask('policy.reject', { ...request, reason: options.reason ?? 'rejected at the command line' })
                : await requests.ask('policy.withdraw', request);
          output.result(
            reply,
            () => `${reply.done}; now ${reply.verdict}${reply.because.length > 0 ? `: ${reply.because.join('; ')}` : ''}`,
          );
        });
      });
  }
}

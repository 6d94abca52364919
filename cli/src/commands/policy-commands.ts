import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderExplanation, renderPlaces, renderUnblock } from '../render/explain.js';

interface ExplainOptions {
  environment?: string;
  resource?: string;
  version?: string;
  unblock: boolean;
}

/** `explain`, `approve`, `reject`, `withdraw`. */
export function policyCommands(program: Command, cli: Cli): void {
  program
    .command('explain')
    .description('why a version may or may not go, and what would unblock it')
    .argument('<deployment>')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>')
    .option('--unblock', 'only the smallest set of what is missing, and the earliest time', false)
    .action(async (deployment: string, { unblock, ...options }: ExplainOptions) => {
      await cli.run(async ({ requests, output, now }) => {
        const reply = await requests.ask('policy.explain', { deployment, ...options });
        output.result(reply, () => {
          if (reply.decisions.length === 0) return `Nothing newer than what runs is there for ${deployment}.`;
          if (unblock) return reply.decisions.map((one) => renderUnblock(one, now(), output.paint)).join('\n\n');
          const isShort = options.environment === undefined && options.resource === undefined && reply.decisions.length > 1;
          if (isShort) return renderPlaces(reply.decisions, output.paint);
          return reply.decisions.map((decision) => renderExplanation(decision, now(), output.paint)).join('\n\n');
        });
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

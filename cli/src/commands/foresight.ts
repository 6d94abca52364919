import { SlipwayError, checkDuration, parseDuration } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { DIFFERENT_EXIT_CODE, readDocuments } from '../documents.js';
import { renderHistory } from '../render/history.js';
import { renderShadows } from '../render/shadow.js';
import { renderSimulation } from '../render/simulation.js';

/** Judging a large fleet under two sets of policies takes seconds; a service answers within 30 s or not at all. */
const SIMULATE_TIMEOUT_MS = 28_000;

interface SimulateOptions {
  file?: string[];
  remove?: string[];
  version?: string;
  deployment?: string;
  environment?: string;
  since?: string;
}

/** `simulate`, `shadow`, `history`. */
export function foresightCommands(program: Command, cli: Cli): void {
  program
    .command('simulate')
    .description('what a change of policies would change, today or --since; exits 0 when nothing, 10 when something')
    .argument('[paths...]', 'files or folders with policies')
    .option('-f, --file <path...>', 'files or folders; - reads standard input')
    .option('--remove <policy...>', 'without these policies')
    .option('-v, --version <tag>', 'only this version; with --deployment also one that is not published yet')
    .option('-d, --deployment <name>')
    .option('-e, --environment <name>')
    .option('--since <duration>', 'against what was recorded: 30d')
    .action(async (paths: string[], options: SimulateOptions) => {
      await cli.run(async ({ requests, output, now }) => {
        const { file, remove, since, ...where } = options;
        const named = [...paths, ...(file ?? [])];
        if (named.length === 0 && !remove && where.version === undefined) throw nothingToSimulate();
        const request = {
          files: named.length === 0 ? [] : readDocuments(named),
          ...(remove ? { remove } : {}),
          ...where,
          ...sinceOf(since),
        };
        const reply = await requests.ask('policy.simulate', request, { timeoutMs: SIMULATE_TIMEOUT_MS });
        output.result(reply, () => renderSimulation(reply, now(), output.paint));
        return reply.changes.length + (reply.history?.changes.length ?? 0) > 0 ? DIFFERENT_EXIT_CODE : 0;
      });
    });

  program
    .command('shadow')
    .description('where policies with shadow: true disagreed with the gate, and for how long')
    .argument('[policy]')
    .option('-d, --deployment <name>')
    .option('-e, --environment <name>')
    .option('--since <duration>', '30d when nothing is said')
    .action(async (policy: string | undefined, options: { deployment?: string; environment?: string; since?: string }) => {
      await cli.run(async ({ requests, output, now }) => {
        const { since, ...where } = options;
        const reply = await requests.ask('policy.shadow', { ...(policy === undefined ? {} : { policy }), ...where, ...sinceOf(since) });
        output.result(reply, () => renderShadows(reply, now(), output.paint));
      });
    });

  program
    .command('history')
    .description('what of a deployment went where, when, by whom and why; newest first')
    .argument('<deployment>')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>')
    .option('--since <duration>')
    .option('-n, --limit <n>', 'so many at most', Number, 50)
    .action(
      async (deployment: string, options: { environment?: string; resource?: string; version?: string; since?: string; limit: number }) => {
        await cli.run(async ({ requests, output, now }) => {
          const { since, ...where } = options;
          const reply = await requests.ask('policy.history', { deployment, ...where, ...sinceOf(since) });
          output.result(reply, () => renderHistory(reply, now(), output.paint));
        });
      },
    );
}

function sinceOf(since: string | undefined): { sinceMs?: number } {
  if (since === undefined) return {};
  const wrong = checkDuration(since);
  if (wrong !== undefined) throw new SlipwayError({ code: 'cli.since.invalid', kind: 'invalid', message: `--since ${wrong}` });
  return { sinceMs: parseDuration(since) };
}

function nothingToSimulate(): SlipwayError {
  return new SlipwayError({
    code: 'cli.simulate.nothing',
    kind: 'invalid',
    message: 'name what would change: slipway simulate -f policy.yaml, --remove <policy>, or --version <tag> with --deployment <name>',
  });
}

import { SlipwayError } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { renderVerification, type VerificationView } from '../render/verification.js';

/** Newest verifications of a place among which the latest of each target is found. */
const LOOKED_THROUGH = 1_000;

interface VerificationOptions {
  environment?: string;
  resource?: string;
  version?: string;
}

/** `verification`: what was measured after the latest job of each target, metric by metric. */
export function verificationCommand(program: Command, cli: Cli): void {
  program
    .command('verification')
    .description('what was measured at each target, and what that says: a job id, or a deployment with --environment for its latest')
    .argument('<job>', 'job id, or deployment')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>')
    .action(async (name: string, options: VerificationOptions) => {
      await cli.run(async ({ requests, output, now }) => {
        const byId = name.includes('-') && name.length >= 32;
        const which = byId ? { id: name } : { deployment: name, ...options };
        const { jobs } = await requests.ask('scheduler.jobs', { kind: 'verify', limit: LOOKED_THROUGH, ...which });
        const latest = latestOfEach(jobs as unknown as VerificationView[]);
        if (latest.length === 0)
          throw new SlipwayError({
            code: 'cli.verification.missing',
            kind: 'missing',
            message: `nothing was measured for ${name}; slipway watch and slipway status show what there is`,
          });
        output.result(latest, () => latest.map((job) => renderVerification(job, now(), output.paint)).join('\n\n'));
      });
    });
}

/** Newest first: the first of each target is its latest. */
function latestOfEach(jobs: readonly VerificationView[]): VerificationView[] {
  const latest = new Map<string, VerificationView>();
  for (const job of jobs) {
    const target = `${job.deployment}/${job.environment}/${job.resource}`;
    if (!latest.has(target)) latest.set(target, job);
  }
  return [...latest.values()];
}

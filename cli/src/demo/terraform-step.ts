import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/core';
import { firstOnPath } from '@slipway/runtime';
import { readInstallations } from './hosts-log.js';
import { fail, HOSTS_IN_ALL, type Step } from './steps.js';
import { approveWhenAsked, publish, runsEverywhere, until, type Stage } from './story.js';

/** Throws `cli.demo.terraformMissing` when there is no Terraform on this machine. */
export function needsTerraform(): void {
  if (firstOnPath(['terraform', 'tofu'], process.env['PATH'] ?? '') !== undefined) return;
  throw new SlipwayError({
    code: 'cli.demo.terraformMissing',
    kind: 'missing',
    message:
      'demo --with terraform needs Terraform or OpenTofu: neither terraform nor tofu is on the PATH; install one, or leave the option out',
  });
}

/** Before the services come, the hosts are brought about by Terraform; an agent that dies in the middle of an apply changes nothing of that. */
export const TERRAFORM_STEP: Step = {
  title: 'infra 1.0.0 goes everywhere by Terraform; the agent is killed in the middle of an apply',
  async play(stage) {
    await publish(stage, 'infra', '1.0.0', 'the hosts as they should be');
    await runsEverywhere(stage, 'infra', 'staging', '1.0.0');
    await approveWhenAsked(stage, 'infra', 'production', '1.0.0');
    await killInApply(stage);
    await runsEverywhere(stage, 'infra', 'production', '1.0.0');
    checkHosts(stage);
  },
};

async function killInApply(stage: Stage): Promise<void> {
  const job = await until(stage, 'an apply of infra 1.0.0 is under way in production', async () => {
    const reply = await stage.session.requests.ask('scheduler.jobs', { deployment: 'infra', environment: 'production', limit: 50 });
    return reply.jobs.find(
      ({ kind, state, step }) => kind === 'deploy' && state === 'running' && typeof step === 'string' && /^\d+ of \d+/.test(step),
    );
  });
  stage.kill('agent');
  stage.say(`kill -9 agent, while Terraform applies ${job.step} on ${job.resource}; the apply goes on, and the agent takes it up again`);
}

/** By what Terraform has left on the hosts, not by what anybody says. */
function checkHosts(stage: Stage): void {
  const applied = readInstallations(stage.hostsDirectory).filter(({ service }) => service === 'infra');
  if (applied.length !== HOSTS_IN_ALL)
    fail(`infra should have been applied once on each of ${HOSTS_IN_ALL} hosts; their logs have ${applied.length}`);
  for (const { host } of applied) {
    const file = join(stage.hostsDirectory, host, 'infra.json');
    const made = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }) : {};
    if (made.version !== '1.0.0') fail(`${file} should be of version 1.0.0; it is of ${made.version ?? 'none'}`);
  }
  stage.say(`infra.json stands on all ${HOSTS_IN_ALL} hosts, each applied exactly once`);
}

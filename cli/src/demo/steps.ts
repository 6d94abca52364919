import { SlipwayError } from '@slipway/core';
import { renderExplanation } from '../render/explain.js';
import { NO_PAINT } from '../terminal.js';
import { readInstallations } from './hosts-log.js';
import { approveWhenAsked, cell, goesEverywhere, publish, runsEverywhere, until, type Stage } from './story.js';

/** One step of the story; it throws with the reason when it does not come to pass. */
export interface Step {
  title: string;
  play(stage: Stage): Promise<void>;
}

export const HOSTS_IN_ALL = 8;

/** Kill a process once a job of this version is really under way somewhere. */
async function killWhileRunning(
  stage: Stage,
  who: 'agent' | 'scheduler',
  deployment: string,
  environment: string,
  tag: string,
): Promise<void> {
  const job = await until(stage, `a job of ${deployment} ${tag} runs in ${environment}`, async () => {
    const reply = await stage.session.requests.ask('scheduler.jobs', { deployment, environment, version: tag, limit: 50 });
    return reply.jobs.find((candidate) => candidate.kind === 'deploy' && candidate.state === 'running');
  });
  stage.kill(who);
  stage.say(`kill -9 ${who}, while job ${job.id} runs on ${job.resource}`);
}

/** The story, in order. */
export const STEPS: readonly Step[] = [
  {
    title: '1.0.0 goes everywhere',
    async play(stage) {
      await publish(stage, 'catalog', '1.0.0', 'first catalog');
      await publish(stage, 'checkout', '1.0.0', 'first checkout');
      await Promise.all([goesEverywhere(stage, 'catalog', '1.0.0'), goesEverywhere(stage, 'checkout', '1.0.0')]);
    },
  },
  {
    title: '1.1.0 goes everywhere; the agent is killed in one job, the scheduler in another rollout',
    async play(stage) {
      await publish(stage, 'checkout', '1.1.0', 'faster checkout');
      await killWhileRunning(stage, 'agent', 'checkout', 'staging', '1.1.0');
      await runsEverywhere(stage, 'checkout', 'staging', '1.1.0');
      await approveWhenAsked(stage, 'checkout', 'production', '1.1.0');
      await killWhileRunning(stage, 'scheduler', 'checkout', 'production', '1.1.0');
      await runsEverywhere(stage, 'checkout', 'production', '1.1.0');
    },
  },
  {
    title: '1.2.0 passes staging, is bad in production, and goes back by itself',
    async play(stage) {
      await publish(stage, 'checkout', '1.2.0', 'new payment provider');
      await runsEverywhere(stage, 'checkout', 'staging', '1.2.0');
      await approveWhenAsked(stage, 'checkout', 'production', '1.2.0');
      const began = stage.session.now();
      const bad = await until(stage, 'the canary is back on 1.1.0 and 1.2.0 is quarantined there', async () => {
        const production = await cell(stage, 'checkout', 'production');
        const back = production?.running.find((running) => running.version === '1.1.0');
        return production?.quarantined.length && back?.verified === production.targets ? production.quarantined[0] : undefined;
      });
      stage.times['checkout 1.2.0 bad → back on 1.1.0'] = stage.session.now() - began;
      stage.say(`the canary ${bad.resource} is back on 1.1.0 by itself; 1.2.0 is quarantined there: ${bad.because}`);
      const reply = await stage.session.requests.ask('policy.explain', {
        deployment: 'checkout',
        environment: 'production',
        version: '1.2.0',
      });
      const text = reply.decisions.map((decision) => renderExplanation(decision, stage.session.now(), NO_PAINT)).join('\n');
      for (const told of ['quarantine', 'rolledBack', 'verification failed', '1.1.0']) {
        if (!text.includes(told)) fail(`explain does not tell of "${told}":\n${text}`);
      }
      stage.say(`slipway explain checkout -e production -v 1.2.0\n${indent(text)}`);
      const seen = new Set(
        readInstallations(stage.hostsDirectory)
          .filter((i) => i.version === '1.2.0' && i.service === 'checkout')
          .map((i) => i.host),
      );
      const production = [...seen].filter((host) => !host.includes('staging') && host !== bad.resource);
      if (!seen.has(bad.resource) || production.length > 0)
        fail(`1.2.0 was installed on ${[...seen].join(', ')}; in production it should have been on ${bad.resource} alone`);
      stage.say('the other five hosts never saw 1.2.0: their own logs say so');
    },
  },
  {
    title: '1.2.1 goes everywhere',
    async play(stage) {
      await publish(stage, 'checkout', '1.2.1', 'payment provider mended');
      await goesEverywhere(stage, 'checkout', '1.2.1');
    },
  },
  {
    title: 'nothing was lost or done twice',
    async play(stage) {
      const installations = readInstallations(stage.hostsDirectory);
      const jobs = installations.map((i) => `${i.host} ${i.job}`);
      const twice = jobs.filter((job, i) => jobs.indexOf(job) !== i);
      if (twice.length > 0) fail(`done twice, by the hosts' own logs: ${twice.join(', ')}`);
      for (const tag of ['1.0.0', '1.1.0', '1.2.1']) {
        const hosts = new Set(installations.filter((i) => i.service === 'checkout' && i.version === tag).map((i) => i.host));
        if (hosts.size !== HOSTS_IN_ALL)
          fail(`checkout ${tag} should have been installed on ${HOSTS_IN_ALL} hosts; the logs name ${hosts.size}`);
      }
      stage.say(`${installations.length} installations in the hosts' own logs, each job exactly once`);
    },
  },
];

export function fail(message: string): never {
  throw new SlipwayError({ code: 'demo.step.failed', kind: 'conflict', message });
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
}

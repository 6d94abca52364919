import { SlipwayError } from '@slipway/core';
import type { StatusCell } from '@slipway/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../cli.js';
import { span } from '../render/when.js';
import type { Recorder } from './recorder.js';

/** Longest that a step of the story may take before it has failed. */
export const STEP_DEADLINE_MS = 60_000;
/** Without any event, look again this often. */
const LOOK_AGAIN_MS = 250;

/** What each step of the demo gets. */
export interface Stage {
  session: Session;
  recorder: Recorder;
  hostsDirectory: string;
  kill(process: 'agent' | 'scheduler'): void;
  say(line: string): void;
  /** Kept for the report: name → milliseconds. */
  times: Record<string, number>;
}

/** Wait until `look` gives something; fails with the name and what was seen last. */
export async function until<T>(stage: Stage, name: string, look: () => Promise<T | undefined>, deadlineMs = STEP_DEADLINE_MS): Promise<T> {
  const began = stage.session.now();
  for (let last = ''; ;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      last = '';
    } catch (error) {
      // A service that was just killed does not answer; anything else is told with the step.
      if (!(error instanceof SlipwayError) || error.kind !== 'unavailable') throw error;
      last = error.message;
      await sleep(LOOK_AGAIN_MS);
    }
    if (stage.session.now() - began > deadlineMs) {
      throw new SlipwayError({
        code: 'demo.step.failed',
        kind: 'conflict',
        message: `did not come to pass in ${span(deadlineMs)}: ${name}${last ? ` (${last})` : ''}\n${await situation(stage)}`,
      });
    }
    await stage.recorder.next(LOOK_AGAIN_MS);
  }
}

async function situation(stage: Stage): Promise<string> {
  const [status, jobs] = await Promise.all([
    stage.session.requests.ask('scheduler.status', {}).catch(String),
    stage.session.requests.ask('scheduler.jobs', { limit: 10 }).catch(String),
  ]);
  return JSON.stringify({ status, jobs }, null, 1);
}

/** The cell of the matrix for one deployment in one environment. */
export async function cell(stage: Stage, deployment: string, environment: string): Promise<StatusCell | undefined> {
  const reply = await stage.session.requests.ask('scheduler.status', { deployment, environment });
  return reply.cells[0];
}

/** Publish a version as CI would. */
export async function publish(stage: Stage, deployment: string, tag: string, message: string): Promise<void> {
  await stage.session.requests.ask('registry.publishVersion', { deployment, version: { tag, message, author: 'ci' } });
  stage.say(`${deployment} ${tag} published: ${message}`);
}

/** Wait until every target of the environment runs this version, verified. */
export async function runsEverywhere(stage: Stage, deployment: string, environment: string, tag: string): Promise<void> {
  const began = stage.session.now();
  await until(stage, `${deployment} ${tag} runs everywhere in ${environment}`, async () => {
    const found = await cell(stage, deployment, environment);
    const running = found?.running.find((r) => r.version === tag);
    return found && found.targets > 0 && running?.count === found.targets && running.verified === found.targets ? true : undefined;
  });
  const took = stage.session.now() - began;
  stage.times[`${deployment} ${tag} → ${environment}`] = took;
  stage.say(`${deployment} ${tag} runs on every target of ${environment}, verified`);
}

/** Wait until the version waits in this environment for nothing but an approval, say why, and give it. */
export async function approveWhenAsked(stage: Stage, deployment: string, environment: string, tag: string): Promise<void> {
  const because = await until(stage, `${deployment} ${tag} waits for approval in ${environment}`, async () => {
    const reply = await stage.session.requests.ask('policy.explain', { deployment, environment, version: tag });
    const rules = reply.decisions.flatMap(({ decision }) =>
      decision.groups.flatMap((group) => [...group.standing, ...group.policies.flatMap((policy) => policy.rules)]),
    );
    const open = rules.filter((rule) => rule.verdict !== 'allowed');
    return open.length > 0 && open.every((rule) => rule.rule === 'approval') ? reply.decisions[0]?.decision.because : undefined;
  });
  stage.say(`${deployment} ${tag} waits in ${environment}: ${because.join('; ')}`);
  const reply = await stage.session.requests.ask('policy.approve', { deployment, environment, version: tag, reason: 'the demo says yes' });
  stage.say(reply.done);
}

/** All the way: staging by itself, production after soak and approval. */
export async function goesEverywhere(stage: Stage, deployment: string, tag: string): Promise<void> {
  await runsEverywhere(stage, deployment, 'staging', tag);
  await approveWhenAsked(stage, deployment, 'production', tag);
  await runsEverywhere(stage, deployment, 'production', tag);
}

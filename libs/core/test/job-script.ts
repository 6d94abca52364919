import { advanceJob, type Job, type JobEvent } from '@slipway/core';
import { report } from './job-arbitraries.js';

export const at = (now: number) => ({ now, random: 0.5 });

/** Applies events in turn; a number moves the clock on. */
export function play(job: Job, ...script: (JobEvent | number)[]): { job: Job; effects: string[]; now: number } {
  let now = 0;
  const effects: string[] = [];
  for (const step of script) {
    if (typeof step === 'number') {
      now += step;
      continue;
    }
    const next = advanceJob(job, step, at(now));
    job = next.job;
    effects.push(...next.effects.map((e) => (e.type === 'announce' ? e.verb : e.type)));
  }
  return { job, effects, now };
}

export const dispatched: JobEvent = { type: 'dispatched' };
export const time: JobEvent = { type: 'time' };
export const claim = (agent = 'agent-a', attempt = 1): JobEvent => ({ type: 'claim', agent, attempt });
export const renew = (agent = 'agent-a', epoch = 1): JobEvent => ({ type: 'renew', agent, epoch });
export const says = (verb: Parameters<typeof report>[0], n: number, epoch = 1, agent = 'agent-a'): JobEvent => ({
  type: 'report',
  agent,
  report: report(verb, epoch, n),
});

import type { Job, JobEffect, JobReport } from '../model/job.js';
import type { JobStep, JobTime } from './job-step.js';
import { endJob } from './end-job.js';
import { RUN_GRACE_MS } from './job-limits.js';
import { holdAgain } from './lease.js';

/**
 * What one report changes. I3: only the holder's reports of the current epoch count, each `n` once and never backwards. A measurement that was
 * overtaken by a later report is still handed on, since it is kept by its index and moves no state.
 */
export function takeReport(job: Job, agent: string, report: JobReport, time: JobTime): JobStep {
  if (job.agent !== agent || job.epoch !== report.epoch || job.claimedAt === undefined) return { job, effects: [] };
  const measured: JobEffect[] = report.verb === 'measured' ? [{ type: 'measured', measurement: report.measurement }] : [];
  if (report.n <= job.reportN) return { job, effects: measured };

  const heard: Job = { ...job, reportN: report.n, heardAt: time.now };
  switch (report.verb) {
    case 'started':
    case 'progress':
    case 'measured': {
      const step = run(heard, time.now);
      return { job: holdAgain({ ...step.job, ...said(heard, report) }, time.now), effects: [...step.effects, ...measured] };
    }
    case 'actionRequired':
      return askPerson(heard, report, time.now);
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'timedOut':
    case 'rejected':
    case 'unknown': {
      const { message, outputs, links } = report;
      return endJob(heard, report.verb, time, {
        ...(message === undefined ? {} : { message }),
        ...(outputs ? { outputs } : {}),
        ...(links ? { links: { ...heard.links, ...links } } : {}),
      });
    }
  }
}

/**
 * True when reports with smaller `n` of this epoch have not come yet. The end of a `verify` job should wait for them (give the message back with a
 * delay): a measurement that comes after the end is too late to count.
 */
export function missesReports(job: Job, report: JobReport): boolean {
  return report.epoch === job.epoch && report.n > job.reportN + 1;
}

/** It runs now: the first time its start is announced and the run deadline set; after a person's act the deadline is set anew. */
function run(job: Job, now: number): JobStep {
  if (job.state === 'running') return { job, effects: [] };
  const effects: JobEffect[] = job.startedAt === undefined ? [{ type: 'announce', verb: 'started' }] : [];
  const runUntil = job.runUntil ?? now + job.limits.runMs + RUN_GRACE_MS;
  const { asked: _, ...rest } = job;
  return { job: { ...rest, state: 'running', startedAt: job.startedAt ?? now, runUntil }, effects };
}

/** It runs, but its time stands still. An answer counts for what was asked and for nothing else. */
function askPerson(job: Job, report: Extract<JobReport, { verb: 'actionRequired' }>, now: number): JobStep {
  const { message, link, question } = report;
  const again = job.asked?.message === message && job.asked.link === link && job.asked.question === question;
  const asked = { at: now, message, ...(link === undefined ? {} : { link }), ...(question === undefined ? {} : { question }) };
  const step = run(job, now);
  const { runUntil: _, pickupUntil: __, confirmation, ...rest } = step.job;
  const waiting: Job = {
    ...rest,
    state: 'actionRequired',
    message,
    ...(link === undefined ? {} : { links: { ...rest.links, action: link } }),
    asked: again && job.asked ? job.asked : asked,
    ...(confirmation && confirmation.question === question ? { confirmation } : {}),
  };
  const effects: JobEffect[] = again ? step.effects : [...step.effects, { type: 'announce', verb: 'actionRequired' }];
  return { job: holdAgain(waiting, now), effects };
}

function said(job: Job, report: JobReport): Partial<Job> {
  if (report.verb !== 'progress') return {};
  return {
    ...(report.percent === undefined ? {} : { percent: report.percent }),
    ...(report.step === undefined ? {} : { step: report.step }),
    ...(report.message === undefined ? {} : { message: report.message }),
    ...(report.links ? { links: { ...job.links, ...report.links } } : {}),
  };
}

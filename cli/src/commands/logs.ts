import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { logChunkSchema, type LogChunk } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli, Session } from '../cli.js';

/** Newest jobs of a place among which the one that deployed is found. */
const JOBS_LOOKED_THROUGH = 50;
/** Chunks read in one request. */
const PAGE_CHUNKS = 500;
/** The stream has no such message. */
const NOT_FOUND_CODE = 404;
/** While following: look for new chunks at once when one is heard, else this often. */
const FOLLOW_LOOK_MS = 2_000;
const FOLLOW_STEP_MS = 50;

interface LogOptions {
  follow?: boolean;
  environment?: string;
  resource?: string;
  version?: string;
}

/** `logs`: what a job wrote. */
export function logsCommand(program: Command, cli: Cli): void {
  program
    .command('logs')
    .description('what a job wrote: a job id, or a deployment with --environment and --resource for its latest job')
    .argument('<job>', 'job id, or deployment')
    .option('-e, --environment <name>')
    .option('-r, --resource <identifier>')
    .option('-v, --version <tag>')
    .option('--follow', 'go on until the job has ended', false)
    .action(async (job: string, options: LogOptions) => {
      await cli.run((session) => logs(session, job, options));
    });
}

async function logs(session: Session, name: string, options: LogOptions): Promise<void> {
  const job = await findJob(session, name, options);
  const subject = `slipway.agt.*.log.${job}`;
  let news = false;
  if (options.follow) session.nats.subscribe(subject, { callback: () => void (news = true) });
  const all: LogChunk[] = [];
  for (let seq = 1; ;) {
    const over = options.follow ? await ended(session, job) : true;
    news = false;
    for (let page = await readPage(session, subject, seq); page.chunks.length > 0; page = await readPage(session, subject, seq)) {
      seq = page.next;
      for (const chunk of page.chunks) {
        if (session.output.format === 'json') all.push(chunk);
        else print(chunk);
      }
    }
    if (over) break;
    for (let waited = 0; !news && waited < FOLLOW_LOOK_MS; waited += FOLLOW_STEP_MS) await sleep(FOLLOW_STEP_MS);
  }
  if (session.output.format === 'json') session.output.result(all, () => '');
}

/** Chunks from this stream sequence on, straight from the stream: no consumer is made for a look. */
async function readPage(session: Session, subject: string, seq: number): Promise<{ chunks: LogChunk[]; next: number }> {
  const jsm = await jetstreamManager(session.nats);
  const chunks: LogChunk[] = [];
  let next = seq;
  try {
    const batch = await jsm.direct.getBatch('LOGS', { seq, next_by_subj: subject, batch: PAGE_CHUNKS });
    for await (const message of batch) {
      chunks.push(logChunkSchema.parse(message.json()));
      next = message.seq + 1;
    }
  } catch (error) {
    if ((error as { code?: unknown }).code !== NOT_FOUND_CODE) throw error;
  }
  return { chunks, next };
}

function print(chunk: LogChunk): void {
  if (chunk.lostBytes) process.stdout.write(`… ${chunk.lostBytes} bytes were lost here …\n`);
  process.stdout.write(chunk.text);
}

async function ended(session: Session, id: string): Promise<boolean> {
  const reply = await session.requests.ask('scheduler.jobs', { id });
  return ['succeeded', 'failed', 'cancelled', 'timedOut', 'rejected', 'unknown'].includes(reply.jobs[0]?.state ?? 'unknown');
}

async function findJob(session: Session, name: string, options: LogOptions): Promise<string> {
  const byId = name.includes('-') && name.length >= 32;
  const reply = await session.requests.ask(
    'scheduler.jobs',
    byId
      ? { id: name }
      : {
          deployment: name,
          ...(options.environment ? { environment: options.environment } : {}),
          ...(options.resource ? { resource: options.resource } : {}),
          ...(options.version ? { version: options.version } : {}),
          limit: JOBS_LOOKED_THROUGH,
        },
  );
  // Measurements write no log; of a deployment it is the latest deploy job that people mean.
  const job = reply.jobs.find((candidate) => byId || candidate.kind !== 'verify');
  if (!job)
    throw new SlipwayError({
      code: 'cli.job.missing',
      kind: 'missing',
      message: `there is no job ${name}; slipway watch and slipway status show what there is`,
    });
  if (session.output.format === 'text')
    session.output.note(`job ${job.id}  ${job.kind} ${job.deployment} ${job.version} on ${job.resource}: ${job.state}`);
  return job.id;
}

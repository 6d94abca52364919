import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { logChunkSchema, type LogChunk } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli, Session } from '../cli.js';

/** How long to wait for a further chunk of a log that is not followed. */
const LAST_CHUNK_WAIT_MS = 400;

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
  const chunks: LogChunk[] = [];
  const jsm = await jetstreamManager(session.nats);
  const subject = `slipway.agt.*.log.${job}`;
  const consumer = await jetstream(session.nats).consumers.get('LOGS', { filter_subjects: [subject] });
  let pending = Object.keys((await jsm.streams.info('LOGS', { subjects_filter: subject })).state.subjects ?? {}).length > 0;
  while (pending || options.follow) {
    const message = await consumer.next({ expires: options.follow ? 5_000 : Math.max(1_000, LAST_CHUNK_WAIT_MS) });
    if (!message) {
      if (!options.follow || (await ended(session, job))) break;
      continue;
    }
    const chunk = logChunkSchema.parse(message.json());
    if (session.output.format === 'json') chunks.push(chunk);
    else print(chunk);
    pending = message.info.pending > 0;
  }
  if (session.output.format === 'json') session.output.result(chunks, () => '');
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
          limit: 1,
        },
  );
  const job = reply.jobs[0];
  if (!job) throw new SlipwayError({ code: 'cli.job.missing', kind: 'missing', message: `there is no job ${name}; slipway watch and slipway status show what there is` });
  if (session.output.format === 'text') session.output.note(`job ${job.id}  ${job.kind} ${job.deployment} ${job.version} on ${job.resource}: ${job.state}`);
  return job.id;
}

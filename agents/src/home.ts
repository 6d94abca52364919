import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SlipwayError } from '@slipway/core';
import { z } from 'zod';

/** What is remembered of the enrolment beside the keys. */
const enrolmentSchema = z.object({
  agent: z.string(),
  servers: z.array(z.string()),
  pool: z.string(),
  executors: z.array(z.string()),
  /** Hash of the token that it was got with: another token is a wish for another enrolment. */
  token: z.string().optional(),
});
export type Enrolment = z.infer<typeof enrolmentSchema>;

/** The agent's directory: its keys, its credential, journal and work. Only its user may look into it. */
export class AgentHome {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = path.resolve(directory);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    chmodSync(this.directory, 0o700);
  }

  get credentialsFile(): string {
    return path.join(this.directory, 'agent.creds');
  }

  get journalFile(): string {
    return path.join(this.directory, 'journal');
  }

  get workDirectory(): string {
    return path.join(this.directory, 'work');
  }

  /** One agent at a time may live here: two would write one journal. Throws `agent.directory.taken`; gives back how to leave. */
  lock(): () => void {
    const holder = this.readText('lock');
    if (holder !== undefined && holder === processMark(Number.parseInt(holder, 10))) {
      const message = `Cannot start: another agent (process ${Number.parseInt(holder, 10)}) already runs in ${this.directory}.`;
      throw new SlipwayError({ code: 'agent.directory.taken', kind: 'conflict', message });
    }
    this.writeText('lock', processMark(process.pid) ?? '');
    return () => rmSync(path.join(this.directory, 'lock'), { force: true });
  }

  readEnrolment(): Enrolment | undefined {
    const text = this.readText('enrolment.json');
    return text === undefined ? undefined : enrolmentSchema.parse(JSON.parse(text));
  }

  writeEnrolment(enrolment: Enrolment): void {
    this.writeText('enrolment.json', `${JSON.stringify(enrolment, null, 2)}\n`);
  }

  readText(name: string): string | undefined {
    try {
      return readFileSync(path.join(this.directory, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The whole file or the old one, whatever happens in between; readable by its owner only. */
  writeText(name: string, text: string): void {
    const file = path.join(this.directory, name);
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
}

/** A process by its id and start time, since ids come back; undefined when there is none. */
function processMark(pid: number): string | undefined {
  if (!(pid > 0)) return undefined;
  try {
    if (process.platform === 'linux') {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
      return fields?.[0] === 'Z' ? undefined : `${pid} ${fields?.[19]}`;
    }
    return `${pid} ${execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()}`;
  } catch {
    return undefined;
  }
}

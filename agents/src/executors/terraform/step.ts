import { statSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { printable } from '../../text.js';
import { FileTail } from '../processes/file-tail.js';
import { followProgram, type ProgramEnd, type Tail } from '../processes/follow.js';
import { launchRunner } from '../processes/runner.js';
import { readTrace, stopFileOf } from '../processes/trace.js';
import { tellDiagnostic, UiStream, type Diagnostic } from './ui-stream.js';
import type { Workplace } from './workplace.js';

/** A longer line is taken in parts. */
const LINE_LENGTH_MAX = 1_048_576;
/** Of what a command without `-json` says of its failure, so much is told. */
const COMPLAINT_LENGTH_MAX = 1_500;
const COMPLAINTS_MAX = 5;
/** Said before the real reason. */
const PREAMBLE = /^Terraform encountered problems during initiali[sz]ation|^OpenTofu encountered problems during initiali[sz]ation/;

export interface Step {
  /** Names its directory: `plan-1`. */
  name: string;
  /** What to run; asked only when it is begun, once its directory is there. */
  command: () => Promise<{ arguments: readonly string[]; env: NodeJS.ProcessEnv }>;
  /** Show what it says in the job's log. */
  show: boolean;
  /** Called with every line, once it was taken. */
  heard?: (ui: UiStream) => void;
}

export interface StepEnd {
  end: ProgramEnd;
  ui: UiStream;
  /** What was wrong, from the `-json` lines or from the text of those that have none. */
  errors: Diagnostic[];
}

/** Begin a command under a runner, unless an earlier life or call has: its directory tells. */
export async function launchStep(place: Workplace, { name, command }: Pick<Step, 'name' | 'command'>): Promise<void> {
  const { run } = place;
  const directory = place.file(name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readTrace(directory)).state !== 'none') return;
  const { arguments: args, env } = await command();
  await launchRunner(run, directory, [place.program, ...args], { cwd: place.sources, env, stopFile: stopFileOf(run.directory) });
}

/** Follow a command to its end; undefined when `until` fired first: it then goes on. */
export async function followStep(place: Workplace, step: Omit<Step, 'command'>, until: AbortSignal): Promise<StepEnd | undefined> {
  const directory = place.file(step.name);
  const ui = new UiStream();
  const end = await followProgram(place.run, directory, [new StepTail(place, step, 'out', ui), new StepTail(place, step, 'err')], until);
  if (end === undefined) return undefined;
  const errors = ui.errors.length > 0 || end === 'gone' || end.status === 0 ? ui.errors : await complaints(directory);
  return { end, ui, errors };
}

/** The output of a command, line by line. Read anew from the beginning in every life; what the log has already is not shown again. */
class StepTail implements Tail {
  private readonly file: FileTail;
  private readonly shownTo: number;
  private line = '';
  private at = 0;

  constructor(
    private readonly place: Workplace,
    private readonly step: Omit<Step, 'command'>,
    private readonly stream: 'out' | 'err',
    private readonly ui?: UiStream,
  ) {
    const noted = place.run.notes[this.note];
    const file = path.join(place.file(step.name), stream);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    // A shorter file was cut since: all of it is new.
    this.shownTo = typeof noted === 'number' && noted <= size ? noted : 0;
    this.file = new FileTail(place.run, file, 0, (text) => this.take(text));
  }

  read(all: boolean): Promise<void> {
    return this.file.read(all);
  }

  noteOffset(): void {
    if (this.at > this.shownTo && this.place.run.notes[this.note] !== this.at) this.place.run.note(this.note, this.at);
  }

  async close(): Promise<void> {
    await this.file.close();
    if (this.line !== '') this.emit(this.line);
    this.noteOffset();
  }

  private get note(): string {
    return `${this.step.name}.${this.stream}`;
  }

  private take(text: string): void {
    const lines = (this.line + text).split('\n');
    this.line = lines.pop() ?? '';
    for (const line of lines) this.emit(line, 1);
    if (this.line.length < LINE_LENGTH_MAX) return;
    this.emit(this.line);
    this.line = '';
  }

  private emit(line: string, lineEnd = 0): void {
    this.at += Buffer.byteLength(line) + lineEnd;
    const shown = this.ui ? this.ui.take(line) : line;
    if (this.ui) this.step.heard?.(this.ui);
    if (this.step.show && shown !== undefined && this.at > this.shownTo) this.place.run.output.write(this.stream, `${shown.trimEnd()}\n`);
  }
}

/** Commands without `-json` say what is wrong in frames of lines. */
async function complaints(directory: string): Promise<Diagnostic[]> {
  const text = await Promise.all(['err', 'out'].map((name) => readFile(path.join(directory, name), 'utf8').catch(() => '')));
  return complaintsIn(printable(text.join('\n')));
}

/** The things that Terraform says are wrong in a text for people. */
export function complaintsIn(text: string): Diagnostic[] {
  const [before = '', ...errors] = text.replaceAll(/^[╷│╵]\s?/gm, '').split(/^Error: /m);
  const said = errors.length > 0 ? errors.filter((error) => !PREAMBLE.test(error)) : [before];
  return said.slice(0, COMPLAINTS_MAX).map((error) => {
    const [summary = '', ...detail] = error
      .trim()
      .slice(0, COMPLAINT_LENGTH_MAX)
      .split(/\n\s*\n/);
    const place = /^\s*on (\S+) line (\d+)/.exec(detail[0] ?? '');
    const rest = (place ? detail.slice(1) : detail).join('\n\n');
    return { summary: summary || 'it said nothing', detail: rest, ...(place ? { at: `${place[1]}:${place[2]}` } : {}) };
  });
}

/** What a step was told to be wrong with, all of it in one line. */
export const tellErrors = (errors: readonly Diagnostic[]): string => [...new Set(errors.map(tellDiagnostic))].slice(0, 5).join('; ');

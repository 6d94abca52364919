import path from 'node:path';
import type { Run } from '../executor.js';
import { FileTail } from '../processes/file-tail.js';
import type { Tail } from '../processes/follow.js';

const PROGRESS = /^::progress\s+(\d{1,3})(?:\.\d+)?%?(?:\s+(.*))?$/;
const LINK = /^::link\s+(\S+)\s+(https?:\/\/\S+)$/;

/** Takes one output file of a program to the log while it grows, and picks `::progress 40 installing` and `::link name url` lines out of it. */
export class OutputTail implements Tail {
  private readonly file: FileTail;
  private line = '';
  private midLine = false;
  /** The last line that was not empty: what a failure is told with. */
  lastLine = '';

  constructor(
    private readonly run: Run,
    private readonly stream: 'out' | 'err',
  ) {
    const noted = run.notes[`${stream}Offset`];
    const offset = typeof noted === 'number' ? noted : 0;
    this.file = new FileTail(run, path.join(run.directory, stream), offset, (text) => this.take(text));
  }

  read(all: boolean): Promise<void> {
    return this.file.read(all);
  }

  noteOffset(): void {
    const { offset } = this.file;
    if (this.run.notes[`${this.stream}Offset`] !== offset) this.run.note(`${this.stream}Offset`, offset);
  }

  async close(): Promise<void> {
    await this.file.close();
    if (this.line !== '') this.emit(this.line);
    this.noteOffset();
  }

  private take(text: string): void {
    let rest = this.line + text;
    this.line = '';
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      this.emit(rest.slice(0, end + 1));
      rest = rest.slice(end + 1);
    }
    // A line that may be a command waits for its end; anything else is shown as it comes.
    if (!this.midLine && rest.startsWith(':') && rest.length < 1_000) this.line = rest;
    else if (rest !== '') this.emit(rest);
  }

  private emit(text: string): void {
    const startsLine = !this.midLine;
    this.midLine = !text.endsWith('\n');
    if (startsLine && this.stream === 'out' && text.startsWith('::') && this.command(text.trim())) return;
    if (text.trim() !== '') this.lastLine = text.trim().slice(0, 500);
    this.run.output.write(this.stream, text);
  }

  private command(line: string): boolean {
    const progress = PROGRESS.exec(line);
    if (progress) {
      this.run.progress({ percent: Math.min(100, Number(progress[1])), ...(progress[2] ? { step: progress[2] } : {}) });
      return true;
    }
    const link = LINK.exec(line);
    if (link) this.run.progress({ links: { [link[1] as string]: link[2] as string } });
    return link !== null;
  }
}

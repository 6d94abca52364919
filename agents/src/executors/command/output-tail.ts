import { type FileHandle, open, truncate } from 'node:fs/promises';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Run } from '../executor.js';

const READ_BYTES = 65_536;
/** A program that writes faster than its log is taken away loses the middle, not the end. */
const BACKLOG_BYTES_MAX = 1_048_576;
const BACKLOG_KEEP_BYTES = 131_072;
/** A file read past this is cut, so that a flood does not fill the disk; the program appends, so it goes on writing at the new end. */
const FILE_BYTES_MAX = 4 * 1_048_576;

const PROGRESS = /^::progress\s+(\d{1,3})(?:\.\d+)?%?(?:\s+(.*))?$/;
const LINK = /^::link\s+(\S+)\s+(https?:\/\/\S+)$/;

/** Takes one output file of a program to the log while it grows, and picks `::progress 40 installing` and `::link name url` lines out of it. */
export class OutputTail {
  private file: FileHandle | undefined;
  private offset: number;
  private readonly decoder = new StringDecoder('utf8');
  private line = '';
  private midLine = false;
  /** The last line that was not empty: what a failure is told with. */
  lastLine = '';

  constructor(
    private readonly run: Run,
    private readonly stream: 'out' | 'err',
  ) {
    const noted = run.notes[`${stream}Offset`];
    this.offset = typeof noted === 'number' ? noted : 0;
  }

  /** Take what is there now. With `all` to the end of the file, else as much as the log takes. */
  async read(all: boolean): Promise<void> {
    this.file ??= await open(this.path(), 'r').catch(() => undefined);
    if (!this.file) return;
    let { size } = await this.file.stat();
    if (size < this.offset) this.offset = 0;
    if (size - this.offset > BACKLOG_BYTES_MAX) {
      const skipped = size - this.offset - BACKLOG_KEEP_BYTES;
      this.run.output.lose(skipped);
      this.offset += skipped;
    }
    while (this.offset < size && (all || this.run.output.ready())) {
      const { bytesRead, buffer } = await this.file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, this.offset);
      if (bytesRead === 0) break;
      this.offset += bytesRead;
      this.take(this.decoder.write(buffer.subarray(0, bytesRead)));
    }
    if (this.offset > FILE_BYTES_MAX || size > 2 * FILE_BYTES_MAX) {
      ({ size } = await this.file.stat());
      this.run.output.lose(Math.max(0, size - this.offset));
      await truncate(this.path(), 0);
      this.offset = 0;
    }
  }

  /** Remember how far it was read, for a later life of the agent. */
  noteOffset(): void {
    if (this.run.notes[`${this.stream}Offset`] !== this.offset) this.run.note(`${this.stream}Offset`, this.offset);
  }

  async close(): Promise<void> {
    this.take(this.decoder.end());
    if (this.line !== '') this.emit(this.line);
    this.noteOffset();
    await this.file?.close();
    this.file = undefined;
  }

  private path(): string {
    return path.join(this.run.directory, this.stream);
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

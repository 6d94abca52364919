import { type FileHandle, open, truncate } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { Run } from '../executor.js';

const READ_BYTES = 65_536;
/** A program that writes faster than its log is taken away loses the middle, not the end. */
const BACKLOG_BYTES_MAX = 1_048_576;
const BACKLOG_KEEP_BYTES = 131_072;
/** A file read past this is cut, so that a flood does not fill the disk; the program appends, so it goes on writing at the new end. */
const FILE_BYTES_MAX = 4 * 1_048_576;
/** A program that never pauses is cut in the middle of its words after so many tries to keep up. */
const CUT_TRIES = 4;

/** Gives the text of one output file of a program while it grows. */
export class FileTail {
  private file: FileHandle | undefined;
  private readonly decoder = new StringDecoder('utf8');

  constructor(
    private readonly run: Run,
    private readonly path: string,
    /** How far it was read. */
    public offset: number,
    private readonly take: (text: string) => void,
  ) {}

  /** Take what is there now. With `all` to the end of the file, else as much as the log takes. */
  async read(all: boolean): Promise<void> {
    this.file ??= await open(this.path, 'r').catch(() => undefined);
    if (!this.file) return;
    const { size } = await this.file.stat();
    if (size < this.offset) this.offset = 0;
    if (size - this.offset > BACKLOG_BYTES_MAX) this.skipTo(size - BACKLOG_KEEP_BYTES);
    await this.readTo(this.file, size, all);
    if (this.offset > FILE_BYTES_MAX || size > 2 * FILE_BYTES_MAX) await this.cut(this.file, all);
  }

  private async readTo(file: FileHandle, size: number, all: boolean): Promise<void> {
    while (this.offset < size && (all || this.run.output.ready())) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, this.offset);
      if (bytesRead === 0) break;
      this.offset += bytesRead;
      this.take(this.decoder.write(buffer.subarray(0, bytesRead)));
    }
  }

  private skipTo(offset: number): void {
    this.run.output.lose(offset - this.offset);
    this.offset = offset;
  }

  /** Empty the file once it is read: what the program wrote meanwhile may be its last words. */
  private async cut(file: FileHandle, all: boolean): Promise<void> {
    let size = 0;
    for (let tries = 1; tries <= CUT_TRIES; tries++) {
      ({ size } = await file.stat());
      if (size <= this.offset) break;
      if (size - this.offset > BACKLOG_KEEP_BYTES) this.skipTo(size - BACKLOG_KEEP_BYTES);
      await this.readTo(file, size, all);
    }
    // A log that takes nothing now gets it later, as long as the file does not grow without end.
    if (this.offset < size && size <= 2 * FILE_BYTES_MAX) return;
    if (this.offset < size) this.run.output.lose(size - this.offset);
    await truncate(this.path, 0);
    this.offset = 0;
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    try {
      this.take(this.decoder.end());
    } finally {
      await file?.close();
    }
  }
}

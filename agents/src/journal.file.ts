import { Buffer } from 'node:buffer';
import { type FileHandle, mkdir, open, readFile, rename, truncate } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { applyRecord, snapshotRecords, type Journal, type JournalEntry, type JournalRecord } from './journal.js';

/** A journal grown past this (and past twice what was held last time) is rewritten with what is still held: read in a blink at the next start. */
const COMPACT_BYTES = 8 * 1_048_576;

interface Waiting {
  records: readonly JournalRecord[];
  durable: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const encode = (record: JournalRecord): string => {
  const text = JSON.stringify(record);
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`;
};

/**
 * Append-only file, one checksummed line per record. States: not loaded → open → closed. A write torn by a crash can only be the last one
 * and is cut off when the file is loaded; it was never acted upon, since acting waits for the sync.
 */
export class FileJournal implements Journal {
  private readonly held = new Map<string, JournalEntry>();
  private file: FileHandle | undefined;
  private bytes = 0;
  private compactAt = COMPACT_BYTES;
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;

  constructor(private readonly fileName: string) {}

  async load(): Promise<JournalEntry[]> {
    await mkdir(path.dirname(this.fileName), { recursive: true, mode: 0o700 });
    const content = await readFile(this.fileName).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const readable = this.replay(content);
    if (readable < content.length) await truncate(this.fileName, readable);
    this.bytes = readable;
    await this.compact();
    return structuredClone([...this.held.values()]);
  }

  append(records: readonly JournalRecord[], durable: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ records, durable, resolve, reject });
      this.writing ??= this.write();
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file?.close();
    this.file = undefined;
  }

  /** Gives the length of the readable beginning. */
  private replay(content: Buffer): number {
    let at = 0;
    for (let end = content.indexOf(10, at); end !== -1; end = content.indexOf(10, at)) {
      const line = content.toString('utf8', at, end);
      const text = line.slice(9);
      if (line[8] !== ' ' || Number.parseInt(line.slice(0, 8), 16) !== crc32(text)) return at;
      applyRecord(this.held, JSON.parse(text) as JournalRecord);
      at = end + 1;
    }
    return at;
  }

  private async write(): Promise<void> {
    // What is appended in this turn of the event loop goes into one write and one sync.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.writeBatch(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the last look, or an append in between would wait for ever.
    this.writing = undefined;
  }

  private async writeBatch(batch: readonly Waiting[]): Promise<void> {
    if (!this.file) throw new Error(`journal ${this.fileName} is not open`);
    const data = Buffer.from(batch.flatMap(({ records }) => records.map(encode)).join(''));
    try {
      await this.file.appendFile(data);
      if (batch.some(({ durable }) => durable)) await this.file.datasync();
    } catch (error) {
      // A half-written batch must not stand in front of later records.
      await this.file.truncate(this.bytes).catch(() => {});
      throw error;
    }
    this.bytes += data.length;
    for (const { records } of batch) for (const record of records) applyRecord(this.held, record);
    if (this.bytes > this.compactAt) await this.compact();
  }

  /** Write what is held to a new file and put it in the old one's place; a crash leaves one or the other. */
  private async compact(): Promise<void> {
    const next = `${this.fileName}.next`;
    const data = Buffer.from(snapshotRecords(this.held).map(encode).join(''));
    const file = await open(next, 'w', 0o600);
    await file.writeFile(data);
    await file.datasync();
    await file.close();
    await rename(next, this.fileName);
    const folder = await open(path.dirname(this.fileName), 'r');
    await folder.sync().finally(() => folder.close());
    await this.file?.close();
    this.file = await open(this.fileName, 'a', 0o600);
    this.bytes = data.length;
    this.compactAt = Math.max(COMPACT_BYTES, 2 * data.length);
  }
}

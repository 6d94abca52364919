import type { LogChunk } from '@slipway/contracts';
import type { HeldJob } from './held-job.js';
import type { LogSink } from './executors/executor.js';
import type { Mask } from './masking.js';
import type { AgentClock, Link, Timers } from './ports.js';
import { printable } from './text.js';

/** Of one job: what the stream of logs and its readers can bear. */
const CHUNK_LENGTH_MAX = 16_000;
const LENGTH_PER_SECOND_MAX = 128_000;
const LENGTH_TOTAL_MAX = 8_000_000;
const CHUNKS_WAITING_MAX = 16;
const FLUSH_MS = 200;

type Stream = LogChunk['stream'];

/**
 * The log of one job: text is masked, gathered into chunks, and published in order. What is over the limits, or could not be delivered, is
 * dropped and counted; the next chunk carries the count as `lostBytes`.
 */
export class LogStream implements LogSink {
  private readonly streams: Record<Stream, { push(text: string): string; end(): string }>;
  private readonly buffers: Record<Stream, string> = { out: '', err: '', agent: '' };
  private waiting: LogChunk[] = [];
  private lost = 0;
  private total = 0;
  private second = { from: -Infinity, length: 0 };
  private sending: Promise<void> | undefined;
  private stopTimer: (() => void) | undefined;
  private n: number;

  constructor(
    private readonly held: HeldJob,
    mask: Mask,
    private readonly parts: { link: Link; clock: AgentClock; timers: Timers; note: (key: string, value: number) => void },
  ) {
    this.streams = { out: mask.stream(), err: mask.stream(), agent: mask.stream() };
    this.n = typeof held.notes.logN === 'number' ? held.notes.logN : 0;
  }

  ready(): boolean {
    return this.waiting.length < CHUNKS_WAITING_MAX;
  }

  lose(bytes: number): void {
    this.lost += bytes;
  }

  write(stream: Stream, text: string): void {
    this.append(stream, this.streams[stream].push(text));
  }

  /** Send what is left; resolves when it was sent or the limit of time is over. */
  async end(limitMs: number): Promise<void> {
    for (const stream of ['out', 'err', 'agent'] as const) this.append(stream, this.streams[stream].end());
    this.flush();
    if (this.lost > 0) this.enqueue('agent', '');
    if (!this.sending) return;
    let stopLimit: () => void = () => {};
    const limit = new Promise<void>((resolve) => (stopLimit = this.parts.timers.after(limitMs, resolve)));
    await Promise.race([this.sending, limit]);
    stopLimit();
  }

  private append(stream: Stream, masked: string): void {
    let text = printable(masked);
    if (text === '') return;
    text = this.allow(text);
    this.buffers[stream] += text;
    while (this.buffers[stream].length >= CHUNK_LENGTH_MAX) {
      this.enqueue(stream, this.buffers[stream].slice(0, CHUNK_LENGTH_MAX));
      this.buffers[stream] = this.buffers[stream].slice(CHUNK_LENGTH_MAX);
    }
    this.stopTimer ??= this.parts.timers.after(FLUSH_MS, () => this.flush());
  }

  /** The part of the text that the limits let through; the rest is counted as lost. */
  private allow(text: string): string {
    const now = this.parts.clock.monotonic();
    if (now - this.second.from >= 1_000) this.second = { from: now, length: 0 };
    const room = Math.max(0, Math.min(LENGTH_PER_SECOND_MAX - this.second.length, LENGTH_TOTAL_MAX - this.total));
    const allowed = text.slice(0, room);
    this.lost += text.length - allowed.length;
    this.second.length += allowed.length;
    this.total += allowed.length;
    return allowed;
  }

  private flush(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    for (const stream of ['out', 'err', 'agent'] as const) {
      if (this.buffers[stream] === '') continue;
      this.enqueue(stream, this.buffers[stream]);
      this.buffers[stream] = '';
    }
  }

  private enqueue(stream: Stream, text: string): void {
    if (!this.ready()) {
      this.lost += text.length;
      return;
    }
    const lostBytes = this.lost;
    this.lost = 0;
    this.waiting.push({
      job: this.held.id,
      epoch: this.held.grant.epoch,
      n: ++this.n,
      at: this.parts.clock.now(),
      stream,
      text: text.toWellFormed(),
      ...(lostBytes > 0 ? { lostBytes } : {}),
    });
    this.parts.note('logN', this.n);
    this.sending ??= this.send();
  }

  private async send(): Promise<void> {
    for (let chunk = this.waiting[0]; chunk && !this.held.stopped.signal.aborted; chunk = this.waiting[0]) {
      try {
        await this.parts.link.log(chunk);
      } catch {
        this.lost += chunk.text.length + (chunk.lostBytes ?? 0);
      }
      this.waiting.shift();
    }
    // In the same turn as the last look, or a chunk that comes in between would wait for the next one.
    this.sending = undefined;
  }
}

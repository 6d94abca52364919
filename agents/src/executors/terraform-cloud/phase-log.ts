import { StringDecoder } from 'node:string_decoder';
import type { Run } from '../executor.js';
import type { TerraformPhase } from './answers.js';
import type { TerraformCloudApi } from './api.js';
import { hideAddress } from './secret-address.js';
import { plainLine } from './ui-line.js';

const READ_BYTES = 65_536;
/** Storage that takes longer is asked again at the next look. */
const READ_TIMEOUT_MS = 20_000;
/** Without a word of the end of text, the log of a phase that is over has no more to say. */
const ENDED = new Set(['errored', 'canceled', 'finished', 'unreachable']);
const START_OF_TEXT = 2;
const END_OF_TEXT = 3;

/** Takes the log of a plan or an apply to the run's log while it grows, in ranges. */
export class PhaseLog {
  private offset: number;
  private readonly decoder = new StringDecoder('utf8');
  private line = '';
  /** Every look brings another address of the same log; one is enough until it is not taken any more. */
  private address: string | undefined;
  /** All of it was taken. */
  ended = false;
  /** The last line that told of an error: what a failure is told with. */
  lastError = '';

  constructor(
    private readonly run: Run,
    private readonly api: TerraformCloudApi,
    private readonly name: 'plan' | 'apply',
  ) {
    const noted = run.notes[`${name}Offset`];
    this.offset = typeof noted === 'number' ? noted : 0;
  }

  /** Take what is there now. That storage does not answer holds nothing up: the next look takes it. */
  async take({ attributes }: TerraformPhase, signal: AbortSignal): Promise<void> {
    const address = this.address ?? attributes['log-read-url'];
    if (address === null || this.ended || attributes.status === 'unreachable' || signal.aborted) return;
    if (this.address === undefined) hideAddress(this.run, address);
    this.address = address;
    while (this.run.output.ready() && !signal.aborted) {
      const bytes = await this.read(address, signal).catch(() => (this.address = undefined));
      if (signal.aborted) break;
      if (bytes === undefined || bytes.length === 0) {
        this.ended ||= bytes !== undefined && ENDED.has(attributes.status);
        break;
      }
      this.offset += bytes.length;
      this.show(bytes);
      if (bytes.at(-1) === END_OF_TEXT) this.ended = true;
      if (this.ended) break;
    }
    if (signal.aborted) return;
    if (this.ended) this.show(Buffer.from('\n'));
    if (this.run.notes[`${this.name}Offset`] !== this.offset) this.run.note(`${this.name}Offset`, this.offset);
  }

  private async read(address: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const query = { limit: READ_BYTES, offset: this.offset };
    const within = AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);
    const stream = await this.api.storage(address).stream({ method: 'GET', path: address, query, anonymous: true }, within);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      // A server that does not know ranges would send the whole each time.
      if (length > READ_BYTES) return undefined;
    }
    return Buffer.concat(chunks);
  }

  private show(bytes: Buffer): void {
    const text = this.decoder.write(Buffer.from(bytes.filter((byte) => byte !== START_OF_TEXT && byte !== END_OF_TEXT)));
    const lines = (this.line + text).split('\n');
    this.line = lines.pop() ?? '';
    for (const line of lines) {
      const plain = plainLine(line);
      if (plain === '') continue;
      if (/^[\s│╷]*Error: /.test(plain.split('\n')[0] ?? ''))
        this.lastError = (plain.split('\n')[0] ?? '').replace(/^[\s│╷]*Error: /, '').slice(0, 300);
      this.run.output.write('out', `${plain}\n`);
    }
  }
}

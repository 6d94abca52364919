import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
/** Ends a program when this process is gone, however it went. */
const FOLLOW_PARENT = pathToFileURL(join(DIST, 'cli', 'src', 'up', 'follow-parent.js')).href;
const STOP_DEADLINE_MS = 8_000;
const LOG_TAIL_LINES = 12;

/** One of our programs from dist/ as a process of its own, to be killed and started again at will. */
export class Program {
  private child: ChildProcess | undefined;

  constructor(
    readonly name: string,
    private readonly script: string,
    private readonly args: () => string[],
    private readonly env: () => Record<string, string>,
    private readonly logFile: string,
  ) {}

  start(): void {
    mkdirSync(dirname(this.logFile), { recursive: true });
    const log = openSync(this.logFile, 'a', 0o600);
    this.child = spawn(process.execPath, ['--import', FOLLOW_PARENT, join(DIST, this.script), ...this.args()], {
      env: { ...inherited(), SLIPWAY_LOG_FORMAT: 'json', ...this.env() },
      stdio: ['pipe', log, log],
    });
    // The pipe only tells that we live.
    this.child.stdin?.on('error', () => undefined);
    closeSync(log);
  }

  get alive(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ask it to end, and insist in the end. */
  async stop(): Promise<void> {
    const insist = setTimeout(() => this.child?.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.end('SIGTERM');
    clearTimeout(insist);
  }

  /** Whether its log has a line with this text. */
  said(text: string): boolean {
    return existsSync(this.logFile) && readFileSync(this.logFile, 'utf8').includes(text);
  }

  /** The end of its log, for a failed test. */
  logTail(): string {
    if (!existsSync(this.logFile)) return `${this.name}: no log`;
    return `— ${this.name}\n${readFileSync(this.logFile, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join('\n')}`;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.alive) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }
}

/** What a program needs of our environment; settings of Slipway's own do not leak into it. */
function inherited(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('SLIPWAY_') && !name.startsWith('NATS_') && name !== 'NODE_OPTIONS',
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '../project.js';

/** Restart delays after a crash: quick at first, so that a killed service is back within the second. */
const RESTART_DELAYS_MS = [100, 200, 500, 1_000, 2_000, 5_000];
/** A process that ran this long starts again from the quickest delay. */
const STEADY_AFTER_MS = 10_000;
/** After SIGTERM this long for draining, then SIGKILL. */
const STOP_GRACE_MS = 8_000;

export interface ProcessSpec {
  name: string;
  /** A JavaScript file for Node, with its arguments. */
  script: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  logFile: string;
  /** Called when it ended without being asked to. */
  onCrash(name: string, how: string): void;
}

/** One child of `up`: logs to a file, is started again when it dies, and ends with its parent. */
export class ManagedProcess {
  private child: ChildProcess | undefined;
  private stopping = false;
  private crashes = 0;
  private startedAt = 0;

  constructor(private readonly spec: ProcessSpec) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get name(): string {
    return this.spec.name;
  }

  start(): void {
    const { spec } = this;
    mkdirSync(dirname(spec.logFile), { recursive: true });
    const log = openSync(spec.logFile, 'a', 0o600);
    const follow = new URL('./follow-parent.js', import.meta.url);
    const child = spawn(process.execPath, ['--import', follow.href, '--enable-source-maps', spec.script, ...spec.args], {
      cwd: spec.cwd,
      // Compiled code is kept, which halves what a start costs.
      env: { ...spec.env, NODE_COMPILE_CACHE: join(PROJECT_ROOT, 'node_modules', '.cache', 'slipway') },
      // A group of its own: Ctrl-C reaches `up` alone, which then stops its children in order.
      detached: true,
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    // The pipe only tells the child that we live; a child that died first must not bring us down.
    child.stdin?.on('error', () => undefined);
    this.child = child;
    this.startedAt = performance.now();
    child.on('exit', (code, signal) => void this.ended(child, signal ?? `exit code ${code}`));
  }

  private async ended(child: ChildProcess, how: string): Promise<void> {
    if (this.child !== child) return;
    this.child = undefined;
    if (this.stopping) return;
    if (performance.now() - this.startedAt > STEADY_AFTER_MS) this.crashes = 0;
    const delayMs = RESTART_DELAYS_MS[Math.min(this.crashes, RESTART_DELAYS_MS.length - 1)] ?? 1_000;
    this.crashes += 1;
    this.spec.onCrash(this.spec.name, how);
    await sleep(delayMs);
    if (!this.stopping) this.start();
  }

  /** Kill it as a power cut would; it is started again as after any crash. */
  kill(): void {
    this.child?.kill('SIGKILL');
  }

  /** Ask it to end, wait, and insist in the end. */
  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(insist);
  }
}

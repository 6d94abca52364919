import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { UnderTest } from './kit-file.js';
import { POOL } from './controller.js';

const OUTPUT_KEPT = 2_000;

/** The agent program under test, as the process it is. */
export class AgentProcess {
  private child: ChildProcess | undefined;
  private output = '';
  private readonly home: string;

  constructor(
    readonly name: string,
    private readonly underTest: UnderTest,
    private readonly url: string,
    directory: string,
    credentials: string,
  ) {
    this.home = path.join(directory, `home-${name}`);
    mkdirSync(this.home, { recursive: true });
    writeFileSync(path.join(this.home, 'agent.creds'), credentials, { mode: 0o600 });
    const enrolment = { agent: name, servers: [url], pool: POOL, executors: [underTest.executor] };
    writeFileSync(path.join(this.home, 'enrolment.json'), JSON.stringify(enrolment));
  }

  /** What it last wrote, for people to find out why it does not work. */
  get lastWords(): string {
    return this.output.trim();
  }

  get exited(): boolean {
    return this.child !== undefined && (this.child.exitCode !== null || this.child.signalCode !== null);
  }

  start(): void {
    const { agent, ours, executor } = this.underTest;
    const [program = '', ...args] = agent;
    const child = spawn(program, ours ? [...args, '--directory', this.home] : args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        SLIPWAY_NATS_URL: this.url,
        SLIPWAY_CREDS: path.join(this.home, 'agent.creds'),
        SLIPWAY_HOME: this.home,
        SLIPWAY_AGENT: this.name,
        SLIPWAY_POOL: POOL,
        SLIPWAY_EXECUTOR: executor,
      },
    });
    const keep = (text: Buffer): void => void (this.output = (this.output + text.toString()).slice(-OUTPUT_KEPT));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(`cannot start ${program}: ${error.message}`)));
    this.child = child;
  }

  /** As a machine that is switched off. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SLIPWAY = join(ROOT, 'cli', 'bin', 'slipway.mjs');
const STOP_DEADLINE_MS = 30_000;

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** `slipway up` as a user starts it, in a data directory of its own, and the commands that the user then gives. */
export class RunningMesh {
  output = '';
  private child: ChildProcess | undefined;
  private exited: Promise<number> = Promise.resolve(0);

  constructor(
    readonly directory = join(mkdtempSync(join(tmpdir(), 'slipway-mesh-')), '.slipway'),
    private readonly args: string[] = [],
    /** Meshes of other tests run beside this one. */
    private readonly portShift = 2_000 + Math.floor(Math.random() * 30) * 300,
  ) {}

  /** Start, and wait until it says that it is up; gives how long that took. */
  async start(): Promise<number> {
    const began = performance.now();
    this.output = '';
    // Another one at each start: agents find the servers where they are now.
    const port = await freePort();
    const child = spawn(
      process.execPath,
      [SLIPWAY, '--directory', this.directory, 'up', '--nats-port', String(port), '--port-shift', String(this.portShift), ...this.args],
      {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (this.output += data.toString()));
    await this.says('Slipway is up', 120_000);
    return performance.now() - began;
  }

  /** Wait until `up` has printed this. */
  async says(text: string, deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    let gone = false;
    void this.exited.then(() => (gone = true));
    while (!this.output.includes(text)) {
      if (gone || performance.now() > deadline) throw new Error(`up did not say "${text}"; it said:\n${this.output}\n${this.logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ctrl-C, and wait for the end; gives the exit code. */
  async stop(): Promise<number> {
    this.child?.kill('SIGINT');
    const insist = setTimeout(() => this.child?.kill('SIGKILL'), STOP_DEADLINE_MS);
    const code = await this.exited;
    clearTimeout(insist);
    return code;
  }

  /** `kill -9` of `up` itself. */
  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.exited;
  }

  remove(): void {
    rmSync(join(this.directory, '..'), { recursive: true, force: true });
  }

  /** A command of the CLI, as a user gives it beside the running mesh. */
  slipway(...args: string[]): Ran {
    return run(process.execPath, [SLIPWAY, '--directory', this.directory, ...args], {});
  }

  /** The same with `--output json`, parsed. */
  json<T>(...args: string[]): T {
    const ran = this.slipway('--output', 'json', ...args);
    if (ran.out.trim() === '') throw new Error(`slipway ${args.join(' ')} gave nothing: ${ran.err}`);
    return JSON.parse(ran.out) as T;
  }

  /** The real `nats` CLI with one of the contexts that `up` made. */
  nats(context: string, ...args: string[]): Ran {
    return run(natsCli() ?? 'nats', args, this.natsEnvironment(context));
  }

  natsEnvironment(context: string): Record<string, string> {
    return { NATS_CONTEXT: join(this.directory, 'contexts', `${context}.json`) };
  }

  get natsUrl(): string {
    return (JSON.parse(readFileSync(join(this.directory, 'state.json'), 'utf8')) as { natsUrl: string }).natsUrl;
  }

  /** Processes of this mesh that are alive: every one of them names the data directory, or was started by one that does. */
  processes(): { pid: number; command: string }[] {
    const listed = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).stdout;
    const name = join(this.directory, '..').split('/').pop() ?? '';
    return listed
      .split('\n')
      .filter((line) => line.includes(name) && !line.includes('ps -eo'))
      .map((line) => ({ pid: Number(line.trim().split(' ')[0]), command: line.trim() }));
  }

  /** The last lines of every log, for a failed test. */
  logs(): string {
    return ['registry', 'policy', 'scheduler', 'agent', 'hosts']
      .map((name) => {
        const file = join(this.directory, 'logs', `${name}.log`);
        return existsSync(file) ? `— ${name}\n${readFileSync(file, 'utf8').split('\n').slice(-15).join('\n')}` : '';
      })
      .join('\n');
  }
}

/** The real `nats` CLI, or undefined; in CI its absence is a failure. */
export function natsCli(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  const found = folders.map((folder) => join(folder, 'nats')).find((file) => existsSync(file));
  if (!found && process.env['SLIPWAY_REQUIRE_TOOLS']) throw new Error('the nats CLI is needed in CI and is not on the PATH');
  return found;
}

function run(program: string, args: string[], env: Record<string, string>): Ran {
  const ran = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...env, NO_COLOR: '1' } });
  return { code: ran.status ?? -1, out: ran.stdout, err: ran.stderr };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

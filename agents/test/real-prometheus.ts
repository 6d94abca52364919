import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { eventually, TEST_CERTIFICATE } from '@slipway/testkit';

/** Whether Prometheus and promtool are here; in CI their absence is a failure. */
export function hasPrometheus(): boolean {
  const found = ['prometheus', 'promtool'].every((program) => spawnSync(program, ['--version']).status === 0);
  if (!found && process.env['SLIPWAY_REQUIRE_TOOLS']) throw new Error('prometheus and promtool are needed in CI and are not on the PATH');
  return found;
}

const PASSWORD = { plain: 'planted-password', bcrypt: '$2b$04$SNtNlwzGeKQjLg.k4WGjIuBpDsZCTBokZStOBgiEuvhvubcA4IFbS' };

/** A real Prometheus that holds these series and scrapes nothing. `guarded`: with TLS, and a password for the user `slipway`. */
export class RealPrometheus {
  readonly password = PASSWORD.plain;
  private directory = '';
  private child: ChildProcess | undefined;
  private output = '';
  private port = 0;

  get server(): string {
    return `${this.options.guarded ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  constructor(private readonly options: { guarded?: boolean } = {}) {}

  async start(openMetrics: string): Promise<this> {
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-prometheus-'));
    const file = (name: string, text: string): string => {
      const written = path.join(this.directory, name);
      writeFileSync(written, text);
      return written;
    };
    const data = path.join(this.directory, 'data');
    const blocks = ['tsdb', 'create-blocks-from', 'openmetrics', file('series.txt', openMetrics), data];
    const made = spawnSync('promtool', blocks, { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`promtool: ${made.stderr}`);
    const guard = `tls_server_config: { cert_file: ${file('cert.pem', TEST_CERTIFICATE.cert)}, key_file: ${file('key.pem', TEST_CERTIFICATE.key)} }
basic_auth_users: { slipway: "${PASSWORD.bcrypt}" }
`;
    this.port = await freePort();
    this.child = spawn(
      'prometheus',
      [
        `--config.file=${file('prometheus.yaml', '{}\n')}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${this.port}`,
        ...(this.options.guarded ? [`--web.config.file=${file('web.yaml', guard)}`] : []),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    await eventually(
      'Prometheus is ready',
      () => {
        if (typeof this.child?.exitCode === 'number') throw new Error(this.output);
        return /Server is ready to receive web requests/.test(this.output);
      },
      30_000,
    );
    return this;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    if (this.directory !== '') rmSync(this.directory, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

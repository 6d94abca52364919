import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkExpressions, formatProblem, readDocuments } from '@slipway/contracts';
import { eventually } from '@slipway/testkit';

const FOLDER = path.resolve('examples/quickstart');

describe('the quickstart’s documents', () => {
  const files = [...readdirSync(FOLDER), 'terraform/infra.yaml']
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ file: name, text: readFileSync(path.join(FOLDER, name), 'utf8') }));
  const { documents, problems } = readDocuments(files);

  it('have no problems and give no warnings', () => {
    const checked = documents.map((document) => checkExpressions(document));
    const all = [...problems, ...checked.flatMap((c) => [...c.problems, ...c.warnings])];
    expect(all.map(formatProblem)).toEqual([]);
  });

  it('are a shop with two deployments, two environments and eight hosts, and the hosts’ own deployment by Terraform', () => {
    const names = (kind: string): string[] => documents.filter(({ written }) => written.kind === kind).map(({ written }) => written.name);
    expect(names('deployment')).toEqual(['catalog', 'checkout', 'infra']);
    expect(names('environment')).toEqual(['staging', 'production']);
    expect(names('resource')).toHaveLength(8);
    expect(names('policy')).toEqual(['staging', 'production', 'checkout-needs-catalog']);
  });
});

describe('the quickstart’s hosts', () => {
  const ADDRESS = '127.0.0.1';
  let directory: string;
  let port: number;
  let hosts: ChildProcess | undefined;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-hosts-'));
    port = await freePort();
    startHosts();
  });

  afterEach(async () => {
    hosts?.kill('SIGKILL');
    await eventually('nothing answers', async () => !(await health()));
    rmSync(directory, { recursive: true, force: true });
  });

  const startHosts = (): void => {
    hosts = spawn(process.execPath, [path.join(FOLDER, 'hosts.mjs')], { env: { SLIPWAY_HOSTS_DIR: directory }, stdio: 'ignore' });
  };
  const health = (): Promise<{ status: string; version: string } | undefined> =>
    fetch(`http://${ADDRESS}:${port}/health`).then(
      (answer) => answer.json() as Promise<{ status: string; version: string }>,
      () => undefined,
    );
  const log = (): string[] => {
    const file = path.join(directory, 'h1', 'host.log');
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.slice(25))
      : [];
  };

  function install(job: string, version: string, ...more: string[]): Promise<number | null> {
    const env = {
      SLIPWAY_HOSTS_DIR: directory,
      SLIPWAY_JOB: job,
      SLIPWAY_RESOURCE: 'h1',
      SLIPWAY_DEPLOYMENT: 'checkout',
      SLIPWAY_VERSION: version,
    };
    const args = [path.join(FOLDER, 'install.mjs'), `--address=${ADDRESS}`, `--port=${port}`, '--payments=v1', ...more];
    const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  it('really install and start a version, once for each job', async () => {
    expect(await install('j1', '1.0.0', '--observe')).toBe(10);
    expect(await install('j1', '1.0.0')).toBe(0);
    expect(await install('j1', '1.0.0')).toBe(0);
    expect(await install('j1', '1.0.0', '--observe')).toBe(0);
    expect(await health()).toMatchObject({ status: 'ok', version: '1.0.0' });
    expect(await install('j2', '1.2.0')).toBe(0);
    expect(await health()).toMatchObject({ status: 'failing', version: '1.2.0', because: 'needs payments v2, this host has v1' });
    expect(log()).toEqual(['installed checkout 1.0.0 job j1', 'installed checkout 1.2.0 job j2']);
  }, 60_000);

  it('leave no service behind when they are killed hard, and start what was installed again', async () => {
    await install('j1', '1.0.0');
    hosts?.kill('SIGKILL');
    await eventually('the service is gone', async () => !(await health()));
    startHosts();
    await eventually('the service is back', async () => (await health())?.version === '1.0.0', 10_000);
  }, 60_000);
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import type { JobSpec } from '@slipway/core';
import { vetoExecutor, vetoProvider } from '../src/allow-list.js';
import { CommandExecutor } from '../src/executors/command/command.js';
import { httpProvider } from '../src/providers/http.js';
import { sleepProvider } from '../src/providers/sleep.js';
import { readSettings } from '../src/settings.js';

const command = (more: object): JobSpec['executor'] => ({ type: 'command', run: ['/opt/deploy/install'], ...more });
const executor = new CommandExecutor({});
const allow = {
  executors: ['command'],
  commands: ['/opt/deploy/*'],
  providers: ['http', 'command'],
  secrets: ['env:DEPLOY_*', 'command:/opt/deploy/*'],
};

it('the owner of the site decides which executors, programs, providers and secrets an agent takes', () => {
  expect(vetoExecutor({}, executor, command({ run: ['/anything'], secrets: { A: 'file:/etc/shadow' } }))).toBeUndefined();
  expect(vetoExecutor(allow, executor, command({ secrets: { A: 'env:DEPLOY_KEY' } }))).toBeUndefined();
  expect(vetoExecutor({ executors: [] }, executor, command({}))).toContain('does not allow the executor command; allowed: none');
  for (const more of [
    { run: ['/opt/deploy/../../bin/sh'] },
    { run: ['/opt/deploy/sub/install'] },
    { observe: ['/bin/sh'] },
    { secrets: { A: 'file:/etc/shadow' } },
    { secrets: { A: 'env:OTHER' } },
    { secrets: { LD_PRELOAD: 'env:DEPLOY_X' } },
    { env: { PATH: '/tmp' } },
  ]) {
    expect(vetoExecutor(allow, executor, command(more))).toMatch(/^the owner of this agent/);
  }
  expect(vetoExecutor({ commands: allow.commands }, executor, command({ secrets: { A: 'command:/bin/evil x' } }))).toContain(
    'the program /bin/evil',
  );
  expect(vetoProvider(allow, sleepProvider, { type: 'sleep', duration: '1s' })).toContain('does not allow the provider sleep');
  expect(vetoProvider(allow, httpProvider, { type: 'http', url: 'http://host/', secretHeaders: { authorization: 'env:OTHER' } })).toContain(
    'the secret env:OTHER',
  );
  expect(vetoProvider({ servers: ['https://*.example.org'] }, httpProvider, { type: 'http', url: 'https://evil.org/' })).toContain(
    'does not allow the server https://evil.org; allowed: https://*.example.org',
  );
  expect(
    vetoProvider({ servers: ['https://*.example.org'] }, httpProvider, { type: 'http', url: 'https://a.example.org/x' }),
  ).toBeUndefined();
});

it('settings come from arguments, environment and a file; what is wrong is told with what would be right', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-settings-'));
  const file = path.join(directory, 'agent.yaml');
  writeFileSync(file, 'capacity: 3\nlabels: { site: par, rack: a }\nallow: { executors: [command] }\n');
  expect(readSettings(['--config', file, '--labels', 'rack=b,row=1', '--pass-env', 'A,B'], { SLIPWAY_HOME: '/home/agent' })).toMatchObject({
    directory: '/home/agent',
    capacity: 3,
    labels: { site: 'par', rack: 'b', row: '1' },
    passEnvironment: ['A', 'B'],
    allow: { executors: ['command'] },
    noop: false,
  });
  writeFileSync(file, 'capacity: many\nallowed: {}\n');
  expect(() => readSettings(['--directory', 'x', '--config', file], {})).toThrow(/capacity: .*number.*Unrecognized key.*allowed/s);
  expect(() => readSettings([], {})).toThrow('no directory is given');
  expect(() => readSettings(['--directory', 'x', '--labels', 'plain'], {})).toThrow('--labels plain is not a label; write name=value');
  expect(() => readSettings(['--directory', 'x', '--unknown'], {})).toThrow('--unknown');
  rmSync(directory, { recursive: true });
});

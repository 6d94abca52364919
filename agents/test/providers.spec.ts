import { describe, expect, it } from '@jest/globals';
import { commandProvider } from '../src/providers/command.js';
import type { Probe } from '../src/providers/provider.js';
import { sleepProvider } from '../src/providers/sleep.js';
import { resolveSecrets } from '../src/secrets.js';
import { probeContext } from './probe-context.js';

describe('the command provider', () => {
  const provider = commandProvider({ PATH: process.env.PATH ?? '' });
  const run = (script: string, more: object = {}): Promise<Probe> =>
    provider.probe({ type: 'command', run: ['sh', '-c', script], ...more }, probeContext({ TOKEN: 'hush' }));

  it('gives exit code, output and JSON', async () => {
    expect(await run('echo "{\\"errors\\": 0}"; echo "$TOKEN" >&2; exit 3')).toEqual({
      result: { exitCode: 3, stdout: '{"errors": 0}\n', stderr: 'hush\n', json: { errors: 0 } },
    });
  });

  it('does not wait for what a program leaves behind, nor for one that never ends', async () => {
    expect(await run('sleep 60 & echo done')).toMatchObject({ result: { stdout: 'done\n' } });
    expect(await run('sleep 60', { timeout: '100ms' })).toEqual({ error: 'sh: did not end within 0.1 s' });
    expect(await provider.probe({ type: 'command', run: ['/does/not/exist'] }, probeContext())).toMatchObject({
      error: expect.stringContaining('ENOENT'),
    });
  });
});

it('the sleep provider sleeps', async () => {
  expect(await sleepProvider.probe({ type: 'sleep', duration: '5ms' }, probeContext())).toEqual({ result: { sleptMs: 5 } });
});

it('secrets come from environment, files and programs, and are in no error', async () => {
  const references = { A: 'env:MY_A', B: 'command:printf from-program' };
  expect(await resolveSecrets(references, { MY_A: 'a', PATH: process.env.PATH })).toEqual({ A: 'a', B: 'from-program' });
  await expect(resolveSecrets({ A: 'env:NOT_SET' }, {})).rejects.toMatchObject({ code: 'agent.secret.unresolved' });
  await expect(resolveSecrets({ A: 'file:/does/not/exist' }, {})).rejects.toThrow(
    'file:/does/not/exist could not be resolved on this agent: ENOENT',
  );
  await expect(resolveSecrets({ A: 'command:ls /hush-hush-not-there' }, { PATH: process.env.PATH })).rejects.toThrow(
    /the program ended with \d/,
  );
});

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findServer } from '../src/where.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'slipway-where-'));

function dataDirectory(): string {
  const home = folder();
  mkdirSync(join(home, '.slipway'));
  writeFileSync(
    join(home, '.slipway', 'state.json'),
    JSON.stringify({ natsUrl: 'nats://127.0.0.1:9', creds: { admin: 'creds/admin.creds' }, pid: 1, startedAt: '2026-11-22T00:00:00Z' }),
  );
  return home;
}

describe('which server a command asks', () => {
  it('is told by flags before all else', () => {
    const where = findServer({ server: 'nats://a', creds: '/c' }, { SLIPWAY_NATS_URL: 'nats://b', SLIPWAY_NATS_CREDS: '/d' }, folder());
    expect(where).toMatchObject({ servers: 'nats://a', credsFile: '/c', toldBy: 'flags' });
  });

  it('is told by the environment before .slipway', () => {
    expect(findServer({}, { NATS_URL: 'nats://b', NATS_CREDS: '/d' }, dataDirectory()).servers).toBe('nats://b');
  });

  it('is found in .slipway of this folder or one above', () => {
    const home = dataDirectory();
    const below = join(home, 'a', 'b');
    mkdirSync(below, { recursive: true });
    expect(findServer({}, { XDG_CONFIG_HOME: home }, below)).toMatchObject({
      servers: 'nats://127.0.0.1:9',
      credsFile: join(home, '.slipway', 'creds/admin.creds'),
    });
  });

  it('is told by the selected context of the nats CLI', () => {
    const config = folder();
    mkdirSync(join(config, 'nats', 'context'), { recursive: true });
    writeFileSync(join(config, 'nats', 'context.txt'), 'prod');
    writeFileSync(join(config, 'nats', 'context', 'prod.json'), JSON.stringify({ url: 'nats://prod', creds: '/prod.creds' }));
    expect(findServer({}, { XDG_CONFIG_HOME: config }, folder())).toMatchObject({ servers: 'nats://prod', toldBy: 'nats context prod' });
  });

  it('says what to do when nothing tells', () => {
    expect(() => findServer({}, { XDG_CONFIG_HOME: folder() }, folder())).toThrow(/npm start/);
  });
});

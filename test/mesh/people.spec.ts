import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { RunningMesh } from './running-mesh.js';

interface Cell {
  running: { version: string; count: number; verified: number }[];
  waiting: { version: string; because: string[] }[];
}

const START_DEADLINE_MS = 150_000;
const GOES_DEADLINE_MS = 60_000;

describe('freezes, pins, overrides and version status, as people give them at the command line', () => {
  const mesh = new RunningMesh();
  const cell = (environment: string): Cell | undefined => mesh.json<{ cells: Cell[] }>('status', 'catalog', '-e', environment).cells[0];
  const runs = async (environment: string, version: string): Promise<unknown> =>
    eventually(
      `${version} runs in all of ${environment}`,
      () => cell(environment)?.running.every((r) => r.version === version && r.count === r.verified),
      GOES_DEADLINE_MS,
    );
  const does = (...args: string[]): string => {
    const ran = mesh.slipway(...args);
    if (ran.code !== 0) throw new Error(`slipway ${args.join(' ')} exited ${ran.code}: ${ran.err}${ran.out}`);
    return ran.out;
  };
  const explain = (version: string): string => does('explain', 'catalog', '-e', 'production', '-v', version);

  beforeAll(async () => {
    await mesh.start();
  }, START_DEADLINE_MS);

  afterAll(async () => {
    await mesh.stop();
    mesh.remove();
  }, 60_000);

  it('asks for what is missing with exit code 2, and a misspelt scope or rule is told with what is right', () => {
    expect(mesh.slipway('freeze', '-e', 'production', '--until', '1h').code).toBe(2);
    expect(mesh.slipway('pin', 'catalog', '1.0.0', '--reason', 'x').code).toBe(2);
    const scope = mesh.slipway('freeze', '--scope', 'enviroment.name == "x"', '--until', '1h', '--reason', 'x');
    expect([scope.code, scope.err]).toEqual([2, expect.stringContaining('did you mean "environment"')]);
    const until = mesh.slipway('freeze', '-e', 'production', '--until', 'tomorrow', '--reason', 'x');
    expect([until.code, until.err]).toEqual([2, expect.stringContaining('a span like 2h')]);
    const rule = mesh.slipway('override', 'aproval', 'catalog', '1.0.0', '-e', 'production', '--until', '1h', '--reason', 'x');
    expect([rule.code, rule.err]).toEqual([2, expect.stringContaining('did you mean "approval"')]);
  });

  it('lets a viewer look and an operator freeze and pin; to override is for approvers', () => {
    const as = (name: string, role: string) => {
      const creds = join(mesh.directory, `${name}.creds`);
      expect(mesh.slipway('credential', 'person', name, '--role', role, '--out', creds).code).toBe(0);
      return (...args: string[]) => mesh.slipway('--server', mesh.natsUrl, '--creds', creds, ...args).code;
    };
    const bob = as('bob', 'viewer');
    const olga = as('olga', 'operator');
    const freeze = ['freeze', '-e', 'staging', '-d', 'checkout', '--until', '1h', '--reason', 'try'];
    const override = ['override', 'approval', 'catalog', '1.0.0', '-e', 'production', '--until', '1h', '--reason', 'try'];
    const pin = ['pin', 'catalog', '1.0.0', '-e', 'production', '--reason', 'try'];
    for (const command of [
      freeze,
      pin,
      override,
      ['freeze', 'lift', 'f1'],
      ['unpin', 'catalog', '-e', 'production'],
      ['override', 'lift', 'o1'],
    ])
      expect([command[0], bob(...command)]).toEqual([command[0], 3]);
    expect(bob('version', 'pause', 'catalog', '1.0.0')).toBe(3);
    expect(['freeze', 'pin', 'override'].map((kind) => bob(kind, 'list'))).toEqual([0, 0, 0]);
    expect(olga(...freeze)).toBe(0);
    expect(olga(...override)).toBe(3);
    const [mine] = mesh.json<{ fact: { id: string; by: string } }[]>('freeze', 'list');
    expect(mine?.fact.by).toBe('user:olga');
    expect(olga('freeze', 'lift', mine!.fact.id, '--reason', 'tried')).toBe(0);
    expect(does('freeze', 'list')).toContain('Nothing is frozen.');
    expect(does('freeze', 'list', '--all')).toContain('lifted');
  });

  it(
    'I11: a freeze holds production, survives a restart, is explained with the command that lifts it, and lets go when it is lifted',
    async () => {
      const made = does('freeze', '-e', 'production', '--until', '2h', '--reason', 'the sale');
      const id = /^(f\d+): /.exec(made)?.[1] ?? '';
      expect(made).toContain(`slipway freeze lift ${id}`);
      does('version', 'publish', 'catalog', '1.1.0');
      await runs('staging', '1.1.0');
      does('approve', 'catalog', '1.1.0', '-e', 'production');
      await mesh.stop();
      await mesh.start();
      await eventually('it is explained', () => explain('1.1.0').includes(`the sale (${id})`), GOES_DEADLINE_MS);
      expect(explain('1.1.0')).toContain(`slipway freeze lift ${id}`);
      expect(does('freeze', 'list')).toContain('environment.name == "production"');
      expect(cell('production')?.running).toMatchObject([{ version: '1.0.0', count: 6 }]);
      does('freeze', 'lift', id);
      await runs('production', '1.1.0');
    },
    START_DEADLINE_MS + 3 * GOES_DEADLINE_MS,
  );

  it(
    'I8: a pin brings production back to 1.0.0, holds it there, and lets 1.1.0 come again when it is taken away',
    async () => {
      does('pin', 'catalog', '1.0.0', '-e', 'production', '--until', '1h', '--reason', 'the demo');
      await runs('production', '1.0.0');
      expect(explain('1.1.0')).toContain('slipway unpin catalog -e production');
      expect(does('explain', 'catalog', '-e', 'production')).toContain('pinned to 1.0.0');
      expect(does('pin', 'list')).toContain('the demo');
      does('unpin', 'catalog', '-e', 'production');
      await runs('production', '1.1.0');
      expect(mesh.slipway('unpin', 'catalog', '-e', 'production').code).toBe(4);
    },
    3 * GOES_DEADLINE_MS,
  );

  it(
    'an override skips the approval of one version, and shows as such',
    async () => {
      does('version', 'publish', 'catalog', '1.2.0');
      await runs('staging', '1.2.0');
      const made = does('override', 'approval', 'catalog', '1.2.0', '-e', 'production', '--until', '1h', '--reason', 'it burns');
      await runs('production', '1.2.0');
      const id = /^(o\d+): /.exec(made)?.[1] ?? '';
      expect(explain('1.2.0')).toContain(`slipway override lift ${id}`);
      does('override', 'lift', id);
      expect(does('override', 'list')).toContain('Nothing is overridden.');
    },
    3 * GOES_DEADLINE_MS,
  );

  it(
    'a paused version goes nowhere else, one made ready again does, and a rejected one is taken back',
    async () => {
      does('freeze', '-e', 'staging', '--until', '1h', '--reason', 'wait');
      does('version', 'publish', 'catalog', '1.3.0');
      does('version', 'pause', 'catalog', '1.3.0', '--reason', 'one moment');
      does('freeze', 'lift', mesh.json<{ fact: { id: string } }[]>('freeze', 'list')[0]!.fact.id);
      expect(does('explain', 'catalog', '-e', 'staging', '-v', '1.3.0')).toContain('is paused');
      expect(cell('staging')?.running).toMatchObject([{ version: '1.2.0' }]);
      does('version', 'ready', 'catalog', '1.3.0');
      await runs('staging', '1.3.0');
      does('version', 'reject', 'catalog', '1.3.0', '--reason', 'leaks');
      await runs('staging', '1.2.0');
    },
    3 * GOES_DEADLINE_MS,
  );
});

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultMesh } from '../faults/fault-mesh.js';
import { deployment, executions, shop } from '../faults/shop-documents.js';

/*
 * Canary and two slots with real programs: a script of twenty lines that writes what serves at its host to files, as a router's configuration would
 * say it, and another that looks at what was written. Versions 1.2.0 are bad wherever they are, 1.3.0 only once they have all of the traffic.
 */

const GO = `#!/bin/sh
# go.sh <directory> <action> <version> <weight> <slot>
mkdir -p "$1" && cd "$1" || exit 1
echo "$2 $3 $4 $5" >> acts
case "$2" in
  deploy) if [ -n "$5" ]; then echo "$3" > "slot-$5"; else echo "$3" > canary; fi ;;
  shift) if [ "$4" = 100 ]; then mv canary running; elif [ "$4" = 0 ]; then rm -f canary; fi; echo "$4" > weight ;;
  switch) cp "slot-$5" running; echo "$5" > live ;;
  retire) [ "$(cat live)" != "$5" ] && rm -f "slot-$5" ;;
esac
`;
const LOOK = `#!/bin/sh
# look.sh <directory> <weight> <slot>
cd "$1" || exit 1
if [ "$2" = 100 ]; then seen=$(cat running); elif [ -n "$3" ]; then seen=$(cat "slot-$3"); else seen=$(cat canary); fi
case "$seen $2" in 1.2.0*|"1.3.0 100") ok=false ;; *) ok=true ;; esac
echo "{\\"version\\": \\"$seen\\", \\"ok\\": $ok}"
`;

describe('within one target, with real programs', () => {
  let mesh: FaultMesh;
  const at = (name: string, file: string): string => join(mesh.directory, name, 'host-01', file);
  const read = (name: string, file: string): string | undefined =>
    existsSync(at(name, file)) ? readFileSync(at(name, file), 'utf8').trim() : undefined;
  const acts = (name: string, version: string): string[] =>
    executions(at(name, 'acts'))
      .filter((line) => line.includes(` ${version} `))
      .map((line) => line.trim());

  const brought = (name: string, strategy: object): object[] => {
    const directory = join(mesh.directory, name, '{{ resource.identifier }}');
    const slot = "{{ has(job.slot) ? job.slot : '' }}";
    const script = [
      'sh',
      join(mesh.directory, 'go.sh'),
      directory,
      '{{ job.action }}',
      '{{ version.tag }}',
      '{{ string(job.weight) }}',
      slot,
    ];
    const looks = ['sh', join(mesh.directory, 'look.sh'), directory, '{{ string(job.weight) }}', slot];
    const verification = [
      {
        metric: 'serves',
        provider: { type: 'command', run: looks },
        interval: '100ms',
        count: 2,
        successCondition: 'result.json.version == version.tag && result.json.ok',
      },
    ];
    return [
      { ...deployment(name, '', { verification }), executor: { type: 'command', run: script } },
      {
        kind: 'Policy',
        name,
        selector: `deployment.name == "${name}"`,
        rules: [{ gradualRollout: strategy }, { rollback: { on: ['jobFailure', 'verificationFailure'] } }],
      },
    ];
  };
  /** The last job of the version has ended, and nothing of it is left to do. */
  const settled = (name: string, version: string, state: string) =>
    mesh.come(
      `the rollout of ${name} ${version} is ${state}`,
      async () => {
        const { rollouts } = await mesh.ask('scheduler.rollouts', { deployment: name });
        const rollout = rollouts.find((one) => one.version === version);
        const jobs = await mesh.jobs({ deployment: name });
        return rollout?.state === state && jobs.every((job) => job.finishedAt !== undefined);
      },
      60_000,
    );

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    writeFileSync(join(mesh.directory, 'go.sh'), GO);
    writeFileSync(join(mesh.directory, 'look.sh'), LOOK);
    await mesh.apply(
      ...shop(1),
      ...brought('canary', {
        canary: {
          steps: [
            { weight: 25, hold: '1s' },
            { weight: 60, verify: false },
          ],
        },
      }),
      ...brought('slots', { blueGreen: { preview: 'verify', keepOld: '2s' } }),
    );
    await mesh.startAgent('one');
    for (const name of ['canary', 'slots']) await mesh.publish(name, { tag: '1.0.0' });
    for (const name of ['canary', 'slots']) await settled(name, '1.0.0', 'completed');
  }, 120_000);
  afterAll(() => mesh.stop(), 30_000);

  it('a canary takes the traffic step by step', async () => {
    await mesh.publish('canary', { tag: '1.1.0' });
    await settled('canary', '1.1.0', 'completed');
    expect(acts('canary', '1.1.0')).toEqual(['deploy 1.1.0 0', 'shift 1.1.0 25', 'shift 1.1.0 60', 'shift 1.1.0 100']);
    expect(read('canary', 'running')).toBe('1.1.0');
    expect((await mesh.jobs({ deployment: 'canary', version: '1.1.0' })).filter((job) => job.kind === 'verify')).toHaveLength(2);
  }, 90_000);

  it('a bad canary is shifted back to 0, and what ran before never left', async () => {
    await mesh.publish('canary', { tag: '1.2.0' });
    await settled('canary', '1.2.0', 'rolledBack');
    expect(acts('canary', '1.2.0')).toEqual(['deploy 1.2.0 0', 'shift 1.2.0 25', 'shift 1.2.0 0']);
    expect(read('canary', 'running')).toBe('1.1.0');
    expect((await mesh.cell('canary', 'production'))?.quarantined).toMatchObject([{ version: '1.2.0', resource: 'host-01' }]);
  }, 90_000);

  it('one that turns out bad with all of the traffic is rolled back by an ordinary deployment', async () => {
    await mesh.publish('canary', { tag: '1.3.0' });
    await settled('canary', '1.3.0', 'rolledBack');
    expect(acts('canary', '1.3.0').at(-1)).toBe('shift 1.3.0 100');
    expect(acts('canary', '1.1.0').slice(4)).toEqual(['deploy 1.1.0 0', 'shift 1.1.0 100']);
    expect(read('canary', 'running')).toBe('1.1.0');
  }, 90_000);

  it('I4: a hold survives kill -9 of the scheduler', async () => {
    await mesh.apply(...brought('canary', { canary: { steps: [{ weight: 30, hold: '4s' }] } }));
    await mesh.publish('canary', { tag: '1.4.0' });
    await mesh.come(
      'it holds at 30 %',
      async () => (await mesh.cell('canary', 'production'))?.halfWay?.[0]?.doing === 'canary 30 % holds 4s',
    );
    await mesh.services.scheduler.kill();
    mesh.services.scheduler.start();
    await mesh.ready();
    await settled('canary', '1.4.0', 'completed');
    expect(acts('canary', '1.4.0')).toEqual(['deploy 1.4.0 0', 'shift 1.4.0 30', 'shift 1.4.0 100']);
  }, 120_000);

  it('the idle slot is filled, previewed and switched to, and the old one retired when its time is over', async () => {
    await mesh.publish('slots', { tag: '1.1.0' });
    await mesh.runs('slots', 'production', '1.1.0', 1, 60_000);
    await settled('slots', '1.1.0', 'completed');
    expect(acts('slots', '1.1.0')).toEqual(['deploy 1.1.0 0 green', 'switch 1.1.0 100 green', 'retire 1.1.0 0 blue']);
    expect([read('slots', 'live'), read('slots', 'running'), read('slots', 'slot-blue')]).toEqual(['green', '1.1.0', undefined]);
  }, 90_000);

  it('a bad preview never leaves the slot that serves', async () => {
    await mesh.publish('slots', { tag: '1.2.0' });
    await settled('slots', '1.2.0', 'rolledBack');
    expect(acts('slots', '1.2.0')).toEqual(['deploy 1.2.0 0 blue', 'retire 1.2.0 0 blue']);
    expect([read('slots', 'live'), read('slots', 'running'), read('slots', 'slot-blue')]).toEqual(['green', '1.1.0', undefined]);
  }, 90_000);

  it('one that turns out bad after the switch is switched back from', async () => {
    await mesh.publish('slots', { tag: '1.3.0' });
    await settled('slots', '1.3.0', 'rolledBack');
    expect(acts('slots', '1.3.0')).toEqual(['deploy 1.3.0 0 blue', 'switch 1.3.0 100 blue']);
    expect(acts('slots', '1.1.0').slice(3)).toEqual(['switch 1.1.0 100 green', 'retire 1.1.0 0 blue']);
    expect([read('slots', 'live'), read('slots', 'running'), read('slots', 'slot-blue')]).toEqual(['green', '1.1.0', undefined]);
  }, 90_000);
});

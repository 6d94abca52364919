import { describe, expect, it } from '@jest/globals';
import type { RolloutView, StatusCell } from '@slipway/contracts';
import { renderRollout } from '../src/render/rollout.js';
import { renderStatus } from '../src/render/status.js';
import { NO_PAINT } from '../src/terminal.js';

const NOW = new Date(2026, 10, 22, 14, 0).getTime();
const HOLDS = { for: 'hold' as const, sentence: 'canary 25 % holds 3m', until: NOW + 120_000 };

type Member = RolloutView['members'][number];

const rollout = (members: Member[]): RolloutView => ({
  ...{ id: 'rollout-7f3a1c', deployment: 'checkout', environment: 'production', version: '1.2.1', state: 'running' },
  ...{ wave: 0, waves: [{ name: 'all', from: 0, to: members.length }], budget: { used: 0, of: 0 }, createdAt: NOW },
  members,
});

const member = (letter: string, job: Member['job'], verified?: string): Member => ({
  resource: 'par-1',
  letter,
  ...(job ? { job } : {}),
  ...(verified === undefined ? {} : { verified }),
});
const line = (one: Member): string => renderRollout(rollout([one]), NOW, NO_PAINT)[1] ?? '';

describe('a version half way at its target, on screen', () => {
  it('holds at its weight until a time', () => {
    const job = { id: 'j', kind: 'verify', state: 'queued', weight: 25, doing: HOLDS.sentence, waits: HOLDS };
    expect(line(member('j', job))).toMatch(/par-1 +● canary 25 % holds 3m until 14:02:00/);
  });

  it('shifts, measures, previews, switches', () => {
    const job = (kind: string, doing: string, more = {}) => ({ id: 'j', kind, state: 'running', weight: 50, doing, ...more });
    expect(line(member('j', job('shift', 'shifts to 50 %', { percent: 80 })))).toMatch(/● shifts to 50 % +████████░░ 80 %/);
    expect(line(member('j', job('verify', 'measures at 50 %'), '3/5'))).toMatch(/● measures at 50 % +3\/5/);
    expect(line(member('j', job('verify', 'previews slot green'), '1/5'))).toMatch(/● previews slot green +1\/5/);
    expect(line(member('b', job('shift', 'shifts back to 0 %')))).toMatch(/↩ rolling back +shifts back to 0 %/);
  });

  it('waits for a person where its rollout is paused', () => {
    const waits = { for: 'gate' as const, sentence: 'the rollout is paused: paused by user:ada' };
    const job = { id: 'j', kind: 'shift', state: 'queued', weight: 50, doing: 'shifts to 50 %', waits };
    expect(line(member('j', job))).toMatch(/· shifts to 50 % +the rollout is paused: paused by user:ada/);
  });

  it('has succeeded, and the old slot is kept for a while', () => {
    const waits = { for: 'hold' as const, sentence: 'slot blue is kept as a way back', until: NOW + 600_000 };
    const job = { id: 'j', kind: 'retire', state: 'queued', weight: 0, slot: 'blue', waits };
    expect(line(member('s', job, '5/5'))).toMatch(/✓ succeeded +verified 5\/5, slot blue is kept as a way back until 14:10:00/);
  });

  it('stands in the status beside what runs, with its slots', () => {
    const cell: StatusCell = {
      ...{ system: 'shop', deployment: 'checkout', environment: 'production', targets: 2, waiting: [], quarantined: [], attention: [] },
      running: [{ version: '1.2.0', count: 2, verified: 2, slots: { green: 2 } }],
      halfWay: [
        { version: '1.2.1', doing: 'canary 25 % holds 3m', count: 1, resource: 'par-1', until: NOW + 120_000 },
        { version: '1.2.1', doing: 'shifts to 50 %', count: 3, resource: 'par-2' },
      ],
    };
    const screen = renderStatus([cell], NOW, NO_PAINT);
    expect(screen).toContain('1.2.0 ✓ 2/2 green');
    expect(screen).toContain('1.2.1 ● canary 25 % holds 3m until 14:02:00 on par-1');
    expect(screen).toContain('1.2.1 ● shifts to 50 % on 3 targets');
  });
});

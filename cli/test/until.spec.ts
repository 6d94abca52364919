import { describe, expect, it } from '@jest/globals';
import { renderFreezes, renderOverrides, renderPins } from '../src/render/facts.js';
import { parseUntil } from '../src/until.js';

const NOW = Date.parse('2026-11-22T14:00:00Z');

describe('--until', () => {
  it('takes a span or a moment, and says so when it is neither', () => {
    expect(parseUntil('2h', NOW)).toBe(NOW + 7_200_000);
    expect(parseUntil('1d12h', NOW)).toBe(NOW + 36 * 3_600_000);
    expect(parseUntil('2026-11-24T09:00:00Z', NOW)).toBe(Date.parse('2026-11-24T09:00:00Z'));
    expect(parseUntil('2026-11-24T09:00+01:00', NOW)).toBe(Date.parse('2026-11-24T08:00:00Z'));
    expect(parseUntil('2026-11-24 09:00', NOW)).toBe(new Date(2026, 10, 24, 9).getTime());
    for (const wrong of ['tomorrow', '2026-11-24', '2 hours', '', '2026-13-40T09:00'])
      expect(() => parseUntil(wrong, NOW)).toThrow(/a span like 2h, 30m or 3d, or a moment like/);
  });
});

describe('lists of what people decided', () => {
  const said = { id: 'x1', by: 'user:ann', reason: 'the sale', at: NOW - 1_000, expiresAt: NOW + 7_200_000 };

  it('show id, scope, how long, who and why', () => {
    const freeze = { ...said, scope: 'environment.name == "production"', allowRollback: false };
    expect(renderFreezes([{ fact: freeze }], NOW)).toMatch(
      /^x1 +environment\.name == "production" +2 h more, until .* no rollbacks +user:ann: the sale$/,
    );
    const place = { deployment: 'checkout', environment: 'production' };
    const { expiresAt: _, ...endless } = said;
    expect(renderPins([{ fact: { ...endless, ...place, version: 'v1' }, tag: '1.0.0' }], NOW)).toMatch(
      /^x1 +checkout in production +1\.0\.0 +until unpinned +user:ann: the sale$/,
    );
    expect(renderOverrides([{ fact: { ...said, ...place, version: 'v1', rule: 'window', resource: 'p1' }, tag: '1.0.0' }], NOW)).toMatch(
      /^x1 +window +checkout 1\.0\.0 in production at p1 +2 h more/,
    );
  });

  it('show how what has ended came to its end, and say so when there is nothing', () => {
    const freeze = { ...said, scope: 'true', allowRollback: true };
    const ended = { at: NOW - 500, by: 'user:bob', verb: 'lifted', reason: 'over' } as const;
    expect(renderFreezes([{ fact: freeze, ended }], NOW)).toMatch(/lifted .* by user:bob \(over\)/);
    expect(renderFreezes([{ fact: freeze, ended: { at: NOW, by: 'its expiry', verb: 'expired' } }], NOW)).toMatch(/expired \d/);
    expect([renderFreezes([], NOW), renderPins([], NOW), renderOverrides([], NOW)]).toEqual([
      'Nothing is frozen.',
      'Nothing is pinned.',
      'Nothing is overridden.',
    ]);
  });
});

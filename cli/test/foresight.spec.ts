import { describe, expect, it } from '@jest/globals';
import type { ReplyOf } from '@slipway/contracts';
import { renderPlaces, renderUnblock } from '../src/render/explain.js';
import { renderHistory } from '../src/render/history.js';
import { renderShadows } from '../src/render/shadow.js';
import { renderSimulation } from '../src/render/simulation.js';
import { moment } from '../src/render/when.js';
import { NO_PAINT } from '../src/terminal.js';

const NOW = Date.parse('2026-11-22T14:00:00Z');
const HOUR = 3_600_000;
const at = (ms: number): string => moment(NOW + ms, NOW);
type Explained = ReplyOf<'policy.explain'>['decisions'][number];

function explained(environment: string, more: Partial<Explained> & { verdict?: 'allowed' | 'waiting' }): Explained {
  const { verdict = 'waiting', ...rest } = more;
  return {
    running: [],
    unblocks: [],
    unblock: [],
    shadow: [],
    decision: {
      ...{ deployment: 'checkout', environment, versionId: 'v1', version: '1.2.1', verdict, targets: 6, decidedAt: NOW, groups: [] },
      because: verdict === 'allowed' ? [] : ['approval: 0 of 1 from releasers'],
    },
    ...rest,
  };
}

describe('slipway explain without an environment', () => {
  it('shows one line for each place', () => {
    const places = [explained('production', { unblocks: ['one approval from releasers'] }), explained('staging', { verdict: 'allowed' })];
    expect(renderPlaces(places, NO_PAINT)).toBe(
      [
        'checkout',
        '  production  1.2.1  … waits: approval: 0 of 1 from releasers  unblocks: one approval from releasers',
        '  staging     1.2.1  ✓ may go',
        'all of it: -e <environment>',
      ].join('\n'),
    );
  });
});

describe('slipway explain --unblock', () => {
  it('shows what is missing with the command for it, and the earliest time', () => {
    const needs = [{ what: 'one approval from releasers', facts: 1, ask: 'slipway approve checkout 1.2.1 -e production' }];
    const one = explained('production', {
      unblock: [{ resources: [], rest: true, size: 6, possible: true, needs, at: NOW + HOUR, because: [] }],
    });
    expect(renderUnblock(one, NOW, NO_PAINT)).toBe(
      [
        'checkout 1.2.1 → production',
        '  needs     one approval from releasers  ask: slipway approve checkout 1.2.1 -e production',
        `  earliest  ${at(HOUR)}`,
      ].join('\n'),
    );
  });

  it('says for which targets nothing but another version helps, and for which nothing but time is missing', () => {
    const one = explained('production', {
      unblock: [
        { resources: ['par-1'], rest: false, size: 1, possible: false, needs: [], because: ['versionSelector: 1.2.1 does not match'] },
        { resources: [], rest: true, size: 5, possible: true, needs: [], at: NOW + HOUR, because: [] },
      ],
    });
    expect(renderUnblock(one, NOW, NO_PAINT)).toBe(
      [
        'checkout 1.2.1 → production',
        '  par-1',
        '  only another version, an override or another policy helps',
        '    versionSelector: 1.2.1 does not match',
        '  the other 5 targets',
        '  needs     nothing but time',
        `  earliest  ${at(HOUR)}`,
      ].join('\n'),
    );
    expect(renderUnblock(explained('staging', { verdict: 'allowed' }), NOW, NO_PAINT)).toBe(
      'checkout 1.2.1 → staging   nothing is in the way',
    );
  });
});

const simulated = (more: Partial<ReplyOf<'policy.simulate'>>): ReplyOf<'policy.simulate'> => ({
  policies: { added: ['production'], changed: [], removed: [] },
  ignored: [],
  judged: { pairs: 2, versions: 3, targets: 8 },
  changes: [],
  leftOut: [],
  ...more,
});
const place = { deployment: 'checkout', environment: 'production', version: '1.2.1', resources: [], rest: true, size: 6 };

describe('slipway simulate', () => {
  it('shows before and after, why, and what would unblock it', () => {
    const text = renderSimulation(
      simulated({
        changes: [
          {
            ...place,
            before: { verdict: 'allowed', because: [] },
            after: { verdict: 'waiting', because: ['approval: 0 of 1 from releasers'] },
            differs: 'verdict',
            how: ['gradualRollout'],
            unblocks: ['one approval from releasers'],
          },
        ],
        ignored: ['Deployment/checkout'],
      }),
      NOW,
      NO_PAINT,
    );
    expect(text).toBe(
      [
        'policies  + production',
        '',
        'checkout 1.2.1 → production   6 targets',
        '  before  ✓ allowed',
        '  after   … waiting  approval: 0 of 1 from releasers',
        '  goes otherwise: gradualRollout',
        '  unblocks: one approval from releasers',
        '',
        '1 would change of 3 versions in 2 places.',
        'Not looked at: Deployment/checkout. Only policies are simulated.',
      ].join('\n'),
    );
  });

  it('says that nothing would change, and of how much it asked', () => {
    expect(renderSimulation(simulated({ policies: { added: [], changed: [], removed: [] } }), NOW, NO_PAINT)).toBe(
      ['policies  unchanged', '', 'Nothing would change today: 3 versions in 2 places, 8 targets judged.'].join('\n'),
    );
  });

  it('shows what history would have been, and the bad ones that would not have gone', () => {
    const text = renderSimulation(
      simulated({
        history: {
          from: NOW - 24 * HOUR,
          until: NOW,
          badNotGone: ['checkout 1.2.1 to production (6 targets, rolled back)'],
          changes: [
            {
              ...place,
              from: NOW - 10 * HOUR,
              until: NOW - 4 * HOUR,
              wentAt: NOW - 10 * HOUR,
              outcome: 'rolledBack',
              before: { allowedAt: NOW - 10 * HOUR, heldMs: 0, because: [] },
              after: { heldMs: 6 * HOUR, because: ['approval: 0 of 1 from releasers'] },
              would: 'neverGone',
            },
          ],
        },
      }),
      NOW,
      NO_PAINT,
    );
    expect(text).toBe(
      [
        'policies  + production',
        '',
        'checkout 1.2.1 → production   6 targets',
        '  would be  not gone',
        '  before    at once',
        '  after     held to the end, 6 h  approval: 0 of 1 from releasers',
        `  really    went, and was rolled back, ${at(-10 * HOUR)}; there since ${at(-10 * HOUR)}`,
        '',
        'Bad ones that would not have gone: checkout 1.2.1 to production (6 targets, rolled back).',
        '',
        `1 would have been otherwise since ${at(-24 * HOUR)}.`,
      ].join('\n'),
    );
  });
});

describe('slipway shadow', () => {
  it('shows what each shadow policy would have held, since when and how it ended', () => {
    const one = {
      policy: 'watch',
      deployment: 'checkout',
      environment: 'production',
      version: '1.2.1',
      would: 'hold',
      ofTargets: 6,
    } as const;
    const text = renderShadows(
      {
        since: NOW - 24 * HOUR,
        policies: [{ policy: 'watch' }],
        disagreements: [
          { ...one, targets: 6, from: NOW - HOUR, because: ['approval: 0 of 1 from releasers'] },
          { ...one, targets: 2, from: NOW - 3 * HOUR, to: NOW - 2 * HOUR, ended: 'over', because: [] },
        ],
      },
      NOW,
      NO_PAINT,
    );
    const from = `since ${at(-HOUR)}`;
    const before = `${at(-3 * HOUR)}, 1 h`;
    expect(text.split('\n').map((line) => line.replace(/ {2,}/g, '  ').trim())).toEqual([
      'shadow policies: watch',
      '',
      `watch  checkout 1.2.1 → production  would hold  6 of 6  ${from}  lasts  approval: 0 of 1 from releasers`,
      `watch  checkout 1.2.1 → production  would hold  2 of 6  ${before}  it went all the same`,
    ]);
    expect(renderShadows({ since: NOW - HOUR, policies: [], disagreements: [] }, NOW, NO_PAINT)).toContain('no shadow policy is applied');
  });
});

describe('slipway history', () => {
  it('shows what went where, when, by whom and why', () => {
    const text = renderHistory(
      {
        happenings: [
          {
            at: NOW - 1_000,
            environment: 'production',
            version: '1.2.1',
            what: 'rolledBack',
            resources: ['par-1'],
            targets: 1,
            because: 'http 503',
          },
          {
            at: NOW - 2_000,
            environment: 'production',
            version: '1.2.1',
            what: 'approved',
            resources: [],
            targets: 0,
            by: 'user:ada',
            because: 'seen',
          },
          { at: NOW - 3_000, version: '1.2.1', what: 'published', resources: [], targets: 0, by: 'carol' },
        ],
      },
      NOW,
      NO_PAINT,
    );
    expect(text.split('\n')).toEqual([
      `${at(-1_000)}  production  1.2.1  rolled back  par-1  http 503`,
      `${at(-2_000)}  production  1.2.1  approved            user:ada: seen`,
      `${at(-3_000)}              1.2.1  published           carol`,
    ]);
  });
});

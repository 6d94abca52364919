import { describe, expect, it } from '@jest/globals';
import type { Json, Measurement } from '@slipway/core';
import { renderVerification } from '../src/render/verification.js';
import { NO_PAINT } from '../src/terminal.js';

const NOW = Date.parse('2026-11-22T14:00:00Z');
const measured = (index: number, result: Measurement['result'], more: Partial<Measurement> = {}): Measurement => ({
  ...{ metric: 'health', index, result, at: NOW - 10 * 86_400_000 },
  ...more,
});
const view = {
  ...{ deployment: 'checkout', version: '1.2.1', resource: 'par-1', environment: 'production', state: 'failed' },
  ...{ verdict: 'failed', verdictSentence: 'health: 1 of 2 passed, 1 failed, 0 failures allowed' },
};

describe('slipway verification', () => {
  it('shows each metric, dry runs too, with what was seen', () => {
    const lines = renderVerification(
      {
        ...view,
        judged: [
          { metric: 'health', verdict: 'failed', done: true, sentence: '1 of 2 passed, 1 failed, 0 failures allowed' },
          { metric: 'trial', verdict: 'running', done: false, sentence: '0 of 5 passed, dry run, does not count', dryRun: true },
        ],
        measurements: [measured(1, 'failed', { value: { status: 503 }, message: 'result.status == 200 is false' }), measured(0, 'passed')],
      },
      NOW,
      NO_PAINT,
    ).split('\n');
    expect(lines.map((line) => line.replace(/2026-11-12 \d\d:\d\d/, '<then>'))).toEqual([
      'checkout 1.2.1 at par-1 in production   ✗ failed   health: 1 of 2 passed, 1 failed, 0 failures allowed',
      '  health  ✗ failed   1 of 2 passed, 1 failed, 0 failures allowed',
      '          passed     <then>',
      '          failed     <then>  result.status == 200 is false  {"status":503}',
      '  trial   ● running  0 of 5 passed, dry run, does not count',
    ]);
  });

  it('shows of a query its number and whose it is', () => {
    const more = { at: '2026-11-22T14:00:00.000Z', each: [] };
    const seen: Json[] = [
      { value: 10 / 110, labels: { job: 'shop', path: '/"a"' }, series: 1, ...more },
      { value: 7.25, labels: {}, series: 3, ...more },
      { value: 'NaN', labels: {}, series: 1, ...more },
      { value: 123456789, labels: {}, series: 1, ...more },
      { sleptMs: 5 },
      '{"value":1,"labels":{},"points":[…',
    ];
    const judged = [{ metric: 'health', verdict: 'passed' as const, done: true, sentence: '' }];
    const measurements = seen.map((value, index) => measured(index, 'passed', { value }));
    const lines = renderVerification({ ...view, judged, measurements }, NOW, NO_PAINT)
      .split('\n')
      .slice(2);
    expect(lines.map((line) => line.replace(/^.*\d\d:\d\d  /, ''))).toEqual([
      '0.090909 {job="shop", path="/\\"a\\""}',
      '7.25 of 3 series',
      'NaN',
      '123456789',
      '{"sleptMs":5}',
      '"{\\"value\\":1,\\"labels\\":{},\\"points\\":[…"',
    ]);
  });

  it('leaves out the middle of a long series', () => {
    const measurements = Array.from({ length: 30 }, (_, index) => measured(index, 'passed'));
    const judged = [{ metric: 'health', verdict: 'passed' as const, done: true, sentence: '30 of 30 passed' }];
    const lines = renderVerification({ ...view, judged, measurements }, NOW, NO_PAINT).split('\n');
    expect(lines).toHaveLength(13);
    expect(lines[7]).toMatch(/…20 more/);
  });
});

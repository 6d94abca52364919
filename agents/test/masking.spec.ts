import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Mask } from '../src/masking.js';
import { cleanText } from '../src/text.js';

describe('a mask', () => {
  it('hides secrets in texts, also encoded and line by line', () => {
    const mask = new Mask(['p@ss word', 'first line\nsecond line']);
    expect(mask.text('a p@ss word b')).toBe('a *** b');
    expect(mask.text(`x ${encodeURIComponent('p@ss word')} ${Buffer.from('p@ss word').toString('base64')}`)).toBe('x *** ***');
    expect(mask.text('second line is here')).toBe('*** is here');
    expect(mask.text(JSON.stringify({ key: 'first line\nsecond line' }))).toBe('{"key":"***"}');
  });

  it('hides the longer of two secrets whole, and nothing that is too short to be one', () => {
    const mask = new Mask(['secret', 'secret-extended', 'no']);
    expect(mask.text('secret-extended secret no')).toBe('*** *** no');
  });

  it('hides them in JSON, in names too, and leaves the rest as it is', () => {
    const mask = new Mask(['hush-hush']);
    expect(mask.json({ 'hush-hush': 1, list: ['xhush-hushx', null, true] })).toEqual({ '***': 1, list: ['x***x', null, true] });
  });

  it('hides them in a stream however it is cut, and gives every other character exactly once', () => {
    const text = fc
      .array(fc.constantFrom('ab', 'abab', 'ababc', 'x', '\n', 'a', 'secret', 'sec'), { maxLength: 20 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }), (whole, cuts) => {
        const mask = new Mask(['ababc', 'secret', 'abab']);
        const stream = mask.stream();
        let out = '';
        for (let at = 0, i = 0; at < whole.length; i++) {
          const length = cuts[i % cuts.length] as number;
          out += stream.push(whole.slice(at, at + length));
          at += length;
        }
        out += stream.end();
        expect(out).toBe(mask.text(whole));
        expect(out).not.toContain('secret');
      }),
      { numRuns: 500 },
    );
  });
});

it('cleans text of what terminals, JSON and PostgreSQL do not take', () => {
  expect(cleanText('\u001b[31mred\u001b[0m \u001b]0;title\u0007a\u0000b\tc\n\ud800', 100)).toBe('red ab\tc\n\ufffd');
  expect(cleanText('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`);
});

import { describe, expect, it } from '@jest/globals';
import { hasType, resolveVariables, type Json, type VariableDeclaration } from '@slipway/core';

const resolve = (declared: Record<string, VariableDeclaration>, own: Record<string, Json>) =>
  resolveVariables({ name: 'checkout', variables: declared }, { identifier: 'par-host-1', variables: own });

describe('resolveVariables', () => {
  it('takes the value of the resource, else the default, and says which', () => {
    expect(resolve({ port: { type: 'integer', default: 80 }, region: { type: 'string', default: 'par' } }, { port: 8080 })).toEqual({
      values: { port: 8080, region: 'par' },
      sources: { port: 'resource', region: 'default' },
      problems: [],
    });
  });

  it('leaves out what has no value: never an empty string', () => {
    expect(resolve({ note: { type: 'string' } }, {})).toEqual({ values: {}, sources: {}, problems: [] });
    expect(resolve({ note: { type: 'string', default: 'x' } }, { note: null }).values).toEqual({ note: 'x' });
  });

  it('names a required variable that nobody sets, and what would be right', () => {
    expect(resolve({ port: { type: 'integer', required: true } }, {}).problems).toEqual([
      {
        variable: 'port',
        message: 'checkout requires variable port, and par-host-1 does not set it; set it on the resource or give the deployment a default',
      },
    ]);
  });

  it('names a value of another type, from wherever it came', () => {
    expect(resolve({ port: { type: 'integer' } }, { port: '80' }).problems[0]?.message).toBe(
      'variable port of par-host-1 is "80", which is no integer',
    );
    expect(resolve({ port: { type: 'integer', default: 1.5 } }, {}).problems[0]?.message).toContain('the default of checkout is 1.5');
  });

  it('ignores variables of other deployments, and names that objects inherit', () => {
    expect(resolve(Object.fromEntries([['toString', { type: 'string' as const }]]), { other: 1 })).toEqual({
      values: {},
      sources: {},
      problems: [],
    });
  });

  const kinds: [VariableDeclaration['type'], Json[], Json[]][] = [
    ['string', ['', 'a'], [1, null]],
    ['integer', [0, -3], [1.5, '1', 2 ** 60]],
    ['number', [0, 1.5], ['1', NaN]],
    ['boolean', [true, false], ['true', 0]],
    ['object', [{}, { a: 1 }], [[], null]],
    ['list', [[], [1]], [{}, 'a']],
  ];
  it.each(kinds)('knows a %s', (type, right, wrong) => {
    expect([right.every((v) => hasType(v, type)), wrong.some((v) => hasType(v, type))]).toEqual([true, false]);
  });
});

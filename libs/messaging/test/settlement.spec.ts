import { describe, expect, it } from '@jest/globals';
import type { ErrorKind } from '@slipway/core';
import { SlipwayError } from '@slipway/core';
import { kindRules, normalizeError, settle } from '@slipway/messaging';
import { NoRespondersError, TimeoutError } from '@nats-io/nats-core';
import { z } from 'zod';

const error = (kind: ErrorKind, more = {}) => ({ code: 'test.thing.wrong', kind, message: 'wrong', ...more });
const KINDS = Object.keys(kindRules) as ErrorKind[];

describe('settlement', () => {
  it.each([
    ['invalid', 'deadLetter'],
    ['forbidden', 'deadLetter'],
    ['missing', 'nak'],
    ['conflict', 'deadLetter'],
    ['superseded', 'ack'],
    ['unavailable', 'nak'],
    ['unknownOutcome', 'nak'],
    ['cancelled', 'nak'],
    ['bug', 'nak'],
  ] as const)('of a first %s is %s', (kind, settlement) => {
    expect(settle(error(kind), 1).kind).toBe(settlement);
  });

  it('buries what keeps failing, except when something is only unavailable or was cancelled', () => {
    const forEver = KINDS.filter((kind) => settle(error(kind), 1_000_000).kind === 'nak');
    expect(forEver).toEqual(['unavailable', 'cancelled']);
    expect(settle(error('bug'), 3).kind).toBe('nak');
    expect(settle(error('bug'), 4)).toEqual({ kind: 'deadLetter', error: error('bug') });
  });

  it('waits longer each time, never longer than 30 s, or as long as the error asks', () => {
    const delays = [1, 2, 3, 4, 50].map((attempt) => settle(error('unavailable'), attempt));
    expect(delays.map((s) => s.kind === 'nak' && s.delayMs)).toEqual([500, 1_000, 2_000, 4_000, 30_000]);
    expect(settle(error('unavailable', { retryAfterMs: 7 }), 9)).toEqual({ kind: 'nak', delayMs: 7 });
  });

  it('gives every kind an exit code and an HTTP status of its own', () => {
    expect(new Set(KINDS.map((kind) => kindRules[kind].exitCode)).size).toBe(KINDS.length);
    expect(new Set(KINDS.map((kind) => kindRules[kind].httpStatus)).size).toBe(KINDS.length);
  });
});

describe('errors', () => {
  it('of ours stay what they are, also from another copy of the class', () => {
    const ours = new SlipwayError(error('conflict'));
    expect(normalizeError(ours)).toBe(ours);
    expect(normalizeError(Object.assign(new Error('wrong'), error('conflict')))).toMatchObject({
      code: 'test.thing.wrong',
      kind: 'conflict',
    });
  });

  it.each([
    ['a refused socket', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    ['a closing PostgreSQL', Object.assign(new Error('x'), { code: '57P01' })],
    ['a lost PostgreSQL', Object.assign(new Error('x'), { code: '08006' })],
    ['a deadlock', Object.assign(new Error('x'), { code: '40P01' })],
    ['one wrapped by a driver', new Error('query failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) })],
    ['one of several addresses', new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])],
    ['a NATS timeout', new TimeoutError()],
    ['no responders', new NoRespondersError('x')],
  ])('that mean "not now" are unavailable: %s', (_name, thrown) => {
    expect(normalizeError(thrown).kind).toBe('unavailable');
  });

  it('of zod are invalid, of an abort cancelled, of anything else bugs', () => {
    expect(normalizeError(z.string().safeParse(1).error)).toMatchObject({ code: 'messaging.body.invalid', kind: 'invalid' });
    expect(normalizeError(new DOMException('stop', 'AbortError')).kind).toBe('cancelled');
    expect(normalizeError(new TypeError('x is undefined'))).toMatchObject({ kind: 'bug', message: 'TypeError: x is undefined' });
    expect(normalizeError('just text')).toMatchObject({ kind: 'bug', message: 'Error: just text' });
    expect(normalizeError(Object.assign(new Error('duplicate key'), { code: '23505' })).kind).toBe('bug');
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkDuration, formatDuration, formatInstant, isTimezone, nearestName, parseDuration, toInstants, toLocalMs } from '@slipway/core';

describe('durations', () => {
  it('are read in units from ms to d', () => {
    expect(parseDuration('1h30m')).toBe(5_400_000);
    expect(parseDuration('10m')).toBe(600_000);
    expect(parseDuration('500ms')).toBe(500);
    expect(parseDuration('0')).toBe(0);
    expect(parseDuration('2d')).toBe(172_800_000);
  });

  it('that are none are refused with what would be right', () => {
    expect(checkDuration('10 minutes')).toBe('"10 minutes" is not a duration; write 10m (units: s, m, h, d)');
    expect(checkDuration('')).toBe('"" is not a duration; write 10m (units: s, m, h, d)');
    expect(() => parseDuration('-5m')).toThrow('is not a duration');
    expect(() => parseDuration('5')).toThrow('is not a duration');
  });

  it('are written so that they read back the same', () => {
    fc.assert(fc.property(fc.nat(10 ** 11), (ms) => parseDuration(formatDuration(ms)) === ms));
    expect(formatDuration(5_400_000)).toBe('1h30m');
  });
});

describe('the nearest name', () => {
  it('is found by edit distance, and none when nothing is near', () => {
    expect(nearestName('metdata', ['metadata', 'config'])).toBe('metadata');
    expect(nearestName('startswith', ['startsWith', 'endsWith'])).toBe('startsWith');
    expect(nearestName('zzz', ['metadata', 'config'])).toBeUndefined();
  });
});

describe('instants and wall times', () => {
  it('know the zones that Intl knows', () => {
    expect(isTimezone('Europe/Berlin')).toBe(true);
    expect(isTimezone('Europe/Berln')).toBe(false);
  });

  it('go back and forth, twice where clocks go back, with the offset before the gap where they go forward', () => {
    const zone = 'Europe/Berlin';
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 0, 1) }), (instant) =>
        toInstants(toLocalMs(instant, zone), zone).includes(instant),
      ),
    );
    expect(toInstants(Date.UTC(2026, 9, 25, 2, 30), zone)).toEqual([Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30)]);
    expect(toInstants(Date.UTC(2026, 2, 29, 2, 30), zone)).toEqual([Date.UTC(2026, 2, 29, 1, 30)]);
  });

  it('are written in the words of the zone', () => {
    expect(formatInstant(Date.UTC(2026, 10, 23, 8), 'Europe/Berlin')).toBe('Mon 23 Nov 09:00 Europe/Berlin');
  });
});

describe('wall times', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/St_Johns',
    'Pacific/Chatham',
  ];
  it('are those of the time zone database, in the quarter of an hour on either side of every change of the clocks', () => {
    const at = fc.integer({ min: Date.UTC(1980, 0), max: Date.UTC(2060, 0) });
    fc.assert(
      fc.property(at, fc.constantFrom(...zones), (instant, timeZone) => {
        const text = new Date(instant).toLocaleString('sv-SE', { timeZone });
        expect(toLocalMs(instant, timeZone)).toBe(Date.parse(`${text.replace(' ', 'T')}Z`) + (instant % 1000));
        expect(toInstants(toLocalMs(instant, timeZone), timeZone)).toContain(instant);
      }),
    );
    const lordHowe = Date.UTC(2026, 3, 4, 15);
    expect(toLocalMs(lordHowe, 'Australia/Lord_Howe') - toLocalMs(lordHowe - 1, 'Australia/Lord_Howe')).toBe(1 - 1_800_000);
  });
});

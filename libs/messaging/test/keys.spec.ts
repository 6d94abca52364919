import { describe, expect, it } from '@jest/globals';
import { createKey, hasSigned, keyFromSeed } from '@slipway/messaging';
import { createUser, fromPublic, fromSeed } from '@nats-io/nkeys';

const data = new TextEncoder().encode('what is signed');

describe('keys on native cryptography', () => {
  it.each(['O', 'A', 'U'] as const)('of type %s are the same keys for the NATS library', (type) => {
    const ours = createKey(type);
    const theirs = fromSeed(ours.getSeed());
    expect(theirs.getPublicKey()).toBe(ours.getPublicKey());
    expect(ours.getPublicKey()).toMatch(new RegExp(`^${type}[A-Z2-7]{55}$`));
    expect(fromPublic(ours.getPublicKey()).verify(data, ours.sign(data))).toBe(true);
  });

  it('are read from the seeds of the NATS library, and verify what it signed', () => {
    const theirs = createUser();
    const ours = keyFromSeed(new TextDecoder().decode(theirs.getSeed()));
    expect(ours.getPublicKey()).toBe(theirs.getPublicKey());
    expect(hasSigned(theirs.getPublicKey(), data, theirs.sign(data))).toBe(true);
    expect(hasSigned(theirs.getPublicKey(), new TextEncoder().encode('something else'), theirs.sign(data))).toBe(false);
  });

  it('refuse a seed that was cut or changed', () => {
    const seed = new TextDecoder().decode(createKey('U').getSeed());
    expect(() => keyFromSeed(seed.slice(0, -3))).toThrow('checksum');
    expect(() => keyFromSeed(createKey('U').getPublicKey())).toThrow('not the seed');
    expect(hasSigned('UNONSENSE', data, new Uint8Array(64))).toBe(false);
  });
});

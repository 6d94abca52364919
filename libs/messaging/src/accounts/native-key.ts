import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import type { KeyPair } from '@nats-io/nkeys';

/*
 * NATS keys (Ed25519, base32 with a prefix and a checksum) on Node's own cryptography. The NATS library computes in JavaScript, ten
 * milliseconds and more for each signature or public key, which is felt wherever many are made or verified.
 */

/** Operator, account, user: the first letter of the public key. */
export type KeyType = 'O' | 'A' | 'U';

const PREFIXES: Record<KeyType, number> = { O: 14 << 3, A: 0, U: 20 << 3 };
const SEED_PREFIX = 18 << 3;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const RAW_BYTES = 32;
/** What stands before the raw key in its DER form: PKCS#8 and SubjectPublicKeyInfo of Ed25519. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

/** A new key. */
export function createKey(type: KeyType): KeyPair {
  return new NativeKey(type, randomBytes(RAW_BYTES));
}

/** The key of a seed, `SU…`. Throws when the text is none. */
export function keyFromSeed(seed: string): KeyPair {
  const bytes = decode(seed.trim());
  const [first = 0, second = 0] = bytes;
  const prefix = ((first & 7) << 5) | ((second & 248) >> 3);
  const type = (Object.keys(PREFIXES) as KeyType[]).find((t) => PREFIXES[t] === prefix);
  if ((first & 248) !== SEED_PREFIX || type === undefined || bytes.length !== RAW_BYTES + 2)
    throw new Error('this is not the seed of an operator, account or user');
  return new NativeKey(type, bytes.subarray(2));
}

/** Whether the owner of this public key signed the data. False also when the key or the signature is malformed. */
export function hasSigned(publicKey: string, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    const raw = decode(publicKey).subarray(1);
    return verify(null, data, createPublicKey({ key: Buffer.concat([PUBLIC_DER, raw]), format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

class NativeKey implements KeyPair {
  private readonly key: KeyObject;
  private readonly publicKey: string;

  constructor(
    private readonly type: KeyType,
    private readonly raw: Uint8Array,
  ) {
    this.key = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, raw]), format: 'der', type: 'pkcs8' });
    const exported = createPublicKey(this.key).export({ format: 'der', type: 'spki' });
    this.publicKey = encode(Buffer.concat([Buffer.from([PREFIXES[type]]), exported.subarray(PUBLIC_DER.length)]));
  }

  getPublicKey(): string {
    return this.publicKey;
  }

  getSeed(): Uint8Array {
    const prefix = PREFIXES[this.type];
    const text = encode(Buffer.concat([Buffer.from([SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3]), this.raw]));
    return new TextEncoder().encode(text);
  }

  getPrivateKey(): Uint8Array {
    return this.getSeed();
  }

  sign(input: Uint8Array): Uint8Array {
    return sign(null, input, this.key);
  }

  verify(input: Uint8Array, signature: Uint8Array): boolean {
    return hasSigned(this.publicKey, input, signature);
  }

  clear(): void {
    this.raw.fill(0);
  }

  seal(): Uint8Array {
    throw new Error('only curve keys seal');
  }

  open(): Uint8Array | null {
    throw new Error('only curve keys open');
  }
}

/** Base32 without padding, the checksum appended. */
function encode(bytes: Uint8Array): string {
  const sum = checksum(bytes);
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of [...bytes, sum & 255, sum >> 8]) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** The bytes before the checksum; throws when it does not fit. */
function decode(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new Error('a NATS key has letters A to Z and digits 2 to 7 only');
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 255);
    }
  }
  const content = Uint8Array.from(bytes.slice(0, -2));
  const sum = checksum(content);
  if (bytes.at(-2) !== (sum & 255) || bytes.at(-1) !== sum >> 8)
    throw new Error('the checksum of the NATS key does not fit; was it cut when it was copied?');
  return content;
}

/** CRC-16/XMODEM. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let i = 0; i < 8; i++) sum = sum & 0x8000 ? ((sum << 1) ^ 0x1021) & 0xffff : (sum << 1) & 0xffff;
  }
  return sum;
}

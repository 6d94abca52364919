import { randomBytes } from 'node:crypto';
import type { Ids } from './ports.js';

/** Random bytes are drawn for many ids at once: a rollout of a hundred thousand targets asks for hundreds of thousands. */
const POOL_IDS = 512;
const BYTES_PER_ID = 8;
const SEQUENCE_MAX = 0xfff;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let pool = Buffer.alloc(0);
let poolAt = 0;
let lastMs = 0;
let sequence = 0;

function randomTail(): Buffer {
  if (poolAt + BYTES_PER_ID > pool.length) {
    pool = randomBytes(POOL_IDS * BYTES_PER_ID);
    poolAt = 0;
  }
  poolAt += BYTES_PER_ID;
  return pool.subarray(poolAt - BYTES_PER_ID, poolAt);
}

/** UUID v7: the 12 bits behind the millisecond count up within it, so that ids of one process sort as they were made even when the clock stands or steps back. */
function uuidV7(now: number): string {
  if (now > lastMs) {
    lastMs = now;
    sequence = 0;
  } else if (sequence < SEQUENCE_MAX) {
    sequence += 1;
  } else {
    lastMs += 1;
    sequence = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const b = randomTail();
  const at = (n: number): string => hex[b[n] as number] as string;
  const variant = hex[((b[0] as number) & 0x3f) | 0x80] as string;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}-${variant}${at(1)}-${at(2)}${at(3)}${at(4)}${at(5)}${at(6)}${at(7)}`;
}

export const systemIds: Ids = { next: () => uuidV7(Date.now()), random: () => Math.random() };

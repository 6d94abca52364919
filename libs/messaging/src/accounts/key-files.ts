import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KeyPair } from '@nats-io/nkeys';
import { keyFromSeed } from './native-key.js';

const SECRET = { mode: 0o600 } as const;

/** Write so that a reader sees the old or the new content, never a part; readable by the owner only. */
export function writeSecretFile(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, content, SECRET);
  renameSync(draft, file);
}

/** The file's text, or undefined when there is none. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key kept in this file; made and kept when there is none yet. */
export function keepKey(file: string, make: () => KeyPair): KeyPair {
  const kept = readIfThere(file);
  if (kept !== undefined) return keyFromSeed(kept);
  const key = make();
  writeSecretFile(file, `${new TextDecoder().decode(key.getSeed())}\n`);
  return key;
}

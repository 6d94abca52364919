import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { fromPublic } from '@nats-io/nkeys';

/** Whether the signature over the statement was made with the private half of this key. Never throws. */
export function isProof(publicKey: string, statement: Uint8Array, proof: string): boolean {
  try {
    return fromPublic(publicKey).verify(statement, Buffer.from(proof, 'base64url'));
  } catch {
    return false;
  }
}

/** What is kept of a token's secret. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

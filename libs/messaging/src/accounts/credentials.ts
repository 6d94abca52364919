import { readFileSync } from 'node:fs';
import { SlipwayError } from '@slipway/core';
import type { User } from '@nats-io/jwt';
import { fmtCreds } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import type { Authenticator } from '@nats-io/transport-node';
import { verifyClaims } from './jwt-claims.js';
import { writeSecretFile } from './key-files.js';
import { keyFromSeed } from './native-key.js';

/** A credentials file, read. */
export interface Credentials {
  jwt: string;
  key: KeyPair;
  name: string;
  tags: string[];
  /** Public key of the scoped signing key that vouches for it. */
  issuer: string;
  /** Epoch milliseconds. */
  issuedAt: number;
  /** Epoch milliseconds; absent: never. */
  expiresAt?: number;
}

/** Text, or where it stands; a path is read again at every reconnect, so that a renewed credential is picked up. */
export type CredentialsSource = { text: string } | { file: string };

/** Write a credentials file that only its owner can read. */
export function writeCredentials(file: string, creds: string): void {
  writeSecretFile(file, creds);
}

/** The text of a credentials file from a JWT and the key it was issued for. */
export function formatCredentials(jwt: string, key: KeyPair): string {
  return new TextDecoder().decode(fmtCreds(jwt, key));
}

export function readCredentials(source: CredentialsSource): Credentials {
  const text = textOf(source);
  const jwt = /-BEGIN NATS USER JWT-+\s+(\S+)\s+-/.exec(text)?.[1];
  const seed = /-BEGIN USER NKEY SEED-+\s+(\S+)\s+-/.exec(text)?.[1];
  if (jwt === undefined || seed === undefined) {
    throw new SlipwayError({
      code: 'messaging.credential.unreadable',
      kind: 'invalid',
      message: `Cannot read ${'file' in source ? source.file : 'the credential'}: it must be a NATS credentials file with a user JWT and an nkey seed.`,
    });
  }
  const claims = verifyClaims<User>(jwt);
  return {
    jwt,
    key: keyFromSeed(seed),
    name: claims.name,
    tags: claims.nats.tags ?? [],
    issuer: claims.iss,
    issuedAt: claims.iat * 1000,
    ...(claims.exp === undefined ? {} : { expiresAt: claims.exp * 1000 }),
  };
}

/** Proves the identity at every connect with the credential as it is then. */
export function authenticate(source: CredentialsSource): Authenticator {
  return (nonce) => {
    const { jwt, key } = readCredentials(source);
    const signature = nonce === undefined ? '' : Buffer.from(key.sign(new TextEncoder().encode(nonce))).toString('base64url');
    return { jwt, nkey: key.getPublicKey(), sig: signature };
  };
}

function textOf(source: CredentialsSource): string {
  if ('text' in source) return source.text;
  try {
    return readFileSync(source.file, 'utf8');
  } catch (cause) {
    throw new SlipwayError(
      {
        code: 'messaging.credential.missing',
        kind: 'missing',
        message: `Cannot read the credentials file ${source.file}: ${(cause as Error).message}.`,
      },
      { cause },
    );
  }
}

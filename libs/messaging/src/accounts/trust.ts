import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { AccountName, CredentialRole } from '@slipway/contracts';
import { scopes, slugSchema } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Account } from '@nats-io/jwt';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { fromPublic } from '@nats-io/nkeys';
import type { ScopedRole } from './account-claims.js';
import { planAccount } from './account-claims.js';
import { verifyClaims } from './jwt-claims.js';
import { keepKey, readIfThere, writeSecretFile } from './key-files.js';
import { createKey } from './native-key.js';

/*
 * All keys of one mesh, in one directory that only its owner can read: `operator.nk`, `accounts/<NAME>.{nk,jwt}`, `signers/<role>.nk`,
 * `revocations.json`; and `anchors.json`, the public part, by which services verify people. Made once, and the same after every restart;
 * account JWTs are signed anew only when what they say has changed.
 */

export const ACCOUNTS: readonly AccountName[] = ['SYS', 'SERVICES', 'AGENTS', 'CI'];

export interface MintOptions {
  role: CredentialRole;
  /** A slug; becomes part of subjects by the scope's template. */
  name: string;
  /** `role:admin`, `group:releasers`, `queue:<pool>_<executor>`, `deployment:<name>`. */
  tags?: readonly string[];
  /** Absent: does not expire. */
  expiresInMs?: number;
  /** The user's own public key; absent: a key is made, and the credential has its seed. */
  publicKey?: string;
}

export interface MintedUser {
  jwt: string;
  publicKey: string;
  /** Credentials file text; only when the key was made here. */
  creds?: string;
  /** Epoch milliseconds. */
  expiresAt?: number;
}

/** The public part of the trust. */
export interface TrustAnchors {
  accounts: Record<AccountName, string>;
  signers: Record<ScopedRole, string>;
  revocations: Partial<Record<AccountName, Record<string, number>>>;
}

export interface Trust {
  readonly operatorJwt: string;
  accountJwt(account: AccountName): string;
  anchors(): TrustAnchors;
  mintUser(options: MintOptions): Promise<MintedUser>;
  /** Note the key as revoked for every JWT issued until now and sign the account anew; `pushAccount` makes the server know. */
  revokeUser(account: AccountName, publicKey: string, now: number): Promise<string>;
}

const TAG = /^[a-z]+:([a-z0-9_-]+|\*)$/;

/** Make the keys, or take up those that are there. */
export async function createTrust(dir: string): Promise<Trust> {
  const keys = keepKeys(dir);
  const anchors: TrustAnchors = {
    accounts: publicKeys(keys.accounts),
    signers: publicKeys(keys.signers),
    revocations: JSON.parse(readIfThere(join(dir, 'revocations.json')) ?? '{}') as TrustAnchors['revocations'],
  };
  const signed = {} as Record<AccountName, string>;
  for (const account of ACCOUNTS) signed[account] = await signAccount(dir, account, anchors, keys);
  writeSecretFile(join(dir, 'anchors.json'), JSON.stringify(anchors, null, 2));

  return {
    operatorJwt: await keepOperatorJwt(dir, keys),
    accountJwt: (account) => signed[account],
    anchors: () => structuredClone(anchors),
    mintUser: (options) => mintUser(keys, options),
    async revokeUser(account, publicKey, now) {
      const revoked = (anchors.revocations[account] ??= {});
      revoked[publicKey] = Math.max(revoked[publicKey] ?? 0, Math.floor(now / 1000));
      writeSecretFile(join(dir, 'revocations.json'), JSON.stringify(anchors.revocations, null, 2));
      writeSecretFile(join(dir, 'anchors.json'), JSON.stringify(anchors, null, 2));
      signed[account] = await signAccount(dir, account, anchors, keys);
      return signed[account];
    },
  };
}

/** Read the public part as it is now; services read it again to see revocations. */
export function readAnchors(dir: string): TrustAnchors {
  const text = readIfThere(join(dir, 'anchors.json'));
  if (text === undefined) {
    throw new SlipwayError({
      code: 'messaging.trust.missing',
      kind: 'missing',
      message: `Cannot verify who asks: ${join(dir, 'anchors.json')} does not exist. Make it with slipway up or slipway provision.`,
    });
  }
  return JSON.parse(text) as TrustAnchors;
}

interface Keys {
  operator: KeyPair;
  accounts: Record<AccountName, KeyPair>;
  signers: Record<ScopedRole, KeyPair>;
}

function keepKeys(dir: string): Keys {
  const roles = Object.keys(scopes) as ScopedRole[];
  return {
    operator: keepKey(join(dir, 'operator.nk'), () => createKey('O')),
    accounts: fromNames(ACCOUNTS, (name) => keepKey(join(dir, 'accounts', `${name}.nk`), () => createKey('A'))),
    signers: fromNames(roles, (role) => keepKey(join(dir, 'signers', `${role}.nk`), () => createKey('A'))),
  };
}

function fromNames<K extends string, V>(names: readonly K[], make: (name: K) => V): Record<K, V> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, V>;
}

function publicKeys<K extends string>(pairs: Record<K, KeyPair>): Record<K, string> {
  return fromNames(Object.keys(pairs) as K[], (name) => pairs[name].getPublicKey());
}

async function keepOperatorJwt(dir: string, keys: Keys): Promise<string> {
  const file = join(dir, 'operator.jwt');
  const kept = readIfThere(file);
  if (kept !== undefined) return kept;
  const jwt = await encodeOperator('slipway', keys.operator, { system_account: keys.accounts.SYS.getPublicKey() });
  writeSecretFile(file, jwt);
  return jwt;
}

/** The account's JWT: the one on file while it says what it should, else a new one. */
async function signAccount(dir: string, account: AccountName, anchors: TrustAnchors, keys: Keys): Promise<string> {
  const file = join(dir, 'accounts', `${account}.jwt`);
  const wanted = planAccount(account, anchors);
  const kept = readIfThere(file);
  if (kept !== undefined) {
    const { type: _type, version: _version, ...claims } = verifyClaims<Account>(kept).nats as Account;
    if (isDeepStrictEqual(claims, JSON.parse(JSON.stringify(wanted)))) return kept;
  }
  const jwt = await encodeAccount(account, keys.accounts[account], wanted, { signer: keys.operator });
  writeSecretFile(file, jwt);
  return jwt;
}

async function mintUser(keys: Keys, options: MintOptions): Promise<MintedUser> {
  const name = slugSchema.safeParse(options.name);
  const badTag = options.tags?.find((tag) => !TAG.test(tag));
  if (!name.success || badTag !== undefined) {
    throw new SlipwayError({
      code: 'messaging.credential.invalid',
      kind: 'invalid',
      message: `Cannot make a credential: ${name.success ? `tag "${badTag}" must look like role:admin` : `name "${options.name}" must be a slug like par-agent-1`}.`,
    });
  }
  const user = options.publicKey ? fromPublic(options.publicKey) : createKey('U');
  const expiresAt = options.expiresInMs === undefined ? undefined : Date.now() + options.expiresInMs;
  const claims = { tags: [...(options.tags ?? [])] };
  const validity = expiresAt === undefined ? {} : { exp: Math.floor(expiresAt / 1000) };
  const jwt =
    options.role === 'system'
      ? await encodeUser(options.name, user, keys.accounts.SYS, claims, validity)
      : await encodeUser(
          options.name,
          user,
          keys.signers[options.role],
          { ...claims, issuer_account: keys.accounts[scopes[options.role].account].getPublicKey() },
          { ...validity, scopedUser: true },
        );
  return {
    jwt,
    publicKey: user.getPublicKey(),
    ...(options.publicKey ? {} : { creds: new TextDecoder().decode(fmtCreds(jwt, user)) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

import { createHash } from 'node:crypto';
import type { Role } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { ClaimsData, User } from '@nats-io/jwt';
import type { Credentials } from './accounts/credentials.js';
import { verifyClaims } from './accounts/jwt-claims.js';
import { hasSigned } from './accounts/native-key.js';
import type { TrustAnchors } from './accounts/trust.js';
import type { Caller } from './ports.js';

/*
 * Who asks, proved by the request itself: the user's JWT, the time, and a signature by the user's key over subject, time and body. The JWT
 * is vouched for by one of our scoped signing keys, and which one says what kind of user it is.
 */

export const IDENTITY_HEADERS = { jwt: 'Slipway-Identity', time: 'Slipway-Time', signature: 'Slipway-Signature' } as const;

/** How far the clocks of who asks and who answers may be apart; how long a caught request could be sent again. */
export const REQUEST_SKEW_MS = 60_000;

const SERVICES: readonly string[] = ['registry', 'policy', 'scheduler'];
const ROLES: readonly Exclude<Role, 'service'>[] = ['viewer', 'operator', 'approver', 'admin'];

export interface SignedRequest {
  subject: string;
  body: Uint8Array;
}

/** Headers that prove who makes this request. `now` is epoch milliseconds. */
export function signRequest(credentials: Credentials, request: SignedRequest, now: number): Record<string, string> {
  const time = String(now);
  return {
    [IDENTITY_HEADERS.jwt]: credentials.jwt,
    [IDENTITY_HEADERS.time]: time,
    [IDENTITY_HEADERS.signature]: Buffer.from(credentials.key.sign(statement(request, time))).toString('base64url'),
  };
}

export interface VerifyOptions {
  headers: Record<string, string>;
  anchors: TrustAnchors;
  /** Epoch milliseconds. */
  now: number;
}

/** Who asks; undefined when the request is not signed at all. Throws `forbidden` when what it says of itself is not true. */
export function verifyRequest(request: SignedRequest, { headers, anchors, now }: VerifyOptions): Caller | undefined {
  const jwt = headers[IDENTITY_HEADERS.jwt];
  if (!jwt) return undefined;
  const claims = verifyJwt(jwt);
  const time = headers[IDENTITY_HEADERS.time] ?? '';
  if (!(Math.abs(now - Number(time)) <= REQUEST_SKEW_MS)) {
    throw refused('stale', `it was signed more than ${REQUEST_SKEW_MS / 1000} s ago or ahead; check the clock of the machine that asks`);
  }
  if (claims.exp !== undefined && claims.exp * 1000 <= now) throw refused('expired', 'the credential has expired');
  if (isRevoked(claims, anchors)) throw refused('revoked', 'the credential has been revoked');
  if (!hasSigned(claims.sub, statement(request, time), Buffer.from(headers[IDENTITY_HEADERS.signature] ?? '', 'base64url'))) {
    throw refused('signature', 'the signature does not fit the request');
  }
  return callerOf(claims, anchors);
}

function verifyJwt(jwt: string): ClaimsData<User> {
  try {
    return verifyClaims<User>(jwt);
  } catch (error) {
    throw refused('jwt', `the JWT is not genuine (${(error as Error).message})`);
  }
}

function isRevoked(claims: ClaimsData<User>, anchors: TrustAnchors): boolean {
  const since = anchors.revocations.SERVICES?.[claims.sub];
  return since !== undefined && claims.iat <= since;
}

function callerOf(claims: ClaimsData<User>, anchors: TrustAnchors): Caller {
  const tags = claims.nats.tags ?? [];
  if (claims.iss === anchors.signers.person) {
    const role = ROLES.findLast((r) => tags.includes(`role:${r}`)) ?? 'viewer';
    const groups = tags.filter((tag) => tag.startsWith('group:')).map((tag) => tag.slice('group:'.length));
    return { name: `user:${claims.name}`, groups, role };
  }
  if (SERVICES.some((service) => claims.iss === anchors.signers[service as 'registry']))
    return { name: 'service', groups: [], role: 'service' };
  throw refused('issuer', 'it comes from a credential of neither a person nor a service of this mesh');
}

/** Whether the caller may ask for what needs this role; roles of people include those before them. */
export function hasRole(caller: Caller, needed: Role): boolean {
  if (caller.role === 'service') return true;
  return needed !== 'service' && ROLES.indexOf(caller.role as Exclude<Role, 'service'>) >= ROLES.indexOf(needed);
}

function statement(request: SignedRequest, time: string): Uint8Array {
  const hash = createHash('sha256').update(request.body).digest('hex');
  return new TextEncoder().encode(['slipway-request-v1', request.subject, time, hash].join('\n'));
}

function refused(reason: string, why: string): SlipwayError {
  return new SlipwayError({ code: `messaging.identity.${reason}`, kind: 'forbidden', message: `Cannot accept the request: ${why}.` });
}

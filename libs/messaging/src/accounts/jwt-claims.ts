import type { ClaimsData } from '@nats-io/jwt';
import { hasSigned } from './native-key.js';

/** What a NATS JWT says, once its issuer's signature has been verified. Whether the issuer is to be trusted is for the caller to say. Throws when it is not genuine. */
export function verifyClaims<T>(jwt: string): ClaimsData<T> {
  const [header = '', body = '', signature = ''] = jwt.split('.');
  const { alg } = parsePart<{ alg?: string }>(header);
  if (alg !== 'ed25519-nkey') throw new Error('it is not a NATS JWT of version 2');
  const claims = parsePart<ClaimsData<T>>(body);
  if (!hasSigned(claims.iss, new TextEncoder().encode(`${header}.${body}`), Buffer.from(signature, 'base64url'))) {
    throw new Error('its signature does not fit');
  }
  return claims;
}

function parsePart<T>(part: string): T {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as T;
}

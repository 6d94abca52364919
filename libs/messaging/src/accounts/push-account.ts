import { SlipwayError } from '@slipway/core';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import { authenticate } from './credentials.js';
import type { Trust } from './trust.js';
import type { AccountName } from '@slipway/contracts';

const PUSH_TIMEOUT_MS = 5_000;
/** The system user lives only as long as one push takes. */
const SYSTEM_USER_TTL_MS = 60_000;

/** Hand the account's JWT to the running server; it takes effect at once, revoked users are dropped. */
export async function pushAccount(trust: Trust, servers: string | string[], account: AccountName): Promise<void> {
  const user = await trust.mintUser({ role: 'system', name: 'account-push', expiresInMs: SYSTEM_USER_TTL_MS });
  const nc = await connect({
    servers,
    name: 'account-push',
    authenticator: authenticate({ text: user.creds ?? '' }),
    timeout: PUSH_TIMEOUT_MS,
  });
  try {
    await requestUpdate(nc, account, trust.accountJwt(account));
  } finally {
    await nc.close();
  }
}

/** Revoke a user: noted in the trust and made known to the server, so that its connection drops and none follows. */
export async function revokeUser(
  trust: Trust,
  servers: string | string[],
  revoked: { account: AccountName; publicKey: string; now: number },
): Promise<void> {
  await trust.revokeUser(revoked.account, revoked.publicKey, revoked.now);
  await pushAccount(trust, servers, revoked.account);
}

async function requestUpdate(nc: NatsConnection, account: AccountName, jwt: string): Promise<void> {
  const reply = (await nc.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: PUSH_TIMEOUT_MS })).json<{
    data?: { code: number };
    error?: { description: string };
  }>();
  if (reply.data?.code === 200) return;
  throw new SlipwayError({
    code: 'messaging.account.refused',
    kind: 'bug',
    message: `The NATS server refused the account ${account}: ${reply.error?.description ?? JSON.stringify(reply)}.`,
  });
}

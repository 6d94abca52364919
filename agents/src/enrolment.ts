import { createHash } from 'node:crypto';
import { decodeEnrolmentToken, enrolmentStatement, renewalStatement, type EnrolReply } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import { connectNats, createAgentRequests, formatCredentials, readCredentials } from '@slipway/messaging';
import type { Log } from '@slipway/runtime';
import { createCurve, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import type { NatsConnection } from '@nats-io/transport-node';
import type { AgentHome, Enrolment } from './home.js';
import type { AgentClock, Timers } from './ports.js';

/** When a renewal fails, try again so often; half of a credential's life is left for it. */
const RENEW_RETRY_MS = 1_000;

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** The agent's own key, made at its first start and never sent anywhere. On disk before it is used, so that a repeated enrolment is the same one. */
function ownKey(home: AgentHome, name: string, make: () => KeyPair): KeyPair {
  const seed = home.readText(name);
  if (seed !== undefined) return fromSeed(new TextEncoder().encode(seed.trim()));
  const key = make();
  home.writeText(name, new TextDecoder().decode(key.getSeed()));
  return key;
}

const userKey = (home: AgentHome): KeyPair => ownKey(home, 'user.nk', createUser);

/**
 * The enrolment of this agent: the one it has, or a new one by the token. A token is used when there is no credential yet, when that has
 * expired, and when it is another than the one used before: it may bring another pool or other executors.
 * Throws `agent.enrolment.missing` when there is neither, `agent.token.unreadable`, or what the registry answered.
 */
export async function enrol(home: AgentHome, token: string | undefined, now: number, log: Log): Promise<Enrolment> {
  const known = home.readEnrolment();
  const expired = known ? (readCredentials({ file: home.credentialsFile }).expiresAt ?? Infinity) <= now : false;
  const isNew = token !== undefined && hashOf(token) !== known?.token;
  if (known && !expired && !isNew) return known;
  if (token === undefined) {
    const because = known ? `the credential of agent ${known.agent} has expired` : `${home.directory} holds no enrolled agent`;
    const message = `Cannot start: ${because}. Make a token with \`slipway agent enroll <name>\` and give it with --token.`;
    throw new SlipwayError({ code: 'agent.enrolment.missing', kind: 'missing', message });
  }
  const invitation = decodeEnrolmentToken(token);
  if (!invitation) {
    const message = 'Cannot enrol: the token is not readable; copy it whole, as `slipway agent enroll` printed it.';
    throw new SlipwayError({ code: 'agent.token.unreadable', kind: 'invalid', message });
  }
  const { agent, servers, creds, secret } = invitation;
  const key = userKey(home);
  const request = { secret, publicKey: key.getPublicKey(), curveKey: ownKey(home, 'curve.nk', createCurve).getPublicKey() };
  const nc = await connectNats({ servers, creds: { text: creds }, name: `${agent} enrolling`, log, whenRefused: 'close' });
  try {
    const proof = base64url(key.sign(enrolmentStatement(agent, request)));
    const reply = await createAgentRequests(nc, agent).ask('enrol', { ...request, proof });
    log.info('enrolled', { agent, pool: reply.pool, executors: reply.executors });
    return accept(home, { agent, servers, token: hashOf(token) }, key, reply);
  } finally {
    await nc.close();
  }
}

type Asked = Pick<Enrolment, 'agent' | 'servers' | 'token'>;

function accept(home: AgentHome, { agent, servers, token }: Asked, key: KeyPair, reply: EnrolReply): Enrolment {
  const enrolment = { agent, servers, pool: reply.pool, executors: reply.executors, ...(token === undefined ? {} : { token }) };
  home.writeText('agent.creds', formatCredentials(reply.jwt, key));
  home.writeEnrolment(enrolment);
  return enrolment;
}

/** Renew the credential at half of its life, for as long as the agent lives; the connection takes the new one up at its next reconnect. Gives back how to stop. */
export function renewCredentials(
  nc: NatsConnection,
  home: AgentHome,
  enrolment: Enrolment,
  parts: { clock: AgentClock; timers: Timers; log: Log },
): () => void {
  const { clock, timers, log } = parts;
  let stopTimer: () => void = () => {};
  let stopped = false;
  const after = (ms: number): void => {
    if (!stopped) stopTimer = timers.after(Math.max(0, ms), () => void renew());
  };
  const schedule = (): void => {
    const { issuedAt, expiresAt } = readCredentials({ file: home.credentialsFile });
    if (expiresAt !== undefined) after((issuedAt + expiresAt) / 2 - clock.now());
  };
  const renew = async (): Promise<void> => {
    try {
      const key = userKey(home);
      const request = { publicKey: key.getPublicKey(), at: clock.now() };
      const proof = base64url(key.sign(renewalStatement(enrolment.agent, request)));
      const reply = await createAgentRequests(nc, enrolment.agent).ask('credentials', { ...request, proof });
      accept(home, enrolment, key, reply);
      log.info('credential renewed', { agent: enrolment.agent });
      schedule();
    } catch (error) {
      log.warn('credential not renewed, trying again', { error: String(error) });
      after(RENEW_RETRY_MS);
    }
  };
  schedule();
  return () => {
    stopped = true;
    stopTimer();
  };
}

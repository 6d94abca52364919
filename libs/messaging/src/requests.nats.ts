import type { AgentOperationName, AgentReplyOf, AgentRequestOf, OperationName, ReplyOf, RequestOf } from '@slipway/contracts';
import { agentOperations, operationSubject, operations, REQUEST_TIMEOUT_MS, subjects } from '@slipway/contracts';
import type { ErrorShape } from '@slipway/core';
import { SlipwayError } from '@slipway/core';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import type { z } from 'zod';
import { prettifyError } from 'zod';
import type { CredentialsSource } from './accounts/credentials.js';
import { readCredentials } from './accounts/credentials.js';
import { requestOnline } from './connection-loss.js';
import { signRequest } from './identity.js';
import type { Requests } from './ports.js';

export interface RequestsOptions {
  /** Epoch milliseconds. */
  now(): number;
  /** Sign with this credential; people must, services need not, for what only they may ask. */
  sign?: CredentialsSource;
}

/** Requests to services over the connection. */
export function createRequests(nc: NatsConnection, options: RequestsOptions): Requests {
  return {
    ask<N extends OperationName>(operation: N, request: RequestOf<N>, { timeoutMs = REQUEST_TIMEOUT_MS } = {}): Promise<ReplyOf<N>> {
      const subject = operationSubject(operation);
      const body = new TextEncoder().encode(JSON.stringify(request));
      const signed = options.sign ? signRequest(readCredentials(options.sign), { subject, body }, options.now()) : {};
      return exchange(nc, {
        subject,
        body,
        headers: signed,
        timeoutMs,
        reply: operations[operation].reply as unknown as z.ZodType<ReplyOf<N>>,
      });
    },
  };
}

/** What an agent asks; its name is in the subject, which only it may publish on. */
export interface AgentRequests {
  ask<N extends AgentOperationName>(operation: N, request: AgentRequestOf<N>, options?: { timeoutMs?: number }): Promise<AgentReplyOf<N>>;
}

export function createAgentRequests(nc: NatsConnection, agent: string): AgentRequests {
  return {
    ask<N extends AgentOperationName>(
      operation: N,
      request: AgentRequestOf<N>,
      { timeoutMs = REQUEST_TIMEOUT_MS } = {},
    ): Promise<AgentReplyOf<N>> {
      const subject = subjects.agentRequest(agent, operation);
      const body = new TextEncoder().encode(JSON.stringify(request));
      return exchange(nc, {
        subject,
        body,
        headers: {},
        timeoutMs,
        reply: agentOperations[operation].reply as unknown as z.ZodType<AgentReplyOf<N>>,
      });
    },
  };
}

interface Exchange<R> {
  subject: string;
  body: Uint8Array;
  headers: Record<string, string>;
  timeoutMs: number;
  reply: z.ZodType<R>;
}

async function exchange<R>(nc: NatsConnection, { subject, body, timeoutMs, reply, ...given }: Exchange<R>): Promise<R> {
  const made = headers();
  for (const [name, value] of Object.entries(given.headers)) made.set(name, value);
  let answered: { ok?: unknown; error?: ErrorShape };
  try {
    answered = (await requestOnline(nc, subject, body, { timeout: timeoutMs, headers: made })).json();
  } catch (cause) {
    throw unanswered(subject, cause as Error & { cause?: Error });
  }
  if (answered.error) throw new SlipwayError(answered.error);
  const parsed = reply.safeParse(answered.ok);
  if (parsed.success) return parsed.data;
  throw new SlipwayError({
    code: 'messaging.reply.invalid',
    kind: 'bug',
    message: `${subject} answered what it should not: ${prettifyError(parsed.error)}. Are all parts of the mesh of the same version?`,
  });
}

function unanswered(subject: string, cause: Error & { cause?: Error }): SlipwayError {
  if ([cause.name, cause.cause?.name].includes('PermissionViolationError')) {
    return new SlipwayError(
      { code: 'messaging.request.forbidden', kind: 'forbidden', message: `This credential may not ask ${subject}.` },
      { cause },
    );
  }
  const why = [cause.name, cause.cause?.name].includes('NoResponders') ? 'nobody listens there; is the service running?' : cause.message;
  return new SlipwayError(
    { code: 'messaging.request.unanswered', kind: 'unavailable', message: `${subject} was not answered: ${why}`, details: { subject } },
    { cause },
  );
}

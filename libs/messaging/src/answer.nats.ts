import type { OperationName } from '@slipway/contracts';
import { agentOf, agentRequestSchemas, operations, ownInbox } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Log } from '@slipway/runtime';
import type { Service } from '@nats-io/services';
import { Svcm } from '@nats-io/services';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { prettifyError } from 'zod';
import type { TrustAnchors } from './accounts/trust.js';
import { hasRole, verifyRequest } from './identity.js';
import type { Caller, ServiceParts } from './ports.js';
import { kindRules, normalizeError } from './settlement.js';
import { readHeaders } from './wire-headers.js';

/*
 * Answers requests: those of people and services as a NATS micro service (`nats micro ls|info|stats`), those of agents in their own tree.
 * The reply is `{ok}` or `{error}`; errors also stand in the headers of the service protocol, for the `nats` CLI.
 */

export interface AnswerOptions {
  /** `policy`: its operations are `policy.<name>`, on `slipway.rpc.policy.<name>`. */
  service: string;
  version: string;
  operations: ServiceParts['operations'];
  agentRequests: ServiceParts['agentRequests'];
  /** Read again for every signed request, so that revocations count at once. */
  anchors(): TrustAnchors;
  log: Log;
  /** Epoch milliseconds. */
  now(): number;
}

export interface Answering {
  /** Take no more requests and wait for those under way. */
  close(): Promise<void>;
}

/** Requests under way at once; beyond it the answer is "unavailable" at once instead of ever later. */
const UNDER_WAY_MAX = 1_000;
/** Replies go to inboxes only: a reply subject may name anything, and this connection may publish more than who asks. */
const INBOXES = [ownInbox(''), '_INBOX.', '_R_.'];
const NOT_SIGNED: Caller = { name: 'user:unsigned', groups: [], role: 'viewer' };

export async function answer(nc: NatsConnection, options: AnswerOptions): Promise<Answering> {
  const desk = new Desk(options);
  const service = await openService(nc, options, desk);
  const subscriptions = subscribeAgents(nc, options, desk);
  return {
    async close() {
      await service?.stop();
      await Promise.all(subscriptions.map((s) => s.drain()));
      await desk.idle();
    },
  };
}

async function openService(nc: NatsConnection, options: AnswerOptions, desk: Desk): Promise<Service | undefined> {
  const names = Object.keys(options.operations) as OperationName[];
  if (names.length === 0) return undefined;
  const service = await new Svcm(nc).add({
    name: options.service,
    version: options.version,
    description: `Slipway ${options.service}`,
    queue: options.service,
  });
  const group = service.addGroup(`slipway.rpc.${options.service}`);
  for (const name of names) {
    const { about, role } = operations[name];
    const endpoint = name.slice(name.indexOf('.') + 1);
    group.addEndpoint(endpoint, {
      metadata: { about, role },
      handler: (_error, message) => desk.serve(message, () => answerOperation(name, message, options)),
    });
  }
  return service;
}

function subscribeAgents(nc: NatsConnection, options: AnswerOptions, desk: Desk): Subscription[] {
  return Object.keys(options.agentRequests).map((name) =>
    nc.subscribe(name === 'hb' ? 'slipway.agt.*.hb' : `slipway.agt.*.rpc.${name}`, {
      queue: options.service,
      callback: (error, message) => {
        if (!error) desk.serve(message, () => answerAgent(name, message, options));
      },
    }),
  );
}

/** Verify, authorise, parse, ask the service. */
async function answerOperation(name: OperationName, message: Msg, options: AnswerOptions): Promise<unknown> {
  const { role, request } = operations[name];
  const caller = callerOf(name, message, options);
  if (!hasRole(caller, role)) {
    throw new SlipwayError({
      code: 'messaging.request.forbidden',
      kind: 'forbidden',
      message: `${caller.name} is ${caller.role} and cannot ask for ${name}: that needs ${role}${caller === NOT_SIGNED ? ', and a signed request (use the slipway command)' : ''}.`,
    });
  }
  const parsed = request.safeParse(parseJson(message));
  if (!parsed.success) throw notUnderstood(name, prettifyError(parsed.error));
  const handler = options.operations[name] as (request: unknown, caller: Caller) => Promise<unknown>;
  return handler(parsed.data, caller);
}

/** Requests that only services may make are kept from all others by the server's permissions, so that these need no signature. */
function callerOf(name: OperationName, message: Msg, options: AnswerOptions): Caller {
  const given = readHeaders(message.headers);
  const proved = verifyRequest(
    { subject: message.subject, body: message.data },
    { headers: given, anchors: options.anchors(), now: options.now() },
  );
  if (operations[name].role === 'service') return { name: 'service', groups: [], role: 'service' };
  return proved ?? NOT_SIGNED;
}

async function answerAgent(name: string, message: Msg, options: AnswerOptions): Promise<unknown> {
  const parsed = agentRequestSchemas[name]?.safeParse(parseJson(message));
  if (!parsed?.success) throw notUnderstood(message.subject, parsed ? prettifyError(parsed.error) : 'there is no such request');
  return options.agentRequests[name]?.(parsed.data as never, agentOf(message.subject));
}

function parseJson(message: Msg): unknown {
  const text = message.string();
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notUnderstood(message.subject, `it must be one JSON object: ${(error as Error).message}`);
  }
}

function notUnderstood(what: string, why: string): SlipwayError {
  return new SlipwayError({ code: 'messaging.request.invalid', kind: 'invalid', message: `Cannot understand the request ${what}: ${why}` });
}

/** Counts what is under way and sends the answers. */
class Desk {
  private underWay = 0;
  private whenIdle: (() => void)[] = [];

  constructor(private readonly options: AnswerOptions) {}

  serve(message: Msg, work: () => Promise<unknown>): void {
    this.underWay += 1;
    const busy = () =>
      Promise.reject(
        new SlipwayError({
          code: 'messaging.request.busy',
          kind: 'unavailable',
          message: `${this.options.service} has too many requests under way.`,
          retryAfterMs: 1_000,
        }),
      );
    void (this.underWay > UNDER_WAY_MAX ? busy() : this.run(work))
      .then(
        (ok) => this.reply(message, { ok: ok ?? {} }),
        (thrown: unknown) => this.replyError(message, thrown),
      )
      .finally(() => {
        this.underWay -= 1;
        if (this.underWay === 0) for (const done of this.whenIdle.splice(0)) done();
      });
  }

  idle(): Promise<void> {
    return this.underWay === 0 ? Promise.resolve() : new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** Also what throws before its first await is an answer. */
  private async run(work: () => Promise<unknown>): Promise<unknown> {
    return work();
  }

  private replyError(message: Msg, thrown: unknown): void {
    const error = normalizeError(thrown);
    const fields = { subject: message.subject, code: error.code, error };
    if (error.kind === 'bug') this.options.log.error('a request failed', fields);
    else this.options.log.debug('a request was refused', { ...fields, error: error.message });
    const made = headers();
    made.set('Nats-Service-Error-Code', String(kindRules[error.kind].httpStatus));
    made.set('Nats-Service-Error', error.message.replaceAll(/\s+/g, ' ').slice(0, 500));
    this.reply(message, { error: error.toShape() }, made);
  }

  private reply(message: Msg, body: object, made?: ReturnType<typeof headers>): void {
    if (!INBOXES.some((prefix) => message.reply?.startsWith(prefix))) return;
    try {
      message.respond(JSON.stringify(body), made ? { headers: made } : {});
    } catch (error) {
      this.options.log.error('a reply could not be sent', { subject: message.subject, error });
    }
  }
}

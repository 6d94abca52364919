import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import {
  agentOperations,
  agentRequestSchemas,
  bodySchemaOf,
  consumers,
  operations,
  operationSubject,
  subjects,
  type OperationName,
} from '@slipway/contracts';
import type { ErrorShape } from '@slipway/core';
import { signRequest, readCredentials } from '@slipway/messaging';
import { BAD_BODIES, type BadBody } from './bad-bodies.js';
import { FaultMesh } from './fault-mesh.js';
import { appends, atOnce, deployment, executions, shop } from './shop-documents.js';

/** A concrete subject for each filter of a consumer: each `*` and `>` gets a token. */
const concrete = (filter: string): string => filter.replace('>', 'a.b.c').replaceAll('*', 'x');
/** What subscribers of a filter take has a fixed depth; these subjects are really used. */
const SUBJECTS: Record<string, string> = {
  'slipway.ci.version.>': subjects.ciVersion('checkout'),
  'slipway.agt.*.job.>': subjects.agentReport('liar', 'j1', 'succeeded'),
};

interface Door {
  consumer: string;
  stream: string;
  subject: string;
}
/** Every subject that a consumer of ours takes, from the declarations: a new one is tested by being declared. */
const doors: Door[] = consumers.flatMap(({ stream, name, filters }) =>
  filters.map((filter) => ({ stream, consumer: name, subject: SUBJECTS[filter] ?? concrete(filter) })),
);

/** Of what only services ask: who asks, where it is not the scheduler. */
const ASKED_BY: Partial<Record<OperationName, 'policy' | 'registry'>> = {
  'scheduler.takeDecisions': 'policy',
  'scheduler.takeStanding': 'policy',
  'scheduler.takeChanges': 'registry',
};

describe('messages that nobody can read', () => {
  let mesh: FaultMesh;
  let liar: NatsConnection;
  let anyone: NatsConnection;
  let ran: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    ran = join(mesh.directory, 'ran');
    liar = await mesh.nats.connectAgent('liar', ['par_command']);
    anyone = await mesh.nats.connect('replay');
    await mesh.apply(...shop(1), atOnce, deployment('checkout', appends(ran)));
    await mesh.startAgent('one');
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  /** The story goes on: a version goes all the way from CI to the host, through every consumer and request there is. */
  const goesOn = async (tag: string): Promise<void> => {
    await mesh.publish('checkout', { tag });
    await mesh.runs('checkout', 'production', tag, 1, 60_000);
    expect(executions(ran)).toContain(`${tag} host-01`);
  };

  it('there is a schema for every subject that a consumer takes', () => {
    expect(doors.filter(({ subject }) => bodySchemaOf(subject) === undefined)).toEqual([]);
  });

  it('become dead letters with the reason and the whole payload, once for each consumer, and never stop the next message', async () => {
    const sent: { door: Door; body: BadBody; sequence: number }[] = [];
    for (const subject of new Set(doors.map((door) => door.subject))) {
      for (const body of BAD_BODIES) {
        // Reports and CI reach the services' account from accounts of their own; the break-glass role may write the same streams.
        const receipt = await anyone.request(subject, body.bytes, { timeout: 5_000 });
        const { seq } = receipt.json<{ seq: number }>();
        for (const door of doors.filter((one) => one.subject === subject)) sent.push({ door, body, sequence: seq });
      }
    }
    await mesh.come('every one is buried', async () => (await mesh.deadLetters()).length >= sent.length, 60_000);
    const letters = await mesh.deadLetters();
    expect(letters).toHaveLength(sent.length);
    for (const { door, body, sequence } of sent) {
      const letter = letters.find((one) => one.stream === door.stream && one.consumer === door.consumer && one.sequence === sequence);
      expect(letter).toMatchObject({ subject: door.subject, attempts: 1, error: { kind: 'invalid', code: body.code } });
      expect(letter?.error.message).toContain(door.subject);
      const kept = letter?.text === undefined ? Buffer.from(letter?.base64 ?? '', 'base64') : Buffer.from(letter.text);
      expect(kept.equals(Buffer.from(body.bytes))).toBe(true);
    }
    await goesOn('1.0.0');
  }, 120_000);

  it.each(Object.keys(operations) as OperationName[])('%s answers each with a clear error', async (name) => {
    const person = await mesh.person();
    const source = operations[name].role === 'service' ? await serviceThatAsks(name) : person;
    const subject = operationSubject(name);
    for (const body of BAD_BODIES) {
      // No body at all stands for an empty object, which `nats req` sends: it is understood where nothing is required.
      if (body.name === 'empty' && operations[name].request.safeParse({}).success) continue;
      if (operations[name].request.safeParse(parsed(body)).success) continue;
      const made = headers();
      const signed = signRequest(readCredentials({ file: mesh.nats.creds.person }), { subject, body: body.bytes }, Date.now());
      for (const [key, value] of Object.entries(signed)) made.set(key, value);
      const reply = await source.request(subject, body.bytes, { timeout: 10_000, headers: made });
      expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('422');
      const { error } = reply.json<{ error: ErrorShape }>();
      expect(error).toMatchObject({ kind: 'invalid', code: 'messaging.request.invalid' });
      expect(error.message).toContain('Cannot understand the request');
    }
  });

  it.each(Object.keys(agentOperations))('an agent that asks %s with each gets a clear error', async (name) => {
    for (const body of BAD_BODIES) {
      const subject = subjects.agentRequest('liar', name as keyof typeof agentOperations);
      const { error } = (await liar.request(subject, body.bytes, { timeout: 10_000 })).json<{ error: ErrorShape }>();
      expect(error).toMatchObject({ kind: 'invalid', code: 'messaging.request.invalid' });
    }
  });

  it('as heartbeats change nothing, and the next heartbeat is heard', async () => {
    expect(Object.keys(agentRequestSchemas).sort()).toEqual([...Object.keys(agentOperations), 'hb'].sort());
    const beat = { agent: 'liar', pool: 'par', at: 1, version: '1', state: 'online', labels: {}, executors: [], capacity: 1, jobs: [] };
    for (const body of BAD_BODIES) liar.publish(subjects.agentHeartbeat('liar'), body.bytes);
    liar.publish(subjects.agentHeartbeat('liar'), JSON.stringify(beat));
    await mesh.come('it is heard', async () => (await mesh.ask('scheduler.agents', {})).agents.some(({ agent }) => agent === 'liar'));
  });

  const invite = async (bodies: readonly BadBody[], tag: string): Promise<void> => {
    const scheduler = await mesh.nats.connect('scheduler');
    const subjectOf = (at: number) => subjects.jobQueue('par', 'command', `bad-${tag.replaceAll('.', '-')}-${at}`);
    for (const [at, body] of bodies.entries()) await scheduler.request(subjectOf(at), body.bytes, { timeout: 5_000 });
    await goesOn(tag);
    await mesh.come('each was dropped with a word', () => bodies.every((_, at) => mesh.agents.get('one')?.said(subjectOf(at))));
  };

  it('as invitations are dropped by the agent, which takes the next one', () => invite(BAD_BODIES.filter(notEmpty), '1.1.0'), 90_000);

  // Between accounts an empty message tells the server that the replies to a request are complete: the agent hears nothing more of that
  // request, and asks again when two heartbeats are missing.
  it(
    'as an invitation without a body costs the agent one silent request, no more',
    () =>
      invite(
        BAD_BODIES.filter((body) => !notEmpty(body)),
        '1.2.0',
      ),
    90_000,
  );

  it('left every service as it was: nothing crashed, the story goes on', async () => {
    expect(Object.values(mesh.services).every((service) => service.alive)).toBe(true);
    await goesOn('1.3.0');
  }, 90_000);

  /** A service that may ask for what only services may. */
  async function serviceThatAsks(name: OperationName): Promise<NatsConnection> {
    return mesh.nats.connect(ASKED_BY[name] ?? 'scheduler');
  }
});

const notEmpty = (body: BadBody): boolean => body.bytes.length > 0;

function parsed(body: BadBody): unknown {
  try {
    return JSON.parse(Buffer.from(body.bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

import { Buffer } from 'node:buffer';
import { createCurve, createUser, type KeyPair } from '@nats-io/nkeys';
import { describe, expect, it } from '@jest/globals';
import { decodeEnrolmentToken, enrolmentStatement, ENROLMENT_TTL_MS, renewalStatement } from '@slipway/contracts';
import { memoryRegistry, refusal, sent, type Fixture } from './fixture.js';

const sign = (key: KeyPair, statement: Uint8Array): string => Buffer.from(key.sign(statement)).toString('base64url');

const invite = async (registry: Fixture, agent = 'par-1') => {
  const { token } = await registry.ask('registry.inviteAgent', { agent, pool: 'par', executors: ['command'] });
  const read = decodeEnrolmentToken(token);
  if (!read) throw new Error('the token cannot be read');
  return read;
};

const request = (secret: string, key: KeyPair, signer = key, agent = 'par-1') => {
  const said = { secret, publicKey: key.getPublicKey(), curveKey: createCurve().getPublicKey() };
  return { ...said, proof: sign(signer, enrolmentStatement(agent, said)) };
};

const renewal = (key: KeyPair, at: number, agent = 'par-1') => {
  const said = { publicKey: key.getPublicKey(), at };
  return { ...said, proof: sign(key, renewalStatement(agent, said)) };
};

const enrolled = async () => {
  const registry = memoryRegistry();
  const key = createUser();
  await registry.agentAsks('enrol', request((await invite(registry)).secret, key), 'par-1');
  return { registry, key };
};

describe('enrolment', () => {
  it('warns of executors that no program of ours has, with the nearest that there is', async () => {
    const { warnings } = await memoryRegistry().ask('registry.inviteAgent', {
      agent: 'par-1',
      pool: 'par',
      executors: ['command', 'terrafrom'],
    });
    expect(warnings).toEqual([expect.stringMatching(/^terrafrom is no executor of Slipway's own.*terraform/)]);
  });

  it('gives an agent that proves its key a JWT for its own queues, verification included, and makes the queues', async () => {
    const registry = memoryRegistry();
    const token = await invite(registry);
    expect(token).toEqual({ servers: ['nats://127.0.0.1:4222'], agent: 'par-1', creds: 'creds to enrol par-1', secret: 'secret-1' });
    const key = createUser();
    const reply = await registry.agentAsks('enrol', request(token.secret, key), 'par-1');
    expect(reply).toMatchObject({
      jwt: `jwt of par-1 in par for command,verify with ${key.getPublicKey()}`,
      pool: 'par',
      executors: ['command'],
    });
    expect(registry.words.queues).toEqual(['par_command', 'par_verify']);
    expect(sent(registry.store).map((m) => m.subject)).toEqual(['slipway.evt.agent.par-1.enrolled']);
    expect((await registry.ask('registry.agents', {})).agents).toEqual([
      { name: 'par-1', pool: 'par', executors: ['command'], enrolledAt: registry.time.now },
    ]);
  });

  it('works once with a token; the same key may ask again when its answer got lost', async () => {
    const registry = memoryRegistry();
    const { secret } = await invite(registry);
    const key = createUser();
    const first = await registry.agentAsks('enrol', request(secret, key), 'par-1');
    expect(await registry.agentAsks('enrol', request(secret, key), 'par-1')).toEqual(first);
    expect(sent(registry.store)).toHaveLength(1);
    expect((await refusal(registry.agentAsks('enrol', request(secret, createUser()), 'par-1'))).code).toBe('registry.agent.tokenUsed');
  });

  it('refuses a token that is unknown, expired or of another agent, and a proof by another key', async () => {
    const registry = memoryRegistry();
    const { secret } = await invite(registry);
    const key = createUser();
    const code = async (work: Promise<unknown>) => (await refusal(work)).code;
    expect(await code(registry.agentAsks('enrol', request('guess', key), 'par-1'))).toBe('registry.agent.tokenUnknown');
    expect(await code(registry.agentAsks('enrol', request(secret, key, key, 'par-2'), 'par-2'))).toBe('registry.agent.tokenUnknown');
    expect(await code(registry.agentAsks('enrol', request(secret, key, createUser()), 'par-1'))).toBe('registry.agent.proofWrong');
    registry.time.now += ENROLMENT_TTL_MS;
    expect(await code(registry.agentAsks('enrol', request(secret, key), 'par-1'))).toBe('registry.agent.tokenExpired');
    expect((await registry.ask('registry.agents', {})).agents).toEqual([]);
  });

  it('keeps no secret: only its hash is stored', async () => {
    const registry = memoryRegistry();
    const { secret } = await invite(registry);
    expect(JSON.stringify(registry.store.snapshot())).not.toContain(secret);
  });

  it('with a new token replaces the key, and the old one is revoked', async () => {
    const { registry, key } = await enrolled();
    const next = createUser();
    await registry.agentAsks('enrol', request((await invite(registry)).secret, next), 'par-1');
    expect(registry.words.revoked).toEqual([key.getPublicKey()]);
    expect((await refusal(registry.agentAsks('credentials', renewal(key, registry.time.now), 'par-1'))).code).toBe(
      'registry.agent.keyDiffers',
    );
  });
});

describe('renewal of credentials', () => {
  it('needs proof of the key and a clock that is about right', async () => {
    const { registry, key } = await enrolled();
    const { now } = registry.time;
    expect(await registry.agentAsks('credentials', renewal(key, now), 'par-1')).toMatchObject({ pool: 'par', executors: ['command'] });
    const code = async (work: Promise<unknown>) => (await refusal(work)).code;
    expect(await code(registry.agentAsks('credentials', { ...renewal(key, now), at: now + 1 }, 'par-1'))).toBe('registry.agent.proofWrong');
    expect(await code(registry.agentAsks('credentials', renewal(key, now - 3_600_000), 'par-1'))).toBe('registry.agent.clockDiffers');
    expect(await code(registry.agentAsks('credentials', renewal(key, now), 'par-2'))).toBe('registry.agent.unknown');
  });

  it('ends with revocation, which may be repeated and is announced once', async () => {
    const { registry, key } = await enrolled();
    await registry.ask('registry.revokeAgent', { agent: 'par-1', reason: 'stolen' });
    await registry.ask('registry.revokeAgent', { agent: 'par-1' });
    expect(registry.words.revoked).toEqual([key.getPublicKey(), key.getPublicKey()]);
    expect(sent(registry.store).map((m) => m.subject)).toEqual(['slipway.evt.agent.par-1.enrolled', 'slipway.evt.agent.par-1.revoked']);
    expect((await refusal(registry.agentAsks('credentials', renewal(key, registry.time.now), 'par-1'))).code).toBe(
      'registry.agent.revoked',
    );
    expect((await refusal(registry.ask('registry.revokeAgent', { agent: 'par-2' }))).message).toContain('did you mean par-1?');
  });
});

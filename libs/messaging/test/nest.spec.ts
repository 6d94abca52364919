import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SlipwayError } from '@slipway/core';
import type { Caller, Inbound } from '@slipway/messaging';
import {
  answersAgents,
  answersTo,
  consumesFrom,
  createAgentRequests,
  createPublisher,
  createRequests,
  JetStreamStrategy,
  listDeadLetters,
} from '@slipway/messaging';
import type { TestNats } from '@slipway/testkit';
import { eventually, silentLog, startNats } from '@slipway/testkit';
import type { INestMicroservice } from '@nestjs/common';
import { Catch, Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { range, releaseMessage } from './fixtures.js';

const now = () => Date.now();
const batches: Inbound<{ sequence: number }>[][] = [];

@Catch()
class PassErrors {
  catch(error: unknown): never {
    throw error;
  }
}

@Controller()
class PolicyController {
  @EventPattern<string>(consumesFrom('EVT/policy'), { batch: 20 })
  async onEvents(@Payload() batch: Inbound<{ sequence: number }>[]): Promise<void> {
    if (batch.some((m) => m.body.sequence === 30)) throw new SlipwayError({ code: 'test.thirty.bad', kind: 'invalid', message: 'thirty' });
    batches.push(batch);
  }

  @MessagePattern(answersTo('policy.decisions'))
  async decisions(@Payload() request: { deployment?: string }, @Ctx() caller: Caller) {
    if (request.deployment === 'ghost')
      throw new SlipwayError({ code: 'policy.deployment.missing', kind: 'missing', message: caller.name });
    return { decisions: [] };
  }
}

@Controller()
class AgentController {
  @MessagePattern(answersAgents('renew'))
  async renew(@Ctx() agent: string) {
    return { jobs: [], agent: agent === 'par-1' ? 'on' : 'drain' };
  }
}

@Module({ controllers: [PolicyController] })
class PolicyModule {}
@Module({ controllers: [AgentController] })
class SchedulerModule {}

describe('the Nest strategy', () => {
  let nats: TestNats;
  const apps: INestMicroservice[] = [];
  beforeEach(async () => {
    nats = await startNats();
    batches.length = 0;
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await nats.stop();
  });

  const strategyOf = async (service: 'policy' | 'scheduler') =>
    new JetStreamStrategy({
      connection: await nats.connect(service),
      service,
      version: '0.1.0',
      anchors: () => nats.trust.anchors(),
      log: silentLog,
      now,
    });
  async function start(module: new () => object, strategy: JetStreamStrategy): Promise<INestMicroservice> {
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, { strategy, logger: false });
    app.useGlobalFilters(new PassErrors());
    await app.listen();
    apps.push(app);
    return app;
  }

  it('hosts controllers: batches, requests, errors by their kind', async () => {
    await start(PolicyModule, await strategyOf('policy'));
    await createPublisher(await nats.connect('scheduler'), { source: 'scheduler', now }).publish(
      range(1, 50).map((n) => releaseMessage(n)),
    );
    await eventually('all but the bad one are handled', () => batches.flat().length === 49);
    expect(Math.max(...batches.map((b) => b.length))).toBeLessThanOrEqual(20);
    const letters = await eventually(
      'the bad one is buried',
      async () => (await listDeadLetters(await nats.connect('ops'), { limit: 2 })).length === 1,
    );
    expect(letters).toBe(true);
    const requests = createRequests(await nats.connect('person'), { now, sign: { file: nats.creds.person } });
    expect(await requests.ask('policy.decisions', {})).toEqual({ decisions: [] });
    await expect(requests.ask('policy.decisions', { deployment: 'ghost' })).rejects.toMatchObject({
      code: 'policy.deployment.missing',
      message: 'user:ada',
    });
  });

  it('answers agents from a controller', async () => {
    await start(SchedulerModule, await strategyOf('scheduler'));
    const agent = await nats.connectAgent('par-1', []);
    expect(await createAgentRequests(agent, 'par-1').ask('renew', { jobs: [] })).toEqual({ jobs: [], agent: 'on' });
  });

  it('hosts the parts of a service, and finishes what is under way when it closes', async () => {
    const done: number[] = [];
    let finish = () => {};
    const blocked = new Promise<void>((resolve) => (finish = resolve));
    const strategy = (await strategyOf('policy')).register({
      consumers: {
        'EVT/policy': async (batch) => {
          await blocked;
          done.push(...batch.map((m) => (m.body as { sequence: number }).sequence));
        },
      },
      operations: {},
      agentRequests: {},
      wake: async () => undefined,
    });
    @Module({})
    class Bare {}
    const app = await start(Bare, strategy);
    await createPublisher(await nats.connect('scheduler'), { source: 'scheduler', now }).publish([releaseMessage(1), releaseMessage(2)]);
    const jsm = (await import('@nats-io/jetstream')).jetstreamManager(await nats.connect('ops'), { checkAPI: false });
    await eventually('both are under way', async () => (await (await jsm).consumers.info('EVT', 'policy')).num_ack_pending === 2);
    const closed = app.close();
    finish();
    await closed;
    expect(done).toEqual([1, 2]);
    await eventually('both are acknowledged', async () => (await (await jsm).consumers.info('EVT', 'policy')).num_ack_pending === 0);
  });
});

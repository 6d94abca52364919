import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PostgresStore } from '@slipway/persistence';
import { createTestStore } from '@slipway/testkit';
import { tables } from '../src/tables.js';
import { canaryThenRest, health, Mesh, obliged } from './mesh.js';

describe('the scheduler on PostgreSQL', () => {
  const stores: PostgresStore[] = [];
  const open = async (): Promise<PostgresStore> => {
    const store = await createTestStore(tables);
    stores.push(store);
    return store;
  };
  let store: PostgresStore;
  beforeAll(async () => {
    store = await open();
  }, 60_000);
  afterAll(async () => {
    for (const opened of stores) await opened.close();
  });

  it('carries a version through its waves, takes a bad one back, and goes on after a restart', async () => {
    const mesh = await new Mesh({ store, verification: [health] }).begin();
    const rule = {
      gradualRollout: canaryThenRest,
      rollback: { kind: 'rollback' as const, on: ['verificationFailure' as const], scope: 'rollout' as const },
    };
    await mesh.release('1.0.0', rule);
    await mesh.work({}, 2);
    mesh.restart();
    mesh.now += 1_000;
    await mesh.work();
    mesh.now += 1_000;
    await mesh.release('1.1.0', rule);
    await mesh.work({ measure: (job) => (job.version === '1.1.0' ? 'failed' : 'passed') });
    expect((await mesh.rollout('1.1.0')).state).toBe('rolledBack');
    expect(await mesh.cell()).toMatchObject({
      running: [{ version: '1.0.0', count: 3, verified: 3 }],
      quarantined: [{ version: '1.1.0', resource: 'host-1' }],
    });
  }, 30_000);

  it('I1: copies of the service that take the same decision, and agents that race, leave one job and one holder', async () => {
    const own = await open();
    const mesh = await new Mesh({ store: own, hosts: 20 }).begin();
    await mesh.publish('1.0.0');
    const decision = mesh.decision('1.0.0', 'allowed', {
      concurrency: [{ ...({ kind: 'concurrency', max: 7, per: 'system' } as const), policy: 'p' }],
    });
    const first = mesh.parts;
    mesh.restart();
    const copies = [first, mesh.parts];
    await Promise.all(
      copies.flatMap((copy) => [
        copy.wake(mesh.now),
        copy.operations['scheduler.takeDecisions']?.({ decisions: [decision] }, { name: 'policy', groups: [], role: 'service' }),
      ]),
    );
    const jobs = await mesh.jobs();
    expect(jobs).toHaveLength(20);
    const offered = jobs.filter((job) => job.state === 'dispatched');
    expect(offered).toHaveLength(7);
    for (const at of copies.keys()) await mesh.enrol(`agent-${at}`);
    const answers = await Promise.all(
      copies.flatMap((copy, at) =>
        offered.map(
          async (job) =>
            (await copy.agentRequests['claim']?.({ jobs: [{ job: job.id, attempt: 1 }] } as never, `agent-${at}`)) as {
              jobs: { granted: boolean }[];
            },
        ),
      ),
    );
    expect(answers.filter((answer) => answer.jobs[0]?.granted)).toHaveLength(7);
  }, 30_000);

  it('dispatches 10,000 targets in sets: ten transactions of a thousand, and few beside', async () => {
    const own = await open();
    const mesh = await new Mesh({ store: own, hosts: 10_000 }).begin();
    await mesh.publish('1.0.0');
    const decision = mesh.decision('1.0.0', 'allowed', obliged());
    const { transaction } = own;
    let transactions = 0;
    own.transaction = (work) => {
      transactions += 1;
      return transaction(work);
    };
    await mesh.decide(decision);
    const count = await own.read((reader) =>
      reader.count(tables.find((table) => table.name === 'job') as never, { state: 'dispatched' } as never),
    );
    expect(count).toBe(10_000);
    expect(transactions).toBeLessThan(20);
  }, 60_000);
});

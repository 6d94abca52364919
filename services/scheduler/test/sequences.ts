import type { GradualRolloutRule, Obligations, RollbackRule, WithinStrategy } from '@slipway/core';
import { expect } from '@jest/globals';
import { allAtOnce, health, Mesh, type MeshOptions } from './mesh.js';

/** Names all that a job of a sequence can tell its executor. */
export const executor = { type: 'command', run: ['go', '{{ job.action }}', '{{ version.tag }}', '{{ job.weight }}'] };
export const slotted = { type: 'command', run: ['go', '{{ job.action }}', '{{ version.tag }}', '{{ job.slot }}'] };

export const canary: WithinStrategy = {
  type: 'canary',
  steps: [
    { weight: 25, holdMs: 180_000, verify: true },
    { weight: 100, holdMs: 0, verify: true },
  ],
};
export const blueGreen: WithinStrategy = { type: 'blueGreen', preview: true, keepOldMs: 600_000 };

export const onFailure: RollbackRule = { kind: 'rollback', on: ['jobFailure', 'verificationFailure'], scope: 'target' };

export const within = (strategy: WithinStrategy, more: Partial<GradualRolloutRule> = {}): Partial<Obligations> => ({
  gradualRollout: { ...allAtOnce, ...more, within: strategy },
  verification: [health],
});

type Job = Awaited<ReturnType<Mesh['jobs']>>[number] & { weight?: number; slot?: string; kind: string };
type Doing = NonNullable<Parameters<Mesh['work']>[0]>;

/** A mesh in which a version can be brought by steps. */
export class Sequences extends Mesh {
  constructor(options: MeshOptions = {}) {
    super({ hosts: 1, executor, ...options });
  }

  /** Jobs of one version as people say them: `shift 25 succeeded`, oldest first. */
  async told(version: string): Promise<string[]> {
    return (await this.jobs({ version })).map((job) => {
      const { kind, weight, slot, state, rollback, held } = job as Job;
      return `${rollback ? 'back: ' : ''}${kind} ${slot ?? ''}${slot && kind !== 'retire' ? ' ' : ''}${kind === 'retire' ? '' : weight} ${held ? `held: ${held}` : state}`;
    });
  }

  /** The newest job of a version. */
  async last(version: string): Promise<Job> {
    return (await this.jobs({ version })).at(-1) as Job;
  }

  /** Bring a version all the way, through its holds. */
  async bring(version: string, more: Partial<Obligations>, doing: Doing = {}): Promise<void> {
    await this.release(version, more);
    for (let i = 0; i < 10; i += 1) {
      await this.work(doing);
      if ((await this.rollout(version)).state === 'completed') return;
      await this.pass(60_000);
    }
  }

  /** What runs and in which state, and what is quarantined. */
  async there(): Promise<object> {
    const { running, quarantined } = await this.cell();
    return {
      runs: running.map(({ version, count, verified }) => `${version} ${count} ${verified} verified`),
      quarantined: quarantined.map(({ version, resource }) => `${version} ${resource}`),
    };
  }
}

/** What obliges to a canary with a hold of three minutes at 25 %. */
export const steps = within(canary);

/** 1.0.0 runs, and 1.1.0 holds at 25 %. */
export async function halfWay(more = steps): Promise<Sequences> {
  const mesh = await new Sequences().begin();
  await mesh.bring('1.0.0', more);
  await mesh.release('1.1.0', more);
  await mesh.work();
  expect(await mesh.told('1.1.0')).toEqual(['deploy 0 succeeded', 'shift 25 succeeded', 'verify 25 held: hold']);
  return mesh;
}

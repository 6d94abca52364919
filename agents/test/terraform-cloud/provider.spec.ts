import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Json } from '@slipway/core';
import type { Probe } from '../../src/providers/provider.js';
import { terraformCloudRunProvider } from '../../src/providers/terraform-cloud-run.js';
import { Scene } from './scene.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ factor: 1 });
  scene.server.addWorkspace('shop');
});
afterEach(async () => {
  const { violations } = scene.server;
  await scene.close();
  expect(violations).toEqual([]);
});

function probe(over: Record<string, Json> = {}, token = 'tfc-token'): Promise<Probe> {
  const provider = terraformCloudRunProvider(scene.clients);
  const config = { type: 'terraformCloudRun', server: scene.server.url, token: 'env:T', organization: 'acme', workspace: 'shop', ...over };
  expect(provider.validate(config)).toBeUndefined();
  const signal = new AbortController().signal;
  return provider.probe(config, { timers: scene.time, clock: scene.time, signal, secrets: { token }, dueAt: 0, hide: () => {} });
}

describe('the provider terraformCloudRun', () => {
  it('has no data of a workspace without a run, or without state', async () => {
    expect(await probe()).toEqual({ noData: 'workspace shop has no run' });
    expect(await probe({ run: 'applied' })).toEqual({ noData: 'the workspace has no state: nothing was applied yet' });
  });

  it('gives the current run, and the one that made the state', async () => {
    const applied = scene.server.addRun('shop', 'first', { additions: 2 });
    for (const status of ['planning', 'planned', 'applying', 'applied']) applied.become(status);
    scene.server.addRun('shop', 'second\u0007').become('planning');
    const second = { status: 'planning', group: 'working', hasChanges: false, additions: null, message: 'second', source: 'tfe-api' };
    expect(await probe()).toMatchObject({
      result: { ...second, isDestroy: false, planOnly: false, autoApply: false, createdAt: expect.any(String) },
    });
    expect(await probe({ run: 'applied' })).toMatchObject({
      result: {
        id: applied.id,
        status: 'applied',
        group: 'succeeded',
        hasChanges: true,
        additions: 2,
        changes: 0,
        destructions: 0,
        imports: 0,
      },
    });
    expect(scene.server.count('GET', /\/runs$/)).toBe(0);
  });

  it('errs, and does not fail, where it can not look', async () => {
    expect(await probe({ workspace: 'none' })).toEqual({ error: 'workspace acme/none could not be read: it answered 404: not found' });
    expect(await probe({}, 'old')).toEqual({ error: 'workspace acme/shop could not be read: it answered 401: unauthorized' });
    scene.server.misbehave({ path: /./, instead: { status: 200, text: '<html>' } });
    expect(await probe()).toEqual({ error: 'workspace acme/shop could not be read: it answered 200' });
    scene.server.misbehave({ path: /./, instead: { status: 503 }, times: 1_000 });
    expect(await probe({ timeout: '1500ms' })).toMatchObject({ error: expect.stringMatching(/answered 503 to GET/) });
    expect(await probe({ caFile: '/does/not/exist' })).toMatchObject({ error: expect.stringMatching(/could not be read on this agent/) });
  });

  it('tells what it reaches', () => {
    const config = { type: 'terraformCloudRun', token: 'env:T', organization: 'acme', workspace: 'shop' };
    const provider = terraformCloudRunProvider(scene.clients);
    expect(provider.reaches?.(config)).toEqual({ servers: ['https://app.terraform.io'] });
    expect(provider.secretReferences(config)).toEqual({ token: 'env:T' });
  });
});

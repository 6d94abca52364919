import { describe, expect, it } from '@jest/globals';
import { memoryRegistry, refusal, sent, SHOP, type Fixture } from './fixture.js';

const shop = async () => {
  const registry = memoryRegistry();
  await registry.apply(SHOP);
  return registry;
};
const tags = async (registry: Fixture) =>
  (
    (await registry.ask('registry.list', { kind: 'version', deployment: 'checkout' })).items as {
      tag: string;
      status: string;
      sequence: number;
    }[]
  ).map((v) => `${v.sequence} ${v.tag} ${v.status}`);
const publish = (registry: Fixture, version: Record<string, unknown> & { tag: string }, deployment = 'checkout') =>
  registry.ask('registry.publishVersion', { deployment, version: version as never });

describe('versions', () => {
  it('are numbered by deployment in the order of publication and announced in the feed', async () => {
    const registry = await shop();
    expect(await publish(registry, { tag: '1.0.0' })).toMatchObject({ tag: '1.0.0', sequence: 1, duplicate: false });
    expect(await publish(registry, { tag: '1.1.0', author: 'ann' })).toMatchObject({ sequence: 2 });
    const last = sent(registry.store).at(-1);
    expect(last?.subject).toBe('slipway.evt.version.checkout.published');
    expect(Object.keys(last?.body ?? {}).slice(0, 4)).toEqual(['version', 'deployment', 'status', 'verb']);
    expect(last?.body).toMatchObject({
      version: '1.1.0',
      revision: 11,
      item: { kind: 'version', name: '1.1.0', doc: { author: 'ann', status: 'ready', sequence: 2 } },
    });
    expect(await tags(registry)).toEqual(['2 1.1.0 ready', '1 1.0.0 ready']);
  });

  it('published twice are one version', async () => {
    const registry = await shop();
    const first = await publish(registry, { tag: '1.0.0', config: { image: 'a', ports: [1, 2] } });
    const again = await publish(registry, { tag: '1.0.0', config: { ports: [1, 2], image: 'a' } });
    expect(again).toEqual({ ...first, duplicate: true });
    expect(await registry.feed()).toHaveLength(10);
  });

  it('never change: another payload under the same tag is refused and the difference is named', async () => {
    const registry = await shop();
    await publish(registry, { tag: '1.0.0', config: { image: 'a' } });
    const error = await refusal(publish(registry, { tag: '1.0.0', config: { image: 'b' } }));
    expect(error).toMatchObject({
      code: 'registry.version.payloadDiffers',
      kind: 'conflict',
      details: { differences: ['config.image: "a" → "b"'] },
    });
    expect(error.message).toBe(
      'Publishing checkout 1.0.0: it is recorded already and a version never changes; config.image: "a" → "b". Publish what is new under a new tag.',
    );
    expect(await registry.feed()).toHaveLength(10);
  });

  it('go from building to ready with the same payload, never back by CI', async () => {
    const registry = await shop();
    await publish(registry, { tag: '1.0.0', status: 'building' });
    expect(await publish(registry, { tag: '1.0.0', status: 'ready' })).toMatchObject({ duplicate: false, sequence: 1 });
    expect(sent(registry.store).at(-1)?.subject).toBe('slipway.evt.version.checkout.statusChanged');
    expect(await publish(registry, { tag: '1.0.0', status: 'building' })).toMatchObject({ duplicate: true });
    expect((await refusal(publish(registry, { tag: '1.0.0', status: 'failed' }))).code).toBe('registry.version.statusDiffers');
    expect(await tags(registry)).toEqual(['1 1.0.0 ready']);
  });

  it('get another status by a person, with who and why; CI cannot undo that', async () => {
    const registry = await shop();
    await publish(registry, { tag: '1.0.0' });
    await registry.ask('registry.setVersionStatus', { deployment: 'checkout', tag: '1.0.0', status: 'rejected', reason: 'leaks' });
    expect(await publish(registry, { tag: '1.0.0' })).toMatchObject({ duplicate: true });
    expect((await registry.ask('registry.get', { kind: 'version', name: 'checkout/1.0.0' })).doc).toMatchObject({
      status: 'rejected',
      statusBecause: 'user:ann: leaks',
    });
    const before = (await registry.feed()).length;
    await registry.ask('registry.setVersionStatus', { deployment: 'checkout', tag: '1.0.0', status: 'rejected' });
    expect(await registry.feed()).toHaveLength(before);
    const error = await refusal(registry.ask('registry.setVersionStatus', { deployment: 'checkout', tag: '1.0.1', status: 'ready' }));
    expect(error).toMatchObject({ code: 'registry.version.unknown', kind: 'missing' });
    expect(error.message).toContain('did you mean 1.0.0?');
  });

  it('I2: rejected or paused are acknowledged once the scheduler has taken that, also when it is said again', async () => {
    const registry = await shop();
    await publish(registry, { tag: '1.0.0' });
    const reject = { deployment: 'checkout', tag: '1.0.0', status: 'rejected', reason: 'leaks' } as const;
    registry.scheduler.answers = false;
    const error = await refusal(registry.ask('registry.setVersionStatus', reject));
    expect(error).toMatchObject({ code: 'registry.version.notTakenYet', kind: 'unavailable' });
    expect(error.message).toContain('is recorded as rejected');
    expect(await tags(registry)).toEqual(['1 1.0.0 rejected']);
    registry.scheduler.answers = true;
    await registry.ask('registry.setVersionStatus', reject);
    const revision = (await registry.feed()).length;
    expect(registry.scheduler.taken).toEqual([{ deployment: 'checkout', revision, changes: [] }]);
    await registry.ask('registry.setVersionStatus', { ...reject, status: 'ready' });
    expect(registry.scheduler.taken).toHaveLength(1);
    await registry.ask('registry.setVersionStatus', { ...reject, status: 'paused' });
    expect(registry.scheduler.taken.at(-1)).toMatchObject({ revision: revision + 2, changes: [{ revision: revision + 2 }] });
    expect(sent(registry.store).at(-1)).toMatchObject({
      subject: 'slipway.evt.version.checkout.statusChanged',
      body: { because: 'user:ann: leaks' },
    });
  });

  it('with a range that is none, or a dependency on nothing, are refused', async () => {
    const registry = await shop();
    const depends = (deployment: string, range: string) => publish(registry, { tag: '1.0.0', dependsOn: [{ deployment, range }] });
    expect((await refusal(depends('checkout', 'newest please'))).code).toBe('registry.version.rangeInvalid');
    expect((await refusal(depends('catalogue', '>=1'))).code).toBe('registry.deployment.unknown');
  });
});

describe('versions from CI', () => {
  it('are recorded from plain bodies and from CloudEvents; one batch may hold a version and its next status', async () => {
    const registry = await shop();
    const settlements = await registry.ci([
      { deployment: 'checkout', body: { tag: '1.0.0', status: 'building' } },
      { deployment: 'checkout', body: { tag: '1.0.0' } },
      { deployment: 'checkout', body: { specversion: '1.0', type: 'build.done', source: 'ci', id: '7', data: { tag: '1.1.0' } } },
    ]);
    expect(settlements.map((s) => s.kind)).toEqual(['ack', 'ack', 'ack']);
    expect(await tags(registry)).toEqual(['2 1.1.0 ready', '1 1.0.0 ready']);
  });

  it('delivered again change nothing', async () => {
    const registry = await shop();
    const batch = [
      { deployment: 'checkout', body: { tag: '1.0.0' } },
      { deployment: 'checkout', body: { tag: '1.1.0' } },
    ];
    await registry.ci(batch);
    expect((await registry.ci(batch)).map((s) => s.kind)).toEqual(['ack', 'ack']);
    expect(await registry.feed()).toHaveLength(11);
  });

  it('for an unknown deployment, or with another payload, become dead letters with the reason, and hold nothing up', async () => {
    const registry = await shop();
    await registry.ci([{ deployment: 'checkout', body: { tag: '0.9.0', message: 'a' } }]);
    const settlements = await registry.ci([
      { deployment: 'chekout', body: { tag: '1.0.0' } },
      { deployment: 'checkout', body: { tag: '0.9.0', message: 'b' } },
      { deployment: 'checkout', body: { tag: '1.0.0' } },
    ]);
    expect(settlements).toMatchObject([
      {
        kind: 'deadLetter',
        error: {
          code: 'registry.deployment.unknown',
          message:
            'Publishing chekout 1.0.0: there is no deployment chekout; did you mean checkout?; apply a Deployment document of that name first',
        },
      },
      { kind: 'deadLetter', error: { code: 'registry.version.payloadDiffers' } },
      { kind: 'ack' },
    ]);
    expect(await tags(registry)).toEqual(['2 1.0.0 ready', '1 0.9.0 ready']);
  });
});

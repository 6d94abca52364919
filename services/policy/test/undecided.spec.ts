import { describe, expect, it } from '@jest/globals';
import { createMemoryStore } from '@slipway/persistence';
import { tables } from '../src/tables.js';
import { Mesh, policy, published, shop, START, version } from './mesh.js';

const MINUTE = 60_000;

describe('what is undecided', () => {
  it('I5: is judged again each minute, and written and published only when the answer changes', async () => {
    const store = createMemoryStore(tables);
    const mesh = new Mesh(store);
    await mesh.inventory(
      ...shop,
      policy('gold', 'environment.name == "production"', {
        kind: 'condition',
        cel: 'version.metadata.tier == "gold"',
        message: 'gold only',
      }),
    );
    await mesh.inventory(published(version('checkout', '1.0.0', 1)));
    const said = () =>
      store
        .outbox()
        .flatMap(({ messages }) => messages)
        .filter(({ subject }) => subject.startsWith('slipway.evt.decision.checkout.production.'));
    expect(said().map(({ subject }) => subject)).toEqual(['slipway.evt.decision.checkout.production.undecided']);
    expect(await mesh.parts.wake(mesh.now)).toBe(START + MINUTE);
    await mesh.advance(10 * MINUTE);
    expect(await mesh.parts.wake(mesh.now)).toBe(mesh.now + MINUTE);
    expect(said()).toHaveLength(1);
  });
});

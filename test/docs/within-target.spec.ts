import { describe, expect, it } from '@jest/globals';
import type { PolicyDoc } from '@slipway/core';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf } from './code-blocks.js';

describe('docs/within-target.md', () => {
  it('shows documents that apply, with the defaults that it says', async () => {
    const registry = memoryRegistry();
    const shop = 'kind: System\nname: shop\n---\nkind: Environment\nname: production\nsystem: shop\nresources: "true"\n';
    const yaml = codeBlocksOf('within-target.md').filter(({ info }) => info === 'yaml');
    const reply = await registry.ask('registry.apply', {
      files: [{ file: 'shop.yaml', text: shop }, ...yaml.map(({ text }, at) => ({ file: `${at}.yaml`, text }))],
    });
    expect(reply.warnings).toEqual([]);
    const policyOf = async (name: string): Promise<PolicyDoc> =>
      ((await registry.ask('registry.get', { kind: 'policy', name })) as unknown as { doc: PolicyDoc }).doc;
    expect((await policyOf('checkout-production')).rules[0]).toMatchObject({
      within: { type: 'canary', steps: [{ verify: true }, { verify: false }, { weight: 100, verify: true }] },
    });
    const catalog = (await policyOf('catalog-production')).rules[0];
    await registry.ask('registry.apply', {
      files: [{ file: 'd.yaml', text: 'kind: Policy\nname: defaults\nselector: "true"\nrules: [{ gradualRollout: { blueGreen: {} } }]\n' }],
    });
    expect((await policyOf('defaults')).rules[0]).toEqual(catalog);
  });
});

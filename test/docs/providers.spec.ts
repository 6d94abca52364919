import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { providerSchemas } from '@slipway/contracts';
import { renderTemplate, type MetricSpec } from '@slipway/core';
import type { z } from 'zod';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

/* Each page of docs/providers holds metrics that apply and a table of all fields. */

const pages = readdirSync('docs/providers').filter((file) => file !== 'README.md');
const names = {
  version: { tag: '1.2.1' },
  resource: { identifier: 'par-1', config: { address: '10.0.0.1' }, metadata: { region: 'par' } },
};
const fieldsOf = (schema: z.ZodType | undefined): string[] =>
  Object.keys((schema as z.ZodObject).shape).filter((field) => field !== 'type');

describe.each(pages)('docs/providers/%s', (page) => {
  // `argo-cd-health.md` → `argoCdHealth`.
  const type = page.replace('.md', '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

  it('shows metrics that apply, and that the agent takes', async () => {
    const registry = memoryRegistry();
    const yaml = codeBlocksOf(`providers/${page}`).filter(({ info }) => info === 'yaml');
    const files = yaml.map(({ text }, at) => ({ file: `${at}.yaml`, text }));
    const { warnings } = await registry.ask('registry.apply', { files });
    expect(warnings).toEqual([]);
    for (const [, name = ''] of yaml.flatMap(({ text }) => [...text.matchAll(/^name: (.*)$/gm)])) {
      const { doc } = (await registry.ask('registry.get', { kind: 'metric', name })) as unknown as { doc: MetricSpec };
      expect(doc.provider.type).toBe(type);
      expect(providerSchemas[type]?.safeParse(renderTemplate(doc.provider, names))).toMatchObject({ success: true });
    }
  });

  it('tells every field, and no other', () => {
    const rows = tableOf(`providers/${page}`, ['field', 'default', '']).flatMap(([cell = '']) => cell.split(', '));
    const told = type === 'sleep' ? ['duration'] : rows;
    expect(told.sort()).toEqual(fieldsOf(providerSchemas[type]).sort());
  });

  it('is named in the README', () => {
    expect(readFileSync('docs/providers/README.md', 'utf8')).toContain(`[${type}](${page})`);
  });
});

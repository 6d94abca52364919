import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { providerSchemas, terraformCloudExecutorSchema } from '@slipway/contracts';
import { renderTemplate, type DeploymentDoc, type JsonObject, type MetricSpec } from '@slipway/core';
import { allowListSchema } from '../../agents/src/allow-list.js';
import { parse } from 'yaml';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

const PAGE = 'executors/terraform-cloud.md';
const names = {
  version: { tag: '1.2.1', config: {} },
  environment: { name: 'staging' },
  resource: { identifier: 'paris', config: { region: 'eu-west-3', size: 3 }, metadata: { stage: 'staging' } },
};

async function deploymentOf(files: { file: string; text: string }[], name: string): Promise<DeploymentDoc> {
  const registry = memoryRegistry();
  const { warnings } = await registry.ask('registry.apply', { files });
  expect(warnings).toEqual([]);
  const { doc } = (await registry.ask('registry.get', { kind: 'deployment', name })) as unknown as { doc: DeploymentDoc };
  return doc;
}

const rendered = (config: JsonObject) => terraformCloudExecutorSchema.parse(renderTemplate(config, names));

describe('docs/executors/terraform-cloud.md', () => {
  it('shows a deployment that applies, and that the agent takes', async () => {
    const yaml = codeBlocksOf(PAGE).filter(({ info }) => info === 'yaml');
    const doc = await deploymentOf(
      yaml.map(({ text }, at) => ({ file: `${at}.yaml`, text })),
      'network',
    );
    expect(rendered(doc.executor)).toMatchObject({ workspace: { name: 'network-paris' }, runVariables: { release: '1.2.1' } });
  });

  it('tells every field, and no other', () => {
    const shape = terraformCloudExecutorSchema.shape;
    const cells = (header: string[]): string[] => tableOf(PAGE, header).flatMap(([cell = '']) => cell.split(', '));
    expect(cells(['field', 'default', '']).sort()).toEqual(
      Object.keys(shape)
        .filter((field) => field !== 'type')
        .sort(),
    );
    expect(cells(['field of workspace', '']).sort()).toEqual(Object.keys(shape.workspace.shape).sort());
  });
});

describe('examples/terraform-cloud', () => {
  it('applies, and is taken by the agent: staging applies by itself, production asks', async () => {
    const text = readFileSync('examples/terraform-cloud/deployment.yaml', 'utf8');
    const doc = await deploymentOf([{ file: 'deployment.yaml', text }], 'infra');
    expect(rendered(doc.executor)).toMatchObject({
      workspace: { name: 'infra-paris', create: true },
      runVariables: { release: '1.2.1', size: 3 },
      configuration: { directory: '/srv/infra/1.2.1' },
      autoApply: true,
    });
    const [metric] = doc.verification as unknown as MetricSpec[];
    const provider = renderTemplate(metric?.provider as JsonObject, names);
    expect(providerSchemas['terraformCloudRun']?.safeParse(provider)).toMatchObject({ success: true });
  });

  it("has an agent's file that the agent takes", () => {
    const readme = readFileSync('examples/terraform-cloud/README.md', 'utf8');
    const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(readme) ?? [];
    const { allow } = parse(yaml) as { allow: unknown };
    expect(allowListSchema.parse(allow)).toMatchObject({ executors: ['terraform-cloud'] });
  });
});

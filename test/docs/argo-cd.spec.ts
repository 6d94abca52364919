import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { argoCdExecutorSchema, providerSchemas } from '@slipway/contracts';
import { renderTemplate, type DeploymentDoc, type JsonObject, type MetricSpec } from '@slipway/core';
import { parse, parseAllDocuments } from 'yaml';
import { allowListSchema } from '../../agents/src/allow-list.js';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

const PAGE = 'executors/argo-cd.md';
const names = {
  version: { tag: '1.2.1', config: { image: 'registry.example.org/web:1.2.1' } },
  deployment: { name: 'checkout' },
  resource: { identifier: 'prod-par', config: { cluster: 'prod-par' } },
  variables: { replicas: '6' },
};

async function registryWith(text: string) {
  const registry = memoryRegistry();
  const { warnings } = await registry.ask('registry.apply', { files: [{ file: 'deployment.yaml', text }] });
  expect(warnings).toEqual([]);
  return async (name: string): Promise<DeploymentDoc> => {
    const { doc } = (await registry.ask('registry.get', { kind: 'deployment', name })) as unknown as { doc: DeploymentDoc };
    return doc;
  };
}

const rendered = (config: JsonObject) => argoCdExecutorSchema.parse(renderTemplate(config, names));

describe('docs/executors/argo-cd.md', () => {
  it('shows a deployment that applies, and that the agent takes', async () => {
    const [yaml] = codeBlocksOf(PAGE).filter(({ info }) => info === 'yaml');
    const deploymentOf = await registryWith(yaml?.text ?? '');
    expect(rendered((await deploymentOf('checkout')).executor)).toMatchObject({
      application: { name: 'checkout-prod-par', project: 'shop' },
      sourceChanges: [{ targetRevision: 'v1.2.1', helmParameters: { 'image.tag': '1.2.1' } }],
    });
  });

  it('tells every field, and no other', () => {
    const told = tableOf(PAGE, ['field', 'default', '']).flatMap(([cell = '']) => cell.split(', '));
    expect(told.sort()).toEqual(
      Object.keys(argoCdExecutorSchema.shape)
        .filter((field) => field !== 'type')
        .sort(),
    );
  });
});

describe('examples/argo-cd', () => {
  it('applies, and is taken by the agent', async () => {
    const deploymentOf = await registryWith(readFileSync('examples/argo-cd/deployment.yaml', 'utf8'));
    const [web, checkout] = [await deploymentOf('web'), await deploymentOf('checkout')];
    expect(rendered(web.executor)).toMatchObject({ sourceChanges: [{ kustomizeImages: ['registry.example.org/web:1.2.1'] }] });
    expect(rendered(checkout.executor).template?.spec).toMatchObject({
      source: { targetRevision: '1.2.1', helm: { parameters: [{ name: 'replicas', value: '6' }] } },
    });
    const [metric] = checkout.verification as unknown as MetricSpec[];
    const provider = renderTemplate(metric?.provider as JsonObject, names);
    expect(providerSchemas['argoCdHealth']?.safeParse(provider)).toMatchObject({ success: true });
  });

  it("has an agent's file that the agent takes, and a project whose role may do what is asked for", () => {
    const readme = readFileSync('examples/argo-cd/README.md', 'utf8');
    const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(readme) ?? [];
    const { allow } = parse(yaml) as { allow: unknown };
    expect(allowListSchema.parse(allow)).toMatchObject({ executors: ['argo-cd'] });
    const [project] = parseAllDocuments(readFileSync('examples/argo-cd/project.yaml', 'utf8')).map((one) => one.toJS() as Project);
    const actions = project?.spec.roles[0]?.policies.map((line) => line.split(', ')[3]);
    expect(actions).toEqual(['get', 'create', 'update', 'sync']);
  });
});

interface Project {
  spec: { roles: { policies: string[] }[] };
}

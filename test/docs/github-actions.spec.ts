import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { githubActionsExecutorSchema } from '@slipway/contracts';
import { renderTemplate, type JsonObject } from '@slipway/core';
import { parse } from 'yaml';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

const PAGE = 'executors/github-actions.md';
const EXAMPLE = 'examples/github-actions';
const names = {
  version: { tag: '1.4.2', config: { image: 'registry.example/checkout@sha256:1' } },
  environment: { name: 'production' },
  resource: { identifier: 'prod-par' },
  variables: { replicas: 6 },
};

interface Workflow {
  'run-name'?: string;
  on: { workflow_dispatch?: { inputs: Record<string, object> } };
  permissions?: Record<string, string>;
}

/** The executor's config of `checkout` once these documents were applied, rendered. */
async function executorIn(yaml: string): Promise<JsonObject> {
  const registry = memoryRegistry();
  const { warnings } = await registry.ask('registry.apply', { files: [{ file: 'shop.yaml', text: yaml }] });
  expect(warnings).toEqual([]);
  const { doc } = (await registry.ask('registry.get', { kind: 'deployment', name: 'checkout' })) as unknown as {
    doc: { executor: JsonObject };
  };
  return renderTemplate(doc.executor, names) as JsonObject;
}

/** What the deployment hands over is what the workflow takes, and its name shows the run's id. */
function expectFitting(executor: JsonObject, workflow: Workflow): void {
  const { inputs, jobInput } = githubActionsExecutorSchema.parse(executor);
  expect(Object.keys({ ...inputs, [jobInput]: '' }).sort()).toEqual(Object.keys(workflow.on.workflow_dispatch?.inputs ?? {}).sort());
  expect(workflow['run-name']).toContain(`\${{ inputs.${jobInput} }}`);
}

describe('docs/executors/github-actions.md', () => {
  it('shows a deployment that applies, and a workflow that fits it', async () => {
    const blocks = codeBlocksOf(PAGE);
    const executor = await executorIn(blocks.find(({ info }) => info === 'yaml')?.text ?? '');
    expectFitting(executor, parse(blocks.find(({ text }) => text.includes('run-name:'))?.text ?? '') as Workflow);
  });

  it('tells every field, and no other', () => {
    const told = tableOf(PAGE, ['field', 'default', '']).map(([field]) => field);
    const fields = Object.keys(githubActionsExecutorSchema.shape).filter((field) => field !== 'type');
    expect(told.sort()).toEqual(fields.sort());
  });
});

describe('examples/github-actions', () => {
  const workflow = (file: string): Workflow => parse(readFileSync(`${EXAMPLE}/.github/workflows/${file}`, 'utf8')) as Workflow;

  it('is a deployment that applies, and a workflow that fits it', async () => {
    const executor = await executorIn(readFileSync(`${EXAMPLE}/shop.yaml`, 'utf8'));
    expectFitting(executor, workflow('deploy.yml'));
    expect(githubActionsExecutorSchema.parse(executor).inputs).toMatchObject({ replicas: '6', target: 'prod-par' });
  });

  it('publishes what the deployment’s templates read', () => {
    expect(readFileSync(`${EXAMPLE}/.github/workflows/release.yml`, 'utf8')).toContain('config: {image: $image}');
    expect(workflow('release.yml').permissions).toEqual({ contents: 'read' });
  });
});

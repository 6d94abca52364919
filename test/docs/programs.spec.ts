import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { commandExecutorSchema, executorSchemas, OBSERVE_EXIT, terraformExecutorSchema } from '@slipway/contracts';
import { renderTemplate, type JsonObject } from '@slipway/core';
import { parseAllDocuments } from 'yaml';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

/* The executors that run programs at the agent: their pages, and the examples beside them. */

const names = {
  job: { id: 'j1' },
  version: { tag: '1.2.1', config: { image: 'ami-1' } },
  environment: { name: 'production' },
  resource: { identifier: 'prod-par', config: { address: '10.0.0.1', instances: 4 }, metadata: { region: 'par' } },
};

const SHOP = 'kind: System\nname: shop\n---\nkind: Environment\nname: production\nsystem: shop\nresources: resource.kind == "host"\n';

/** The executors' configs in these documents once they were applied, rendered. */
async function executorsIn(texts: readonly string[]): Promise<JsonObject[]> {
  const registry = memoryRegistry();
  const { warnings } = await registry.ask('registry.apply', { files: texts.map((text, at) => ({ file: `${at}.yaml`, text })) });
  expect(warnings).toEqual([]);
  const documents = texts.flatMap((text) => parseAllDocuments(text).map((one) => one.toJS() as { kind: string; name: string }));
  const deployments = documents.filter(({ kind }) => kind === 'Deployment');
  return Promise.all(
    deployments.map(async ({ name }) => {
      const { doc } = (await registry.ask('registry.get', { kind: 'deployment', name })) as unknown as { doc: { executor: JsonObject } };
      return renderTemplate(doc.executor, names) as JsonObject;
    }),
  );
}

const read = (file: string): string => readFileSync(file, 'utf8');

describe.each([
  ['command', commandExecutorSchema.shape],
  ['terraform', terraformExecutorSchema.shape],
])('docs/executors/%s.md', (type, shape) => {
  const page = `executors/${type}.md`;

  it('shows deployments that apply, and that the agent takes', async () => {
    const executors = await executorsIn(codeBlocksOf(page).flatMap(({ info, text }) => (info === 'yaml' ? [text] : [])));
    expect(executors.map((executor) => executor['type'])).toEqual(executors.map(() => type));
    for (const executor of executors) expect(executorSchemas[type]?.safeParse(executor)).toMatchObject({ success: true });
  });

  it('tells every field, and no other', () => {
    const told = tableOf(page, ['field', 'default', '']).map(([field]) => field);
    expect(told.sort()).toEqual(
      Object.keys(shape)
        .filter((field) => field !== 'type')
        .sort(),
    );
  });
});

it('examples/terraform is a deployment that applies and sets every variable of its module', async () => {
  const [executor = {}] = await executorsIn([read('examples/terraform/infra.yaml')]);
  const { variables = {}, module } = terraformExecutorSchema.parse(executor);
  const declared = [...read('examples/terraform/modules/site/main.tf').matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
  expect(Object.keys(variables).sort()).toEqual(declared.sort());
  expect(module).toBe('git::https://github.com/acme/infra.git//modules/site?ref=v1.2.1');
  expect(read('examples/terraform/.github/workflows/release.yml')).toContain('config: {image: $image}');
});

describe('examples/command', () => {
  it.each(globSync('examples/command/*/slipway/*.yaml'))('%s applies, and what it shows is what the page shows', async (file) => {
    const [executor = {}] = await executorsIn([SHOP, read(file)]);
    const { run, observe } = commandExecutorSchema.parse(executor);
    const shown = await executorsIn(codeBlocksOf('executors/command.md').flatMap(({ info, text }) => (info === 'yaml' ? [text] : [])));
    expect(shown.map((one) => one['observe'])).toContainEqual(observe);
    expect(shown.map((one) => (one['run'] as string[])[0])).toContain(run[0]);
  });

  describe('another agent asks observe.sh', () => {
    let tools: string;
    beforeEach(() => {
      tools = mkdtempSync(path.join(os.tmpdir(), 'slipway-tools-'));
    });
    afterEach(() => rmSync(tools, { recursive: true, force: true }));

    /** Its answer, with a tool in the place of the real one. */
    const observe = (folder: string, tool: string, script: string, ...args: string[]): string => {
      const file = path.join(tools, tool);
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      const env = { PATH: `${tools}:${process.env['PATH'] ?? ''}`, SLIPWAY_JOB: 'j1' };
      const { status } = spawnSync('sh', [path.join('examples/command', folder, 'observe.sh'), ...args], { env });
      return Object.entries(OBSERVE_EXIT).find(([, exit]) => exit === status)?.[0] ?? 'unknown';
    };

    it.each([
      ['[{"revision":3,"status":"deployed","description":"slipway j1"}]', 'succeeded'],
      ['[{"revision":3,"status":"pending-upgrade","description":"Preparing upgrade"}]', 'unknown'],
      ['[{"revision":3,"status":"deployed","description":"slipway j11"}]', 'unknown'],
    ])('of Helm, whose history is %s: %s', (history, answer) => {
      expect(observe('helm', 'helm', `echo '${history}'`, 'search', 'search', 'prod')).toBe(answer);
    });

    it.each([
      ['j1', 0, '', 'succeeded'],
      ['j1', 1, 'ReplicaSetUpdated', 'running'],
      ['j1', 1, 'ProgressDeadlineExceeded', 'failed'],
      ['j2', 0, '', 'unknown'],
    ])('of kubectl, with the job %s, rollout status %i and %s: %s', (job, status, reason, answer) => {
      const script = `case "$*" in *rollout*) exit ${status};; *annotations*) printf ${job};; *) printf '${reason}';; esac`;
      expect(observe('kubectl', 'kubectl', script, 'prod', 'frontend')).toBe(answer);
    });

    it('of Ansible: succeeded where the job’s mark is on the host, else unknown', () => {
      expect(observe('ansible', 'ansible', 'exit 0', '10.0.0.1')).toBe('succeeded');
      expect(observe('ansible', 'ansible', 'exit 2', '10.0.0.1')).toBe('unknown');
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { githubActionsExecutorSchema } from '@slipway/contracts';
import type { JsonObject } from '@slipway/core';
import { vetoExecutor } from '../../src/allow-list.js';
import { GithubActionsExecutor } from '../../src/executors/github-actions/github-actions.js';
import { realClock, realTimers } from '../../src/timers.js';
import { VendorClients } from '../../src/vendor/vendor-clients.js';

const time = { clock: realClock, timers: realTimers };
const executor = new GithubActionsExecutor(new VendorClients({ ...time, random: () => 0.5 }), time);
const LEAST = { type: 'github-actions', repository: 'acme/shop', workflow: 'deploy.yml', ref: 'main', token: 'env:GITHUB_TOKEN' };
const configOf = (over: JsonObject): JsonObject & { type: string } => ({ ...LEAST, ...over });
const inputs = (count: number): JsonObject => Object.fromEntries(Array.from({ length: count }, (_, at) => [`input_${at}`, 'x']));
const GHES = { server: 'https://ghe.example/api/v3' };

describe('the config of github-actions', () => {
  it.each<[string, JsonObject]>([
    ['the least', {}],
    ['a workflow by number', { workflow: 161335 }],
    ['an App', { token: undefined, app: { id: 3, privateKey: 'file:/run/secrets/app.pem' } } as never],
    ['24 inputs of its own', { inputs: inputs(24) }],
    ['9 inputs of its own at an Enterprise Server', { inputs: inputs(9), ...GHES }],
    ['24 inputs with data residency', { inputs: inputs(24), server: 'https://api.acme.ghe.com' }],
  ])('takes %s', (_what, over) => {
    expect(executor.validate(JSON.parse(JSON.stringify(configOf(over))))).toBeUndefined();
  });

  it('hands numbers and booleans over as text', () => {
    const config = githubActionsExecutorSchema.parse(configOf({ inputs: { replicas: 3, canary: true, note: '' } }));
    expect(config.inputs).toEqual({ replicas: '3', canary: 'true', note: '' });
  });

  it.each<[string, JsonObject, RegExp]>([
    ['no credentials', { token: null }, /^executor.token /],
    ['a token that is none of the references', { token: 'ghp_abc' }, /what stands here is not a reference to a secret; write env:NAME/],
    ['both credentials', { app: { id: 3, privateKey: 'env:KEY' } }, /^executor.token stands beside app; write one of the two$/],
    [
      'a repository by its address',
      { repository: 'https://github.com/acme/shop' },
      /^executor.repository is not a repository; write owner\/name$/,
    ],
    ['a workflow by its path', { workflow: '.github/workflows/deploy.yml' }, /^executor.workflow /],
    ['no ref', { ref: '' }, /^executor.ref is empty; write a branch or a tag, like main$/],
    ['25 inputs of its own', { inputs: inputs(25) }, /^executor.inputs has 26 inputs with slipway_job; https:\/\/api.github.com takes 25$/],
    [
      '10 inputs of its own at an Enterprise Server',
      { inputs: inputs(10), ...GHES },
      /^executor.inputs has 11 inputs with slipway_job; .* takes 10$/,
    ],
    [
      'inputs of 65,536 characters',
      { inputs: { note: 'x'.repeat(65_500) } },
      /^executor.inputs is \d+ characters long as JSON with slipway_job; GitHub takes 65535$/,
    ],
    ['an input that is an object', { inputs: { a: { b: 1 } } }, /^executor.inputs.a /],
    ['an input by an impossible name', { inputs: { 'a b': '1' } }, /^executor.inputs.a b /],
    ['the input of the run’s id', { inputs: { slipway_job: '1' } }, /^executor.inputs names slipway_job, which gets the run's id/],
    ['a server that is none', { server: 'ghe.example' }, /^executor.server is not an address/],
    ['a field that is not there', { branch: 'main' }, /branch/],
  ])('does not take %s', (_what, over, message) => {
    expect(executor.validate(configOf(over))).toMatch(message);
  });

  it('names its secrets, its server and its repository, for the site’s owner to allow or forbid', () => {
    expect(executor.secretReferences(configOf({}))).toEqual({ token: 'env:GITHUB_TOKEN' });
    const config = configOf(GHES);
    expect(executor.reaches(config)).toEqual({ servers: ['https://ghe.example'], repositories: ['acme/shop'] });
    expect(
      vetoExecutor({ repositories: ['acme/*'], servers: ['https://ghe.example'], secrets: ['env:GITHUB_*'] }, executor, config),
    ).toBeUndefined();
    expect(vetoExecutor({ repositories: ['acme/infra'] }, executor, config)).toBe(
      'the owner of this agent does not allow the repository acme/shop; allowed: acme/infra',
    );
  });
});

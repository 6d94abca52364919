import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, TEST_CERTIFICATE } from '@slipway/testkit';
import { vetoExecutor } from '../../src/allow-list.js';
import { Refused } from '../../src/executors/executor.js';
import { hclLiteral } from '../../src/executors/terraform-cloud/hcl.js';
import { packDirectory } from '../../src/executors/terraform-cloud/tarball.js';
import { messagesOf, Scene, shownBy } from './scene.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
  scene.server.addWorkspace('shop');
});
afterEach(async () => {
  const { violations } = scene.server;
  await scene.close();
  expect(violations).toEqual([]);
});

const POST_RUNS = /^\/runs$/;

describe('the workspace', () => {
  it('that is missing rejects the job, unless it is to be created', async () => {
    const missing = { workspace: { name: 'none' } };
    await expect(scene.executor.start(scene.run(missing))).rejects.toThrow(
      new Refused(
        'organization acme has no workspace none that this token may see; give its team access to the workspace, or have it made with workspace.create: true',
      ),
    );
    expect(scene.server.requests).toHaveLength(1);
    const settings = {
      create: true,
      project: 'shop',
      description: 'made',
      executionMode: 'agent',
      agentPoolId: 'apool-1',
      terraformVersion: '1.12.0',
      workingDirectory: 'infra',
    };
    const repo = { vcsRepo: { identifier: 'acme/infra', branch: 'main', oauthTokenId: 'ot-1' } };
    scene.server.misbehave({ method: 'POST', path: /workspaces$/, loseAnswer: true });
    const run = scene.run({ workspace: { name: 'fresh', ...settings, ...repo } });
    const started = scene.executor.start(run);
    await eventually('it waits for the first fetch', () => messagesOf(run).some((message) => /fetches its repository/.test(message)));
    scene.server.named('fresh').configured = true;
    await started;
    const { attributes, project, agentPool, runs } = scene.server.named('fresh');
    expect({ attributes, project, agentPool }).toMatchObject({
      project: 'prj-shop',
      agentPool: 'apool-1',
      attributes: {
        description: 'made',
        'execution-mode': 'agent',
        'terraform-version': '1.12.0',
        'working-directory': 'infra',
        'vcs-repo': { identifier: 'acme/infra', branch: 'main', 'oauth-token-id': 'ot-1' },
      },
    });
    expect(runs).toHaveLength(1);
  });

  it('is updated in what the config names and differs, and in nothing else', async () => {
    const workspace = scene.server.named('shop');
    workspace.attributes['description'] = 'theirs';
    workspace.variables.push({
      id: 'var-x',
      key: 'theirs',
      value: '1',
      category: 'env',
      sensitive: false,
      hcl: false,
      description: '',
      version: 1,
    });
    await scene.executor.start(scene.run({ workspace: { name: 'shop', terraformVersion: '1.11.4', workingDirectory: '' } }));
    expect(scene.server.count('PATCH', /./)).toBe(0);
    await scene.executor.start(scene.run({ workspace: { name: 'shop', terraformVersion: '1.12.0', project: 'shop' } }, { job: 'j2' }));
    const [patch] = scene.server.requests.filter(({ method }) => method === 'PATCH');
    expect(patch?.body).toEqual({
      data: {
        type: 'workspaces',
        attributes: { 'terraform-version': '1.12.0' },
        relationships: { project: { data: { id: 'prj-shop', type: 'projects' } } },
      },
    });
    expect(workspace.attributes['description']).toBe('theirs');
    expect(workspace.variables).toHaveLength(1);
  });

  it('of execution mode local, or of a project that is not there, rejects the job', async () => {
    scene.server.named('shop').attributes['execution-mode'] = 'local';
    await expect(scene.executor.start(scene.run())).rejects.toThrow(/is of execution mode local/);
    const elsewhere = { workspace: { name: 'shop', project: 'nowhere' } };
    await expect(scene.executor.start(scene.run(elsewhere, { job: 'j2' }))).rejects.toThrow(/has no project nowhere/);
    expect(scene.server.runs).toEqual([]);
  });
});

describe('variables', () => {
  const variables = [
    { key: 'tag', category: 'terraform', value: '1.0.0' },
    { key: 'tag', category: 'env', value: 'other' },
    { key: 'sizes', category: 'terraform', value: '[1, 2]', hcl: true, description: 'of hosts' },
    { key: 'TOKEN', category: 'env', secret: 'env:TOKEN' },
  ];
  const secrets = { 'variable env TOKEN': 'hunter2' };

  it('are created and updated by category and key; sensitive ones are sent when they are not known to be there', async () => {
    const { server, executor } = scene;
    await executor.start(scene.run({ variables }, { secrets }));
    const has = server.named('shop').variables.map(({ id: _id, version: _version, ...variable }) => variable);
    const plain = { sensitive: false, hcl: false, description: '' };
    expect(has).toEqual([
      { ...plain, key: 'tag', category: 'terraform', value: '1.0.0' },
      { ...plain, key: 'tag', category: 'env', value: 'other' },
      { ...plain, key: 'sizes', category: 'terraform', value: '[1, 2]', hcl: true, description: 'of hosts' },
      { ...plain, key: 'TOKEN', category: 'env', value: 'hunter2', sensitive: true },
    ]);
    expect(server.count('POST', /vars$/)).toBe(4);

    // Nothing changed, and this process sent the secret itself.
    await executor.start(scene.run({ variables }, { secrets, job: 'j2' }));
    expect(server.count('PATCH', /vars/)).toBe(0);

    // Somebody set another value there, and the secret became another here.
    Object.assign(server.named('shop').variables[3] ?? {}, { value: 'theirs', version: 7 });
    await executor.start(scene.run({ variables: variables.slice(3) }, { secrets, job: 'j3' }));
    await executor.start(scene.run({ variables: variables.slice(3) }, { secrets: { 'variable env TOKEN': 'new one' }, job: 'j4' }));
    await executor.start(scene.run({ variables: [{ ...variables[0], value: '2.0.0' }] as never }, { job: 'j5' }));
    const patches = server.requests
      .filter(({ method }) => method === 'PATCH')
      .map(({ body }) => (body as { data: { attributes: object } }).data.attributes);
    expect(patches).toEqual([{ value: 'hunter2' }, { value: 'new one' }, { value: '2.0.0' }]);
    expect(server.named('shop').variables[1]?.value).toBe('other');
  });

  it('whose creation was carried out and not answered are there once', async () => {
    scene.server.misbehave({ method: 'POST', path: /vars$/, loseAnswer: true });
    await scene.executor.start(scene.run({ variables: variables.slice(0, 1) }));
    expect(scene.server.named('shop').variables).toHaveLength(1);
  });

  it('of the run alone stand in it as expressions of HCL', async () => {
    await scene.executor.start(scene.run({ runVariables: { tag: '1.0.0 ${x}', count: 3, tags: { a: ['b'] } } }));
    expect(scene.server.runs[0]?.attributes.variables).toEqual([
      { key: 'tag', value: '"1.0.0 $${x}"' },
      { key: 'count', value: '3' },
      { key: 'tags', value: '{"a" = ["b"]}' },
    ]);
    expect(hclLiteral('a\\f\f%{"\n')).toBe('"a\\\\f\\u000c%%{\\"\\n"');
  });
});

describe('the configuration', () => {
  function module(): string {
    const directory = path.join(scene.scratch.directory, 'module');
    for (const below of ['.git', '.terraform/providers', 'long', 'secret']) mkdirSync(path.join(directory, below), { recursive: true });
    const longName = `long/${'n'.repeat(120)}-é.txt`;
    for (const [name, text] of Object.entries({
      'main.tf': 'resource "terraform_data" "app" {}\n',
      '.git/HEAD': 'ref',
      '.terraform/providers/x': 'binary',
      'secret/key.pem': 'key',
      'notes.log': 'log',
      'kept.log': 'kept',
      '.terraformignore': '# not these\nsecret/\n*.log\n!kept.log\n',
      [longName]: 'long',
    })) {
      writeFileSync(path.join(directory, name), text);
    }
    symlinkSync('main.tf', path.join(directory, 'link.tf'));
    return directory;
  }

  it('in a directory is uploaded for this run: the same bytes each time, without what is to be left out', async () => {
    const directory = module();
    const run = scene.run({ configuration: { directory } });
    scene.server.misbehave({ method: 'PUT', path: /upload-secret/, instead: { status: 502 } });
    await scene.executor.start(run);
    const [upload] = scene.server.configurations.values();
    expect(upload).toMatchObject({ status: 'uploaded', attributes: { 'auto-queue-runs': false, speculative: false } });
    expect(scene.server.runs[0]?.configurationVersion).toBe(upload?.id);
    expect(run.hidden).toContain(`upload-secret-${upload?.id}`);
    expect(shownBy(run)).not.toContain('upload-secret');
    expect(await packDirectory(directory)).toEqual(upload?.body);

    const unpacked = path.join(scene.scratch.directory, 'unpacked');
    mkdirSync(unpacked);
    writeFileSync(path.join(scene.scratch.directory, 'a.tgz'), upload?.body ?? '');
    execFileSync('tar', ['-xzf', '../a.tgz'], { cwd: unpacked });
    const listed = execFileSync('find', ['.', '-not', '-type', 'd'], { cwd: unpacked, encoding: 'utf8' }).trim().split('\n').sort();
    expect(listed).toEqual(['./.terraformignore', './kept.log', './link.tf', `./long/${'n'.repeat(120)}-é.txt`, './main.tf'].sort());
  });

  it('that can not be packed, or is not taken there, rejects the job', async () => {
    const { server, executor } = scene;
    await expect(executor.start(scene.run({ configuration: { directory: '/does/not/exist' } }))).rejects.toThrow(
      /could not be read on this agent \(ENOENT\)/,
    );
    const directory = module();
    server.uploads = { looks: 2, error: 'no main module' };
    await expect(executor.start(scene.run({ configuration: { directory } }))).rejects.toThrow(
      /did not take what was uploaded .* \(errored\): no main module/,
    );
    symlinkSync('/etc/passwd', path.join(directory, 'out.tf'));
    await expect(executor.start(scene.run({ configuration: { directory } }))).rejects.toThrow(
      /out\.tf is a link that leads out of the directory/,
    );
    expect(server.runs).toEqual([]);
  });

  it('that CI uploaded is named by its id; a workspace without any rejects the job', async () => {
    await scene.executor.start(scene.run({ configuration: { versionId: 'cv-of-ci' } }));
    expect(scene.server.runs[0]?.configurationVersion).toBe('cv-of-ci');
    scene.server.named('shop').configured = false;
    await expect(scene.executor.start(scene.run({}, { job: 'j2' }))).rejects.toThrow(
      /creating a run of workspace shop at .* failed: it answered 422: Configuration version is missing/,
    );
  });
});

describe('the run is created once', () => {
  it.each([
    ['lost', { loseAnswer: true } as const],
    ['a 502 of a gateway', { afterwards: { status: 502, text: 'bad gateway' } }],
  ])('when the answer is %s: it is looked for, once', async (_what, fault) => {
    const { server, executor } = scene;
    server.misbehave({ method: 'POST', path: POST_RUNS, ...fault });
    const run = scene.run({ autoApply: true });
    await executor.start(run);
    expect(server.runs).toHaveLength(1);
    expect([server.count('POST', POST_RUNS), server.count('GET', /workspaces\/[^/]+\/runs$/)]).toEqual([1, 1]);
    expect(await executor.follow(run)).toMatchObject({ verb: 'succeeded' });
  });

  it('when it was not carried out: looked for, then sent again; after 409 and 429 sent again', async () => {
    const { server, executor } = scene;
    server.misbehave({ method: 'POST', path: POST_RUNS, instead: { status: 503 } });
    server.misbehave({ method: 'POST', path: POST_RUNS, instead: { status: 409 } });
    server.misbehave({ method: 'POST', path: POST_RUNS, instead: { status: 429, headers: { 'x-ratelimit-reset': '1.5' } } });
    await executor.start(scene.run());
    expect(server.runs).toHaveLength(1);
    expect([server.count('POST', POST_RUNS), server.count('GET', /workspaces\/[^/]+\/runs$/)]).toEqual([4, 1]);
  });

  it('also when start is called again, by this agent or another, and a like id is not taken for ours', async () => {
    const { server, executor } = scene;
    const run = scene.run();
    await executor.start(run);
    await executor.start(run);
    await executor.start(scene.run());
    expect(server.runs).toHaveLength(1);
    server.addRun('shop', 'theirs [slipway j1.11]');
    const looks = scene.run({}, { observeFirst: true });
    expect(await executor.observe(looks)).toBe('running');
    expect(looks.notes['terraformRun']).toBe(server.runs[1]?.id);
    expect(await executor.observe(scene.run({}, { job: 'j1.1'.slice(0, 2) + '1', observeFirst: true }))).toBe('notStarted');
  });

  it('and found where the server does not understand the search', async () => {
    scene.server.searches = false;
    await scene.executor.start(scene.run());
    for (let n = 0; n < 30; n++) scene.server.addRun('shop', `theirs ${n}`);
    expect(await scene.executor.observe(scene.run({}, { observeFirst: true }))).toBe('running');
  });

  it('and what became of it is told to another agent', async () => {
    const { server, executor } = scene;
    await executor.start(scene.run());
    const [made] = server.runs;
    const elsewhere = () => executor.observe(scene.run({}, { observeFirst: true }));
    made?.become('applied');
    expect(await elsewhere()).toBe('succeeded');
    made?.become('discarded');
    expect(await elsewhere()).toBe('failed');
    server.workspaces.delete('shop');
    expect(await elsewhere()).toBe('unknown');
    expect(await executor.observe(scene.run({ workspace: { name: 'shop', create: true } }, { observeFirst: true }))).toBe('notStarted');
  });
});

describe('what is wrong for good is said at once, what may pass is waited for', () => {
  it('a token that is not accepted: one request', async () => {
    await expect(scene.executor.start(scene.run({}, { secrets: { token: 'old' } }))).rejects.toThrow(
      /^127\.0\.0\.1:\d+ does not accept the token \(401\); give a team's or user's token that is still valid$/,
    );
    expect(scene.server.requests).toHaveLength(1);
  });

  it('a server that fails at every request before the run: asked six times, and no run was created', async () => {
    scene.server.misbehave({ path: /workspaces/, instead: { status: 500, text: 'panic' }, times: 100 });
    await expect(scene.executor.start(scene.run())).rejects.toThrow(
      new Refused(`${new URL(scene.server.url).host} answered 500 to GET /organizations/acme/workspaces/shop: panic; no run was created`),
    );
    expect(scene.server.requests).toHaveLength(6);
  });

  it('something that is not the vendor', async () => {
    scene.server.misbehave({ path: /workspaces/, instead: { status: 200, text: '<html>hello</html>' } });
    await expect(scene.executor.start(scene.run())).rejects.toThrow(
      /is not HCP Terraform or Terraform Enterprise; name its address in server$/,
    );
  });

  it('a certificate that is not trusted: no request; one that is named is', async () => {
    const secure = await Scene.open({ tls: true });
    secure.server.addWorkspace('shop');
    await expect(secure.executor.start(secure.run())).rejects.toThrow(Refused);
    await expect(secure.executor.start(secure.run())).rejects.toThrow(
      /is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\); name its authority's certificate with caFile/,
    );
    expect(secure.server.requests).toEqual([]);
    await expect(secure.executor.start(secure.run({ caFile: '/does/not/exist' }))).rejects.toThrow(
      /caFile \/does\/not\/exist could not be read/,
    );
    const caFile = path.join(secure.scratch.directory, 'ca.pem');
    writeFileSync(caFile, TEST_CERTIFICATE.cert);
    expect(await secure.carryOut(secure.run({ caFile, autoApply: true }))).toMatchObject({ verb: 'succeeded' });
    expect(secure.server.violations).toEqual([]);
    await secure.close();
  });

  it('a server that is down for an hour, as ten jobs begin: they wait together, with few requests', async () => {
    const slow = await Scene.open({ factor: 3_000 });
    slow.server.addWorkspace('shop');
    slow.server.misbehave({ path: /./, instead: { status: 503 }, times: 1_000_000 });
    const runs = Array.from({ length: 10 }, (_, n) => slow.run({ autoApply: true }, { job: `d${n}` }));
    const started = runs.map((run) => slow.executor.start(run));
    await new Promise<void>((resolve) => void slow.time.after(3_600_000, resolve));
    const asked = slow.server.requests.length;
    expect(asked).toBeGreaterThan(20);
    expect(asked).toBeLessThan(100);
    expect(messagesOf(runs[0] as never).at(-1)).toMatch(
      /^waits: 127\.0\.0\.1:\d+ answered 503 to GET .*; asked \d+ times, again in \d+ s$/,
    );
    slow.server.behave();
    await Promise.all(started);
    expect(slow.server.runs).toHaveLength(10);
    expect(slow.server.violations).toEqual([]);
    await slow.close();
  });

  it('a run that is to end begins nothing', async () => {
    const calm = await Scene.open({ factor: 20 });
    calm.server.addWorkspace('shop');
    calm.server.misbehave({ path: /./, instead: { status: 503 }, times: 1_000_000 });
    const run = calm.run();
    const started = calm.executor.start(run);
    await eventually('it waits', () => messagesOf(run).length > 0);
    run.end();
    await expect(started).rejects.toThrow('stopped waiting');
    calm.server.behave();
    expect(await calm.executor.cancel(run)).toBe(true);
    expect(calm.server.runs).toEqual([]);
    await calm.close();
  });
});

describe('a config', () => {
  const problem = (over: object) => scene.executor.validate({ ...scene.config(), ...over } as never);

  it('is told what is wrong with it', () => {
    expect(problem({})).toBeUndefined();
    expect(problem({ organisation: 'x' })).toMatch(/organisation/);
    expect(problem({ token: 'plain' })).toMatch(/^executor\.token what stands here is not a reference to a secret/);
    expect(problem({ workspace: { name: 'a b' } })).toMatch(/^executor\.workspace\.name is not a name there/);
    expect(problem({ variables: [{ key: 'a', category: 'env' }] })).toMatch(/needs value \(a text\) or secret/);
    const twice = { key: 'a', category: 'env', value: '1' };
    expect(problem({ variables: [twice, twice] })).toMatch(/a stands here twice in category env/);
    expect(problem({ configuration: { directory: '/x', versionId: 'cv-1' } })).toMatch(/one of them/);
    expect(problem({ planOnly: true, autoApply: true })).toMatch(/has no meaning beside planOnly/);
    expect(problem({ workspace: { name: 'a', vcsRepo: { identifier: 'a/b' } } })).toMatch(/oauthTokenId or githubAppInstallationId/);
  });

  it('tells what it reaches and which secrets it needs', () => {
    const config = scene.config({
      workspace: { name: 'shop', vcsRepo: { identifier: 'acme/infra', oauthTokenId: 'ot-1' } },
      variables: [{ key: 'TOKEN', category: 'env', secret: 'file:/run/secrets/t' }],
      configuration: { directory: '/srv/infra/../../etc/' },
    });
    expect(scene.executor.reaches(config)).toEqual({ servers: [scene.server.url], repositories: ['acme/infra'], directories: ['/etc'] });
    expect(vetoExecutor({ directories: ['/srv/infra/*'] }, scene.executor, config)).toBe(
      'the owner of this agent does not allow the directory /etc; allowed: /srv/infra/*',
    );
    expect(scene.executor.secretReferences(config)).toEqual({ token: 'env:TFC_TOKEN', 'variable env TOKEN': 'file:/run/secrets/t' });
  });
});

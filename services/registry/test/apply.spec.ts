import { describe, expect, it } from '@jest/globals';
import { host, memoryRegistry, refusal, registryOn, sent, SHOP } from './fixture.js';

describe('apply', () => {
  it('records every document, computes the release targets and numbers the changes without gaps', async () => {
    const registry = memoryRegistry();
    const reply = await registry.apply(SHOP);
    expect(reply.changes.map((c) => `${c.verb} ${c.kind} ${c.name}`)).toEqual([
      'create system shop',
      'create environment staging',
      'create environment production',
      'create deployment checkout',
      'create resource stage-1',
      'create resource par-1',
      'create policy production',
    ]);
    expect(reply).toMatchObject({ targets: { added: 2, removed: 0 }, revision: 9, warnings: [] });
    const feed = await registry.feed();
    expect(feed.map((c) => c.revision)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sent(registry.store).map((m) => m.subject)).toEqual([
      'slipway.evt.system.shop.applied',
      'slipway.evt.environment.staging.applied',
      'slipway.evt.environment.production.applied',
      'slipway.evt.deployment.checkout.applied',
      'slipway.evt.resource.stage-1.applied',
      'slipway.evt.resource.par-1.applied',
      'slipway.evt.policy.production.applied',
      'slipway.evt.targets.checkout.staging.changed',
      'slipway.evt.targets.checkout.production.changed',
    ]);
  });

  it('changes nothing when nothing has changed', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const again = await registry.apply(SHOP);
    expect(again.changes.every((c) => c.verb === 'unchanged')).toBe(true);
    expect(again).toMatchObject({ targets: { added: 0, removed: 0 }, revision: 9 });
    expect(await registry.feed()).toHaveLength(9);
  });

  it('tells with dryRun what would change, path by path, and changes nothing', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const changed = SHOP.replace('required: 1', 'required: 2').replace('soak: 10m', 'soak: 1h');
    const diff = await registry.apply(changed, true);
    expect(diff.changes.filter((c) => c.verb !== 'unchanged')).toEqual([
      {
        kind: 'policy',
        name: 'production',
        verb: 'update',
        differences: ['rules[0].soakMs: 600000 → 3600000', 'rules[1].required: 1 → 2'],
      },
    ]);
    expect(await registry.feed()).toHaveLength(9);
    expect(sent(registry.store)).toHaveLength(9);
  });

  it('is all or nothing: one bad document keeps all good ones out, and every problem of every file is told', async () => {
    const registry = memoryRegistry();
    const error = await refusal(
      registry.ask('registry.apply', {
        files: [
          { file: 'a.yaml', text: SHOP.replace('system: shop', 'system: shopp') },
          { file: 'b.yaml', text: 'kind: Environment\nname: dev\nsystem: nowhere\nresources: resorce.kind == "host"\n' },
        ],
      }),
    );
    expect(error.code).toBe('registry.documents.invalid');
    expect(error.message.split('\n')).toEqual([
      'a.yaml:6:9  Environment/staging  system: there is no system shopp; did you mean shop?',
      'b.yaml:3:9  Environment/dev  system: there is no system nowhere; apply a System document of that name with it',
      'b.yaml:4:12  Environment/dev  resources: there is no "resorce" here; did you mean "resource"?',
    ]);
    expect(registry.store.snapshot()).toMatchObject({ documents: [], changes: [], targets: [] });
    expect(sent(registry.store)).toEqual([]);
  });

  it('removes what is absent, keeps its history and takes its targets away', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const reply = await registry.apply('kind: Resource\nidentifier: par-1\nstate: absent\n');
    expect(reply.changes).toEqual([{ kind: 'resource', name: 'par-1', verb: 'delete', differences: [] }]);
    expect(reply.targets).toEqual({ added: 0, removed: 1 });
    const last = (await registry.feed()).slice(-2).map((c) => c.item);
    expect(last).toEqual([
      {
        kind: 'targets',
        name: 'checkout/production',
        doc: { deployment: 'checkout', environment: 'production', added: [], removed: ['par-1'] },
      },
      { kind: 'resource', name: 'par-1', doc: null },
    ]);
    const rows = registry.store.snapshot()['documents'] as { name: string; removedAt?: number; doc: object }[];
    expect(rows.find((row) => row.name === 'par-1')).toMatchObject({ removedAt: registry.time.now, doc: { kind: 'host' } });
    expect((await refusal(registry.ask('registry.get', { kind: 'resource', name: 'par-1' }))).code).toBe('registry.document.unknown');

    const back = await registry.apply(host('par-1', 'production'));
    expect(back).toMatchObject({ changes: [{ verb: 'create' }], targets: { added: 1 } });
  });

  it('refuses to remove a system or a metric that others use, and says who', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const error = await refusal(registry.apply('kind: System\nname: shop\nstate: absent\n'));
    expect(error.message).toBe(
      'mesh.yaml:3:8  System/shop  state: cannot be absent while staging, production, checkout use it; remove them too or first',
    );
    const all = ['System/shop', 'Environment/staging', 'Environment/production', 'Deployment/checkout'].map((title) => {
      const [kind, name] = title.split('/');
      return `kind: ${kind}\nname: ${name}\nstate: absent\n`;
    });
    const reply = await registry.apply(all.join('---\n'));
    expect(reply.changes.map((c) => c.verb)).toEqual(['delete', 'delete', 'delete', 'delete']);
    expect(reply.targets.removed).toBe(2);
  });

  it('fills metric templates in, and changes those that use one when it changes', async () => {
    const registry = memoryRegistry();
    const metric = (count: number) =>
      `kind: Metric\nname: http-ok\nprovider: { type: http, url: "http://{{ resource.config.address }}/" }\ncount: ${count}\nsuccessCondition: result.status == 200\n`;
    const using = SHOP.replace('  - metric: health\n', '  - template: http-ok\n    metric: health\n')
      .replace(/ {4}provider: \{ type: http.*\n/, '')
      .replace(/ {4}count: 5\n/, '');
    await registry.apply(`${metric(3)}---\n${using}`);
    const health = async () => (await registry.ask('registry.get', { kind: 'deployment', name: 'checkout' })).doc;
    expect(await health()).toMatchObject({ verification: [{ name: 'health', count: 3, intervalMs: 2_000 }] });

    const reply = await registry.apply(metric(7));
    expect(reply.changes).toEqual([
      { kind: 'metric', name: 'http-ok', verb: 'update', differences: ['count: 3 → 7'] },
      { kind: 'deployment', name: 'checkout', verb: 'update', differences: ['verification[0].count: 3 → 7'] },
    ]);
    expect(await health()).toMatchObject({ verification: [{ name: 'health', count: 7 }] });
    const missing = await refusal(registry.apply(using.replace('template: http-ok', 'template: htp-ok')));
    expect(missing.message).toMatch(/verification\[0\]\.template: there is no metric htp-ok; did you mean http-ok\?$/);
    expect((await refusal(registry.apply('kind: Metric\nname: http-ok\nstate: absent\n'))).message).toMatch(
      /while deployment checkout uses it/,
    );
  });

  it('refuses metrics of one name in one list, and limits that can never do what they say; warns where nothing can fail', async () => {
    const registry = memoryRegistry();
    const metric = (more: string): string =>
      `{ metric: health, provider: { type: http, url: "http://x/" }, successCondition: result.status == 200, ${more} }`;
    const using = (...metrics: string[]): string =>
      SHOP.replace(/verification:\n(.*\n){5}/, `verification:\n${metrics.map((m) => `  - ${m}\n`).join('')}`);
    const error = await refusal(registry.apply(using(metric('count: 2, consecutiveSuccess: 3'), metric('count: 1'))));
    expect(error.message.split('\n')).toEqual([
      'mesh.yaml:26:137  Deployment/checkout  verification[0].consecutiveSuccess: 3 is more than count, which is 2: so many in a row never come; write at most 2',
      'mesh.yaml:27:5  Deployment/checkout  verification[1]: a metric health stands in this list already; give this one another name with metric:',
    ]);
    const lax = await registry.apply(using(metric('count: 2, failureLimit: 2, dryRun: true')));
    expect(lax.warnings).toEqual([
      'mesh.yaml:26:131  Deployment/checkout  verification[0].failureLimit: 2 failures are tolerated of 2 measurements: the metric can never fail; write less than 2',
      'mesh.yaml:26:3  Deployment/checkout  verification: every metric is a dry run: what is deployed is measured and never verified',
    ]);
  });

  it('refuses policies that could never be judged: expressions, time zones, recurrences, waves', async () => {
    const registry = memoryRegistry();
    const error = await refusal(
      registry.apply(
        SHOP.replace('dependsOn: environment.name', 'dependsOn: enviroment.name')
          .replace('Europe/Berlin', 'Europe/Berln')
          .replace('resource.metadata.region]', 'resource.metdata.region]')
          .replace('targets: 100%', 'targets: 90%'),
      ),
    );
    expect(error.message.split('\n')).toEqual([
      expect.stringMatching(
        /^mesh\.yaml:37:42 {2}Policy\/production {2}rules\[0\]\.environmentProgression\.dependsOn: there is no "enviroment" here/,
      ),
      'mesh.yaml:39:88  Policy/production  rules[2].window.timezone: "Europe/Berln" is not a time zone; write one like Europe/Berlin or UTC',
      expect.stringMatching(
        /^mesh\.yaml:42:9 {2}Policy\/production {2}rules\[3\]\.gradualRollout\.waves: the waves do not cover all targets/,
      ),
      expect.stringMatching(/^mesh\.yaml:45:15 {2}Policy\/production {2}rules\[3\]\.gradualRollout\.order\[0\]: resource has no "metdata"/),
    ]);
  });

  it('refuses a cycle of dependencies and names it, whichever document closes it', async () => {
    const registry = memoryRegistry();
    const catalog =
      'kind: Deployment\nname: catalog\nsystem: shop\nresources: "true"\npool: par\nexecutor: { type: command, run: ["true"] }\n';
    const depends = (from: string, on: string) =>
      `kind: Policy\nname: ${from}-first\nselector: deployment.name == "${from}"\nrules:\n  - dependency: { on: deployment.name == "${on}", version: ">=1.0.0" }\n`;
    await registry.apply([SHOP, catalog, depends('checkout', 'catalog')].join('---\n'));
    const error = await refusal(registry.apply(depends('catalog', 'checkout')));
    expect(error.message).toMatch(
      /^mesh\.yaml:5:3 {2}Policy\/catalog-first {2}rules: dependency rules make a cycle, (checkout → catalog → checkout|catalog → checkout → catalog): /,
    );
  });

  it('warns of two policies that would both say how a version goes', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const rival = 'kind: Policy\nname: everywhere\nselector: "true"\nrules: [{ rollback: {} }]\n';
    expect((await registry.apply(rival)).warnings).toEqual([
      'policies everywhere and production both have rollback at priority 0; everywhere speaks: give one a higher priority',
    ]);
  });

  it('warns of an executor that only a foreign agent could run', async () => {
    const registry = memoryRegistry();
    const reply = await registry.apply(SHOP.replace('type: command', 'type: comand'));
    expect(reply.warnings).toEqual([
      "mesh.yaml:20:9  Deployment/checkout  executor.type: comand is no executor of Slipway's own; only an agent that has it can run this; did you mean command?",
    ]);
  });

  it('takes up where another copy of the registry left off', async () => {
    const registry = memoryRegistry();
    await registry.apply(SHOP);
    const other = registryOn(registry.store);
    await other.apply(host('par-2', 'production'));
    const reply = await registry.apply(host('par-3', 'production'));
    expect(reply).toMatchObject({ revision: 13, targets: { added: 1, removed: 0 } });
    expect((await registry.ask('registry.list', { kind: 'target', deployment: 'checkout' })).items).toHaveLength(4);
  });
});

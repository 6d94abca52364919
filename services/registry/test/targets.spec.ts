import { describe, expect, it } from '@jest/globals';
import { matchTargets, type DeploymentDoc, type EnvironmentDoc, type ResourceDoc, type TargetsChange } from '@slipway/core';
import fc from 'fast-check';
import { memoryRegistry, refusal, type Fixture } from './fixture.js';

const STAGES = ['dev', 'staging', 'production'];
const RUNS = ['checkout', 'catalog'];

const base = `kind: System\nname: shop\n---\nkind: System\nname: bank\n`;
const environment = (name: string, system: string, stage: string) =>
  `kind: Environment\nname: ${name}\nsystem: ${system}\nresources: resource.metadata.stage == "${stage}"\n`;
const deployment = (name: string, system: string, runs: string) =>
  `kind: Deployment\nname: ${name}\nsystem: ${system}\nresources: resource.metadata.runs.contains("${runs}")\npool: p\nexecutor: { type: command, run: ["true"] }\n`;
/** A resource without `runs` makes the deployments' selectors fail on it: it is no target. */
const resource = (identifier: string, stage: string, runs: string | undefined) =>
  `kind: Resource\nidentifier: ${identifier}\ntype: host\nmetadata: { stage: ${stage}${runs === undefined ? '' : `, runs: ${runs}`} }\n`;
const absent = (kind: string, name: string) => `kind: ${kind}\n${kind === 'Resource' ? 'identifier' : 'name'}: ${name}\nstate: absent\n`;

const systems = fc.constantFrom('shop', 'bank');
const document = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 0, max: 5 }),
        fc.constantFrom(...STAGES),
        fc.option(fc.constantFrom(...RUNS, 'checkout catalog'), { nil: undefined }),
      )
      .map(([i, s, r]) => resource(`host-${i}`, s, r)),
  },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 5 }).map((i) => absent('Resource', `host-${i}`)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('one', 'two'), systems, fc.constantFrom(...STAGES)).map(([n, y, s]) => environment(n, y, s)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('checkout', 'catalog'), systems, fc.constantFrom(...RUNS)).map(([n, y, r]) => deployment(n, y, r)),
  },
  { weight: 1, arbitrary: fc.constantFrom(absent('Environment', 'one'), absent('Deployment', 'catalog')) },
);

/** What the targets are by core's definition, from the documents as they stand. */
async function fromScratch(registry: Fixture): Promise<string[]> {
  const list = async <T>(kind: string) => (await registry.ask('registry.list', { kind })).items as T[];
  const environments = await list<EnvironmentDoc>('environment');
  const resources = await list<ResourceDoc>('resource');
  return (await list<DeploymentDoc>('deployment'))
    .flatMap((d) => environments.flatMap((e) => matchTargets(d, e, resources).resources.map((r) => `${d.name}/${e.name}/${r}`)))
    .sort();
}

const listed = async (registry: Fixture): Promise<string[]> =>
  ((await registry.ask('registry.list', { kind: 'target' })).items as { deployment: string; environment: string; resource: string }[])
    .map((t) => `${t.deployment}/${t.environment}/${t.resource}`)
    .sort();

/** What a mirror has that follows the feed alone. */
async function fromFeed(registry: Fixture): Promise<string[]> {
  const has = new Set<string>();
  for (const { item } of await registry.feed()) {
    if (item.kind !== 'targets') continue;
    for (const r of item.doc.removed) expect(has.delete(`${item.name}/${r}`)).toBe(true);
    for (const r of item.doc.added) has.add(`${item.name}/${r}`);
  }
  return [...has].sort();
}

describe('release targets', () => {
  it('after any series of applies are what computing them from scratch gives, in the tables and in the feed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(document, { maxLength: 4, selector: (text) => text.split('\n').slice(0, 2).join() }), { maxLength: 8 }),
        async (applies) => {
          const registry = memoryRegistry();
          await registry.apply(base);
          for (const documents of applies) {
            if (documents.length > 0) await registry.apply(documents.join('---\n'));
            const wanted = await fromScratch(registry);
            expect(await listed(registry)).toEqual(wanted);
            expect(await fromFeed(registry)).toEqual(wanted);
            const rows = registry.store.snapshot()['targets'] as { deployment: string; environment: string; resource: string }[];
            expect(rows.map((t) => `${t.deployment}/${t.environment}/${t.resource}`).sort()).toEqual(wanted);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of ten thousand resources come in changes of at most a thousand, and one more resource concerns only itself', async () => {
    const registry = memoryRegistry();
    await registry.apply([base, environment('one', 'shop', 'dev'), deployment('checkout', 'shop', 'checkout')].join('---\n'));
    const items = Array.from({ length: 10_000 }, (_, i) => ({
      identifier: `host-${i}`,
      type: 'host',
      metadata: { stage: 'dev', runs: 'checkout' },
    }));
    const reply = await registry.apply(JSON.stringify({ kind: 'Resources', items }));
    expect(reply.targets).toEqual({ added: 10_000, removed: 0 });
    const chunks = (registry.store.snapshot()['changes'] as { item: { kind: string; doc: TargetsChange } }[]).filter(
      (c) => c.item.kind === 'targets',
    );
    expect(chunks.map((c) => c.item.doc.added.length)).toEqual(Array.from({ length: 10 }, () => 1_000));
    const one = await registry.apply(resource('host-x', 'dev', 'checkout'));
    expect(one).toMatchObject({ targets: { added: 1, removed: 0 }, revision: reply.revision + 2 });
  });

  it('are not where a selector fails on the resource, and the apply says so', async () => {
    const registry = memoryRegistry();
    const reply = await registry.apply(
      [
        base,
        environment('one', 'shop', 'dev'),
        deployment('checkout', 'shop', 'checkout'),
        resource('bare', 'dev', undefined),
        resource('other', 'staging', undefined),
      ].join('---\n'),
    );
    expect(reply.targets.added).toBe(0);
    expect(reply.warnings).toEqual([
      expect.stringMatching(/^1 resource is no target of checkout in one because a selector fails there, like bare: .*runs/),
    ]);
  });

  it('do not come from a selector that cannot be parsed: it is refused when it is applied', async () => {
    const registry = memoryRegistry();
    const error = await refusal(registry.apply(`${base}---\n${environment('one', 'shop', 'dev').replace(' == ', ' = ')}`));
    expect(error.message).toMatch(/^mesh\.yaml:10:12 {2}Environment\/one {2}resources: /);
  });
});

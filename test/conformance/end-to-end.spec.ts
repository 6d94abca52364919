import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SlipwayError } from '@slipway/core';
import { Actors } from './actors.js';
import type { Case, DecidedCase } from './case-schema.js';
import { differences, matches, verdicts } from './compare.js';
import { ConformanceMesh } from './mesh.js';
import type { RecordKind } from './record.js';
import { fileOf, judgedBy, policyDocuments, readCaseFiles, storyOf, worldDocuments } from './read-cases.js';

const files = readCaseFiles();
const isDecided = (one: Case): one is DecidedCase => 'expect' in one;
const pure = files.flatMap(({ cases }) => cases).filter((one) => isDecided(one) && one.only === 'pure').length;
/** Before the first thing happens, the world is set up. */
const SET_UP_MS = 60_000;
/** On PostgreSQL every so many-eth case, or with `SLIPWAY_CONFORMANCE=postgres` all of them, as CI does at night: it takes some minutes. */
const ON_POSTGRES = process.env['SLIPWAY_CONFORMANCE'] === 'postgres' ? 1 : 10;

function against(kind: RecordKind, every: number): void {
  let mesh: ConformanceMesh;
  let position = 0;
  beforeAll(async () => {
    mesh = await ConformanceMesh.start(kind);
    await new Actors(mesh, []).apply(worldDocuments({}));
    await mesh.enrol();
    await mesh.remember();
  }, 60_000);
  afterAll(() => mesh.stop(), 60_000);

  for (const { topic, file, cases } of files) {
    const chosen = cases.filter((one) => (!isDecided(one) || one.only !== 'pure') && position++ % every === 0);
    if (chosen.length === 0) continue;
    describe(`${topic} (${file})`, () => {
      for (const one of chosen) it(one.case, () => (isDecided(one) ? decided(mesh, one) : saved(mesh, one)));
    });
  }
}

describe(`the conformance cases, against running services (${pure} only against the pure evaluator)`, () => {
  against('memory', 1);
});
describe('the conformance cases, against running services on PostgreSQL', () => {
  against('postgres', ON_POSTGRES);
});

/** Bring the story about, then ask for the explanation, which is what gates at that moment. */
async function decided(mesh: ConformanceMesh, one: DecidedCase): Promise<void> {
  const { deployment, environment, tag } = judgedBy(one);
  const story = storyOf(one);
  await mesh.begin(Math.min(one.at, ...story.map(({ at }) => at)) - SET_UP_MS);
  const actors = new Actors(mesh, policyDocuments(one));
  await actors.apply(one.documents ?? []);
  for (const moment of [{ at: one.at, history: story, expect: one.expect }, ...(one.then ?? [])]) {
    for (const happening of moment.history ?? []) await actors.bringAbout(happening);
    await mesh.passTo(moment.at);
    const { decisions } = await mesh.look('policy.explain', { deployment, environment, version: tag });
    const [explained] = decisions;
    const { cells } = await mesh.look('scheduler.status', { deployment, environment });
    const targets = await targetsOf(mesh, deployment, environment, cells[0]?.targets ?? 0);
    const at = new Date(moment.at).toUTCString();
    const found = explained ? differences({ ...explained, targets }, moment.expect) : ['there is no decision'];
    expect({ at, differences: found, complaints: mesh.complaints }).toEqual({ at, differences: [], complaints: [] });
    await expectSameOnRecord(mesh, explained!.decision, targets);
  }
}

type Explained = { deployment: string; environment: string; version: string } & Parameters<typeof verdicts>[0];

/** What was decided and published last, if the version is still open, says the same: time and facts have woken it (I5, I10). */
async function expectSameOnRecord(mesh: ConformanceMesh, now: Explained, targets: readonly string[]): Promise<void> {
  const { deployment, environment, version } = now;
  const { decisions } = await mesh.look('policy.decisions', { deployment, environment });
  const open = decisions.find((decision) => decision.version === version);
  if (open) expect(verdicts(open, targets)).toEqual(verdicts(now, targets));
}

async function targetsOf(mesh: ConformanceMesh, deployment: string, environment: string, count: number): Promise<string[]> {
  const { items } = await mesh.look('registry.list', { kind: 'resource' });
  const here = (items as { identifier: string; metadata: Record<string, string> }[]).filter(
    ({ metadata }) => metadata['stage'] === environment,
  );
  if (here.length !== count) throw new Error(`${deployment} has ${count} targets in ${environment}, and ${here.length} hosts are there`);
  return here.map(({ identifier }) => identifier).sort();
}

/** Documents that are refused, or saved with warnings: by the registry, over the wire. */
async function saved(mesh: ConformanceMesh, one: Exclude<Case, DecidedCase>): Promise<void> {
  await mesh.begin(0);
  const applied = mesh.ask('registry.apply', { files: [fileOf([...(one.documents ?? []), ...policyDocuments(one)])] });
  if ('warns' in one) {
    const { warnings } = await applied;
    expect(warnings.every((warning, index) => matches(one.warns[index] ?? '', warning)) && warnings.length === one.warns.length).toBe(true);
    return;
  }
  const refusal = await applied.then(
    () => undefined,
    (error: SlipwayError) => error,
  );
  const problems = (refusal?.details?.['problems'] ?? []) as { document: string; path: string; message: string }[];
  const said = problems.map(({ document, path, message }) => `${document}  ${path}: ${message}`);
  expect(said.map((text, index) => (matches(one.refused[index] ?? '', text) ? one.refused[index] : text))).toEqual(one.refused);
}

import { describe, expect, it } from '@jest/globals';
import { evaluate, tellUnblock, unblock } from '@slipway/core';
import type { SlipwayError } from '@slipway/core';
import { createMemoryStore } from '@slipway/persistence';
import { registryOn } from '../../services/registry/test/fixture.js';
import { tables } from '../../services/registry/src/tables.js';
import { caseFileSchema, type DecidedCase, type Expectation, type RefusedCase, type WarnedCase } from './case-schema.js';
import { differences, matches } from './compare.js';
import { Picture } from './picture.js';
import { fileOf, judgedBy, policyDocuments, readCaseFiles, storyOf, worldDocuments } from './read-cases.js';

/** The issue asks for this many. */
const CASES_MIN = 150;

const files = readCaseFiles();
const all = files.flatMap(({ cases }) => cases);
const total = all.length;
const pure = all.filter((one): one is DecidedCase => 'only' in one && one.only === 'pure');
const JUDGED = { deployment: 'checkout', environment: 'production', tag: '1.2.1' };

describe('the conformance cases, against the pure evaluator', () => {
  for (const { topic, file, cases } of files) {
    describe(`${topic} (${file})`, () => {
      for (const one of cases) {
        it(one.case, async () => {
          if ('refused' in one) await expectRefused(one);
          else if ('warns' in one) await expectWarned(one);
          else expectDecided(one);
        });
      }
    });
  }

  it('are many, and no two of a topic are called the same', () => {
    const names = files.flatMap(({ topic, cases }) => cases.map((one) => `${topic}: ${one.case}`));
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(CASES_MIN);
  });

  it('would fail if anything were otherwise: the verdict, a sentence, a time, a target, a rule more', () => {
    const picture = new Picture(worldDocuments({}), []);
    picture.tell({ at: 0, publish: { deployment: 'checkout', tag: '1.2.1' } });
    const decision = evaluate(picture.input(JUDGED), 0);
    const answer = { decision, unblocks: [], targets: ['fra-1', 'par-1'] };
    expect(
      differences(answer, { verdict: 'allowed', targets: { 'par-1': 'allowed', 'fra-1': 'allowed' }, rules: [], onlyRules: true }),
    ).toEqual([]);
    for (const wrong of [
      { verdict: 'waiting' },
      { verdict: 'allowed', targets: { 'par-1': 'allowed' } },
      { verdict: 'allowed', because: ['approval: 0 of 1'] },
      { verdict: 'allowed', reevaluateAt: 1 },
      { verdict: 'allowed', rules: [{ rule: 'approval', verdict: 'allowed' }] },
      { verdict: 'allowed', obligations: { retry: { attempts: 2 } } },
    ] as Expectation[])
      expect(differences(answer, wrong)).toHaveLength(1);
  });

  it('with a misspelt key are refused', () => {
    const misspelt = { case: 'x', teaches: 'something that is long enough', at: 'Mon 08:00', expect: { verdict: 'allowed', rule: [] } };
    expect(caseFileSchema.safeParse({ topic: 't', about: 'a', cases: [misspelt] }).success).toBe(false);
  });

  it(`that are not brought about in running services (${pure.length} of ${total}) say why`, () => {
    for (const one of pure) expect(one.because ?? '').not.toBe('');
    // Few: the pure evaluator is not what runs.
    expect(pure.length).toBeLessThan(total / 10);
  });
});

function expectDecided(one: DecidedCase): void {
  const judged = judgedBy(one);
  const picture = new Picture(worldDocuments(one), policyDocuments(one));
  for (const happening of storyOf(one)) picture.tell(happening);
  for (const { at, history, expect: expected } of [{ at: one.at, history: [], expect: one.expect }, ...(one.then ?? [])]) {
    for (const happening of history ?? []) picture.tell(happening);
    const input = picture.input(judged);
    const decision = evaluate(input, at);
    const answer = {
      decision,
      unblocks: tellUnblock(unblock(input, decision), input),
      targets: input.targets.map(({ identifier }) => identifier),
    };
    const found = differences(answer, expected);
    expect({ at: new Date(at).toUTCString(), differences: found }).toEqual({ at: new Date(at).toUTCString(), differences: [] });
  }
}

async function saved(one: RefusedCase | WarnedCase): Promise<{ warnings: string[] }> {
  const registry = registryOn(createMemoryStore(tables));
  await registry.apply(fileOf(worldDocuments({})).text);
  return registry.apply(fileOf([...(one.documents ?? []), ...policyDocuments(one)]).text);
}

async function expectRefused(one: RefusedCase): Promise<void> {
  const refusal = await saved(one).then(
    () => undefined,
    (error: SlipwayError) => error,
  );
  expect(refusal?.code).toBe('registry.documents.invalid');
  const problems = (refusal?.details?.['problems'] ?? []) as { document: string; path: string; message: string }[];
  const said = problems.map(({ document, path, message }) => `${document}  ${path}: ${message}`);
  expect({ said, ok: one.refused.length === said.length && one.refused.every((text, index) => matches(text, said[index]!)) }).toEqual({
    said: one.refused.map((text, index) => (matches(text, said[index] ?? '') ? said[index] : text)),
    ok: true,
  });
}

async function expectWarned(one: WarnedCase): Promise<void> {
  const { warnings } = await saved(one);
  expect(warnings.map((warning, index) => (matches(one.warns[index] ?? '', warning) ? one.warns[index] : warning))).toEqual(one.warns);
}

import { describe, expect, it } from '@jest/globals';
import { checkExpressions, formatProblem, readDocuments } from '@slipway/contracts';
import { checkPolicy, type PolicyDoc } from '@slipway/core';

const policy = (rule: string): string => `kind: Policy\nname: production\nselector: "true"\nrules:\n  - gradualRollout: ${rule}\n`;

const problems = (text: string): string[] => {
  const { documents, problems: found } = readDocuments([{ file: 'mesh.yaml', text }]);
  return [...found, ...documents.flatMap((document) => checkExpressions(document).problems)].map(formatProblem);
};

const read = (rule: string): PolicyDoc => {
  const { documents, problems: found } = readDocuments([{ file: 'mesh.yaml', text: policy(rule) }]);
  expect(found.map(formatProblem)).toEqual([]);
  return documents[0]?.written.doc as PolicyDoc;
};

describe('a strategy within one target', () => {
  it('is direct when none is written, or when direct is', () => {
    expect(read('{ maxInFlight: 2 }').rules[0]).not.toHaveProperty('within');
    expect(read('{ direct: {} }').rules[0]).not.toHaveProperty('within');
  });

  it('is a canary of steps, which measures by default and ends with all of the traffic', () => {
    expect(read('{ canary: { steps: [{ weight: 25, hold: 3m }, { weight: 50, verify: false }] } }').rules[0]).toMatchObject({
      within: {
        type: 'canary',
        steps: [
          { weight: 25, holdMs: 180_000, verify: true },
          { weight: 50, holdMs: 0, verify: false },
          { weight: 100, holdMs: 0, verify: true },
        ],
      },
    });
  });

  it('is two slots, previewed and kept for ten minutes by default', () => {
    expect(read('{ blueGreen: {} }').rules[0]).toMatchObject({ within: { type: 'blueGreen', preview: true, keepOldMs: 600_000 } });
    expect(read('{ blueGreen: { preview: skip, keepOld: 1h } }').rules[0]).toMatchObject({
      within: { type: 'blueGreen', preview: false, keepOldMs: 3_600_000 },
    });
  });

  it('stands beside any strategy across targets', () => {
    expect(read('{ linear: { every: 1m }, blueGreen: { preview: verify } }').rules[0]).toMatchObject({
      across: { type: 'linear' },
      within: { type: 'blueGreen' },
    });
  });

  it.each([
    [
      '{ canary: { steps: [{ weight: 10 }] }, blueGreen: {} }',
      'mesh.yaml:5:71  Policy/production  rules[0].gradualRollout.blueGreen: stands beside canary; keep one of direct, canary, blueGreen',
    ],
    [
      '{ canary: { steps: [] } }',
      'mesh.yaml:5:40  Policy/production  rules[0].gradualRollout.canary.steps: is empty; write steps with rising weights, like [{ weight: 10, hold: 5m }, { weight: 50, hold: 10m }]',
    ],
    [
      '{ canary: { steps: [{ wieght: 10 }] } }',
      'mesh.yaml:5:43  Policy/production  rules[0].gradualRollout.canary.steps[0].wieght: is not a field here; did you mean weight?',
    ],
    [
      '{ blueGreen: { preview: look } }',
      'mesh.yaml:5:45  Policy/production  rules[0].gradualRollout.blueGreen.preview: "look" is not one of verify, skip',
    ],
    [
      '{ canary: { steps: [{ weight: 10, hold: "five minutes" }] } }',
      'mesh.yaml:5:61  Policy/production  rules[0].gradualRollout.canary.steps[0].hold: "five minutes" is not a duration; write 10m (units: s, m, h, d)',
    ],
  ])('is refused with the place and what would be right: %s', (rule, message) => {
    expect(problems(policy(rule))).toContain(message);
  });

  it('has weights that rise', () => {
    expect(checkPolicy(read('{ canary: { steps: [{ weight: 50 }, { weight: 20 }, { weight: 20 }] } }'))).toEqual([
      {
        path: 'rules[0].gradualRollout.canary.steps[1].weight',
        message: '20 does not rise above 50; weights rise from step to step: 10, 50, 100',
      },
    ]);
  });
});

describe('templates of an executor', () => {
  const deployment = (run: string): string =>
    `kind: Deployment\nname: checkout\nsystem: shop\nresources: "true"\npool: par\nexecutor: { type: command, run: ["./go", "${run}"] }\n`;

  it('may name what the job does: its action, weight and slot', () => {
    for (const name of ['job.action', 'job.weight', 'job.slot', 'job.id', 'job.attempt', 'job.rollback'])
      expect(problems(deployment(`{{ ${name} }}`))).toEqual([]);
  });

  it('may not name what a job has not', () => {
    expect(problems(deployment('{{ job.wieght }}'))[0]).toContain('job has no "wieght"; did you mean "job.weight"?');
    expect(problems(deployment('{{ job.colour }}'))[0]).toContain(
      'job has no "colour"; it has: id, action, attempt, rollback, weight, slot',
    );
  });
});

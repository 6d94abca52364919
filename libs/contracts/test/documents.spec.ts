import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { checkExpressions, documentJsonSchemas, formatProblem, readDocuments } from '@slipway/contracts';
import { z } from 'zod';

const read = (text: string, file = 'mesh.yaml') => readDocuments([{ file, text }]);

/** Every problem that is found without knowing other documents, as people see it. */
const problems = (text: string, file?: string): string[] => {
  const { documents, problems: found } = read(text, file);
  return [...found, ...documents.flatMap((document) => checkExpressions(document).problems)].map(formatProblem);
};

const only = (text: string) => {
  const result = read(text);
  expect(result.problems.map(formatProblem)).toEqual([]);
  return result.documents[0]?.written.doc;
};

const policy = (rules: string): string => `kind: Policy\nname: production\nselector: environment.name == "production"\nrules:\n${rules}`;

const deployment = (executor: string, rest = ''): string =>
  `kind: Deployment\nname: checkout\nsystem: shop\nresources: "true"\npool: par\nexecutor: ${executor}\n${rest}`;

describe('documents', () => {
  it('come out as core has them: durations in milliseconds, rules with their kind, defaults of SPEC', () => {
    const doc = only(
      policy(`  - approval: {}
  - environmentProgression: { dependsOn: environment.name == "staging", soak: 1h30m }
  - dependency: { on: deployment.name == "catalog", version: ">=2.0.0" }
  - dependency: { on: deployment.name == "catalog", version: version.metadata.channel == "stable" }
  - versionSelector: version.tag.startsWith("1.")
  - window: { rrule: "FREQ=DAILY", duration: 7h }
  - cooldown: { interval: 1d }
  - gradualRollout: { waves: [{ targets: 1, hold: 5m }, { name: half, targets: 50%, verify: false }, { targets: { selector: "true" } }], failureBudget: 5% }
  - verification: [{ metric: nap, provider: { type: sleep, duration: 1s } }]
  - retry: { attempts: 5, max: 1m }
  - rollback: {}
  - concurrency: { max: 2, per: { key: resource.metadata.site } }
  - timeouts: { pickup: 5m }
`),
    );
    expect(doc).toEqual({
      name: 'production',
      selector: 'environment.name == "production"',
      enabled: true,
      priority: 0,
      rules: [
        { kind: 'approval', required: 1, from: [], perGroup: false, allowAuthor: false },
        {
          kind: 'environmentProgression',
          dependsOn: 'environment.name == "staging"',
          mode: 'all',
          successPercent: 100,
          soakMs: 5_400_000,
          allowEmpty: false,
        },
        {
          kind: 'dependency',
          on: 'deployment.name == "catalog"',
          version: '>=2.0.0',
          versionIs: 'range',
          where: 'sameResource',
          mode: 'all',
        },
        {
          kind: 'dependency',
          on: 'deployment.name == "catalog"',
          version: 'version.metadata.channel == "stable"',
          versionIs: 'cel',
          where: 'sameResource',
          mode: 'all',
        },
        { kind: 'versionSelector', selector: 'version.tag.startsWith("1.")' },
        { kind: 'window', rrule: 'FREQ=DAILY', durationMs: 25_200_000, timezone: 'UTC', mode: 'allow', holidays: [] },
        { kind: 'cooldown', intervalMs: 86_400_000 },
        {
          kind: 'gradualRollout',
          across: {
            type: 'waves',
            waves: [
              { name: 'wave 1', targets: { count: 1 }, holdMs: 300_000, verify: true, approve: false },
              { name: 'half', targets: { percent: 50 }, holdMs: 0, verify: false, approve: false },
              { name: 'wave 3', targets: { selector: 'true' }, holdMs: 0, verify: true, approve: false },
            ],
          },
          order: [],
          failureBudget: { percent: 5 },
          bakeMs: 0,
        },
        {
          kind: 'verification',
          metrics: [
            {
              fields: {
                name: 'nap',
                provider: { type: 'sleep', duration: '1s' },
                intervalMs: 10_000,
                count: 1,
                initialDelayMs: 0,
                failureLimit: 0,
                inconclusiveLimit: 0,
                errorLimit: 4,
                onNoData: 'inconclusive',
                dryRun: false,
                successCondition: 'true',
              },
            },
          ],
        },
        {
          kind: 'retry',
          attempts: 5,
          on: ['failed', 'timedOut'],
          backoff: 'exponential',
          delayMs: 10_000,
          maxDelayMs: 60_000,
          jitter: 0.2,
        },
        { kind: 'rollback', on: ['jobFailure', 'verificationFailure'], scope: 'target' },
        { kind: 'concurrency', max: 2, per: { key: 'resource.metadata.site' } },
        { kind: 'timeouts', pickupMs: 300_000 },
      ],
    });
  });

  it.each([
    ['linear: { every: 30s }', { type: 'linear', everyMs: 30_000 }],
    ['linearNormalized: { within: 1h }', { type: 'linearNormalized', withinMs: 3_600_000 }],
    ['allAtOnce: {}', { type: 'allAtOnce' }],
    ['maxInFlight: 2', { type: 'allAtOnce' }],
  ])('write a strategy as its name: %s', (written, across) => {
    expect(only(policy(`  - gradualRollout: { ${written} }\n`))).toMatchObject({ rules: [{ across }] });
  });

  it('may hold many resources, in YAML or in JSON, and each becomes a document', () => {
    const items = [
      { identifier: 'a', type: 'host' },
      { identifier: 'b', type: 'host', config: { port: 1 } },
    ];
    const { documents } = read(JSON.stringify({ kind: 'Resources', items }));
    expect(documents.map((d) => [d.title, d.written.doc])).toEqual([
      ['Resource/a', { identifier: 'a', name: 'a', kind: 'host', version: '1', metadata: {}, config: {}, variables: {}, relations: {} }],
      [
        'Resource/b',
        { identifier: 'b', name: 'b', kind: 'host', version: '1', metadata: {}, config: { port: 1 }, variables: {}, relations: {} },
      ],
    ]);
  });
});

describe('mistakes in documents', () => {
  it('are all told at once, each with its place and what would be right', () => {
    expect(
      problems(
        policy(`  - environmentProgression: { dependsOn: environment.name == "staging", soak: 10 minutes }
  - aproval: { required: 1 }
  - approval: { required: 0, from: [releasers] }
  - gradualRollout:
      waves: [{ targets: none }, { targets: 150% }]
      linear: { evry: 3s }
  - {}
  - window: { rrule: FREQ=DAILY, duration: 5, mode: alow }
  - verification: [{ metric: health, provider: { type: http, url: "http://x/" } }, { interval: 3s }]
  - concurrency: { max: 2, per: envrionment }
`),
      ),
    ).toEqual([
      'mesh.yaml:5:79  Policy/production  rules[0].environmentProgression.soak: "10 minutes" is not a duration; write 10m (units: s, m, h, d)',
      'mesh.yaml:6:5  Policy/production  rules[1].aproval: is not a field here; did you mean approval?',
      'mesh.yaml:7:27  Policy/production  rules[2].approval.required: 0 is too small; write at least 1',
      'mesh.yaml:7:37  Policy/production  rules[2].approval.from[0]: "releasers" is neither a group nor a user; write group:releasers or user:ann',
      'mesh.yaml:10:17  Policy/production  rules[3].gradualRollout.linear.evry: is not a field here; did you mean every?',
      'mesh.yaml:9:26  Policy/production  rules[3].gradualRollout.waves[0].targets: "none" is not a percentage; write one from 0% to 100%',
      'mesh.yaml:9:45  Policy/production  rules[3].gradualRollout.waves[1].targets: "150%" is not a percentage; write one from 0% to 100%',
      'mesh.yaml:11:5  Policy/production  rules[4]: is empty; write one rule, like approval: { required: 1 }',
      'mesh.yaml:12:44  Policy/production  rules[5].window.duration: 5 is not a duration; write 5s (units: s, m, h, d)',
      'mesh.yaml:12:53  Policy/production  rules[5].window.mode: "alow" is not one of allow, deny; did you mean allow?',
      'mesh.yaml:13:20  Policy/production  rules[6].verification[0].successCondition: is missing, and so is failureCondition; write at least one of them, like result.status == 200',
      'mesh.yaml:13:84  Policy/production  rules[6].verification[1].metric: is missing; write the name of the metric, or template: and the name of a Metric document',
      'mesh.yaml:14:33  Policy/production  rules[7].concurrency.per: "envrionment" is none of environment, system, pool or { key: CEL over resource }',
    ]);
  });

  it.each([
    [
      'name: x\n',
      'm.yaml:1:1  kind: is missing; write one of System, Environment, Deployment, Resource, Resources, Policy, Metric, VariableSet',
    ],
    ['- a\n', 'm.yaml:1:1: is ["a"]; write an object that begins with kind:, like kind: System'],
    [
      'kind: System\nname: Shop\n',
      'm.yaml:2:7  System/Shop  name: "Shop" must be lower-case letters, digits and inner dashes, like par-host-1',
    ],
    [
      'kind: Metric\nname: m\nprovider: { type: "Http!" }\nsuccessCondition: "true"\n',
      'm.yaml:3:19  Metric/m  provider.type: "Http!" is not the name of a provider; write one like http or argoCdHealth',
    ],
    ['kind: System\nnam: shop\n', 'm.yaml:2:1  System  nam: is not a field here; did you mean name?'],
    ['kind: System\nname: a\nname: b\n', 'm.yaml:3:1: is not YAML: Map keys must be unique'],
    [
      'kind: Resource\nidentifier: a\ntype: host\nmetadata: { rack: 4 }\n',
      'm.yaml:4:19  Resource/a  metadata.rack: 4 is a number here; write "4"',
    ],
    ['kind: Resources\nitems: [{ identifier: b }]\n', 'm.yaml:2:9  Resource/b  items[0].type: is missing; write text'],
    ['kind: System\nname: a\n---\nkind: System\nname: a\n', 'm.yaml:4:1  System/a: is written twice, first at m.yaml:1; keep one of them'],
    [
      deployment('{ type: command, run: ./install.sh }'),
      'm.yaml:6:33  Deployment/checkout  executor.run: "./install.sh" is text; write a list',
    ],
    [
      deployment('{ type: command, run: [a], timout: 2m }'),
      'm.yaml:6:38  Deployment/checkout  executor.timout: is not a field here; did you mean timeout?',
    ],
    [
      deployment('{ type: command, run: [a], secrets: { KEY: hunter2 } }'),
      'm.yaml:6:54  Deployment/checkout  executor.secrets.KEY: what stands here is not a reference to a secret; write env:NAME, file:/path or command:program arguments',
    ],
    [
      deployment('{ type: command, run: ["{{ versio.tag }}"] }'),
      'm.yaml:6:34  Deployment/checkout  executor.run[0]: there is no "versio" here; did you mean "version"?',
    ],
    [
      deployment('{ type: command, run: [a] }', 'variables: { port: { type: integer, default: "80" } }\n'),
      'm.yaml:7:46  Deployment/checkout  variables.port.default: "80" is not an integer, which type: integer wants',
    ],
    [
      'kind: Environment\nname: dev\nsystem: shop\nresources: resource.knd == "host"\n',
      'm.yaml:4:12  Environment/dev  resources: resource has no "knd"; did you mean "resource.kind"?',
    ],
  ])('are placed and explained: %j', (text, message) => {
    expect(problems(text, 'm.yaml')).toEqual([message]);
  });

  it('in JSON are placed too', () => {
    expect(problems('{\n  "kind": "System",\n  "nme": "shop"\n}', 'm.json')).toEqual([
      'm.json:3:3  System  nme: is not a field here; did you mean name?',
    ]);
  });

  it('that are bombs are refused', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdef'.split('').map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcde'[i]}`).join(', ')}]`),
    ].join('\n');
    expect(problems(bomb, 'm.yaml')).toEqual([expect.stringMatching(/^m\.yaml:1:1: is not YAML: Excessive alias count/)]);
  });

  it('let a field pass whose template is known only when it is rendered', () => {
    expect(
      problems(deployment('{ type: command, run: [a], timeout: "{{ variables.timeout }}" }', 'variables: { timeout: { type: string } }\n')),
    ).toEqual([]);
  });
});

describe('JSON Schemas', () => {
  const schemas = documentJsonSchemas();

  it('in schemas/ are fresh (node scripts/write-schemas.mjs writes them)', () => {
    expect(
      readdirSync('schemas')
        .filter((file) => file.endsWith('.json'))
        .sort(),
    ).toEqual(Object.keys(schemas).sort());
    for (const [file, schema] of Object.entries(schemas)) expect(JSON.parse(readFileSync(`schemas/${file}`, 'utf8'))).toEqual(schema);
  });

  it('accept what apply accepts and refuse a misspelt field', () => {
    const schema = z.fromJSONSchema(schemas['policy.json']?.['else'] as never);
    const document = {
      kind: 'Policy',
      name: 'p',
      selector: 'true',
      rules: [{ cooldown: { interval: '1h' } }, { gradualRollout: { waves: [{ targets: '50%', hold: '5m' }] } }],
    };
    expect(schema.safeParse(document).success).toBe(true);
    expect(schema.safeParse({ ...document, rules: [{ cooldown: { intervl: '1h' } }] }).success).toBe(false);
  });
});

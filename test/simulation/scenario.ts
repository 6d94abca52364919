import type { Random } from './random.js';
import type { Behaviour } from './site.js';

/** What is deployed where, by which rules, and what people and CI do; all of it drawn from the seed. */
export interface Scenario {
  documents: string;
  deployments: string[];
  hosts: { staging: string[]; production: string[] };
  pools: string[];
  /** How many copies of each service run. */
  copies: number;
  /** In the order in which CI publishes. */
  releases: { at: number; deployment: string; tag: string; viaCi: boolean }[];
  behaviour: Behaviour;
  /** How long faults happen, in virtual milliseconds. */
  troubledMs: number;
}

const PRODUCTION_STRATEGIES = [
  'gradualRollout: { waves: [{ name: canary, targets: 1, hold: 3s, verify: true }, { name: half, targets: 50%, verify: true }, { name: all, targets: 100%, verify: true }] }',
  'gradualRollout: { waves: [{ name: first, targets: 2, verify: false }, { name: all, targets: 100% }], failureBudget: 1 }',
  'gradualRollout: { linear: { every: 5s } }',
  'gradualRollout: { linearNormalized: { within: 20s }, bake: 4s }',
  'gradualRollout: { maxInFlight: 2, failureBudget: 50% }',
  'gradualRollout: { allAtOnce: {} }',
  'gradualRollout: { waves: [{ name: odd, targets: { selector: \'resource.identifier in ["p1", "p3"]\' }, hold: 2s, verify: true }, { name: rest, targets: 100%, approve: true }], order: [resource.identifier] }',
  'gradualRollout: { waves: [{ name: first, targets: 25%, approve: true, verify: true }, { name: all, targets: 100% }], maxInFlight: 2, failureBudget: 25%, bake: 3s }',
  'gradualRollout: { linear: { every: 3s }, bake: 5s, failureBudget: 1, order: [resource.metadata.stage, resource.identifier] }',
  'gradualRollout: { maxInFlight: 3, canary: { steps: [{ weight: 10, hold: 3s }, { weight: 50, hold: 2s, verify: false }, { weight: 100 }] } }',
  'gradualRollout: { waves: [{ targets: 1, verify: true }, { targets: 100% }], canary: { steps: [{ weight: 20, hold: 20s }] } }',
  'gradualRollout: { maxInFlight: 2, blueGreen: { preview: verify, keepOld: 15s } }',
  'gradualRollout: { waves: [{ targets: 1, hold: 2s }, { targets: 100% }], failureBudget: 1, blueGreen: { preview: skip, keepOld: 60s } }',
];
const ROLLBACKS = [
  'rollback: { on: [jobFailure, verificationFailure], scope: rollout }',
  'rollback: { on: [jobFailure, verificationFailure], scope: target }',
  undefined,
];
const RETRIES = ['retry: { attempts: 3, on: [failed, timedOut], delay: 2s }', undefined];
const CONCURRENCY = ['concurrency: { max: 2, per: environment }', 'concurrency: { max: 2, per: pool }', undefined, undefined];

export const hostDocument = (name: string, stage: string): string => `kind: Resource
identifier: ${name}
type: host
metadata: { stage: ${stage} }
config: { address: "${name}" }
relations: { base: base }
`;

/** What all hosts relate to: a change of it concerns each of them. */
export const baseDocument = (level: string): string => `kind: Resource
identifier: base
type: base
config: { level: ${level} }
`;

/** Gives a value in one environment; absent when there is none to give. */
export const settingsDocument = (environment: string, setting: string | undefined): string =>
  setting === undefined
    ? 'kind: VariableSet\nname: settings\nstate: absent\n'
    : `kind: VariableSet\nname: settings\nselector: environment.name == "${environment}"\nvariables: { setting: ${setting} }\n`;

const environment = (name: string): string => `kind: Environment
name: ${name}
system: shop
resources: resource.metadata.stage == "${name}"
`;

const deployment = (name: string): string => `kind: Deployment
name: ${name}
system: shop
resources: resource.kind == "host"
pool: "{{ resource.metadata.stage }}"
executor:
  type: sim
  host: "{{ resource.identifier }}"
  setting: "{{ variables.setting }}"
variables:
  setting: { type: string, default: plain }
  level: { type: string, default: "{{ relations.base.config.level }}" }
verification:
  - metric: health
    provider:
      type: sim
      deployment: "{{ deployment.name }}"
      resource: "{{ resource.identifier }}"
      weight: "{{ job.weight }}"
      slot: "{{ has(job.slot) ? job.slot : '' }}"
    interval: 1s
    count: 2
    successCondition: result.status == 200 && result.version == version.tag
`;

const policy = (name: string, rules: (string | undefined)[]): string => {
  const given = rules.filter((r) => r !== undefined);
  return given.length === 0
    ? ''
    : `kind: Policy\nname: ${name}\nselector: environment.name == "${name}"\nrules:\n${given.map((r) => `  - ${r}\n`).join('')}`;
};

export function drawScenario(random: Random): Scenario {
  const hosts = { staging: ['s1', 's2'], production: Array.from({ length: random.between(2, 5) }, (_, i) => `p${i + 1}`) };
  const deployments = random.chance(0.5) ? ['checkout'] : ['checkout', 'catalog'];
  const production = [
    'environmentProgression: { dependsOn: environment.name == "staging", soak: 2s }',
    'approval: { required: 1, from: [group:releasers] }',
    random.pick(PRODUCTION_STRATEGIES),
    random.pick(ROLLBACKS),
    random.pick(RETRIES),
    random.pick(CONCURRENCY),
  ];
  const staging = [random.pick([undefined, 'gradualRollout: { maxInFlight: 1 }']), random.pick(ROLLBACKS), random.pick(RETRIES)];
  const documents = [
    'kind: System\nname: shop\n',
    baseDocument('low'),
    environment('staging'),
    environment('production'),
    ...deployments.map(deployment),
    policy('staging', staging),
    policy('production', production),
    ...hosts.staging.map((h) => hostDocument(h, 'staging')),
    ...hosts.production.map((h) => hostDocument(h, 'production')),
  ];
  const releases: Scenario['releases'] = [];
  for (const name of deployments) {
    const count = random.between(2, 4);
    for (let i = 1; i <= count; i++)
      releases.push({ at: (i - 1) * 40_000 + random.between(0, 30_000), deployment: name, tag: `1.${i}.0`, viaCi: random.chance(0.5) });
  }
  releases.sort((a, b) => a.at - b.at);
  return {
    documents: documents.filter((d) => d !== '').join('---\n'),
    deployments,
    hosts,
    pools: ['staging', 'production'],
    copies: random.chance(0.4) ? 2 : 1,
    releases,
    behaviour: drawBehaviour(random),
    troubledMs: 180_000,
  };
}

/** Some versions are bad everywhere, or only in production, or fail to install now and then. */
function drawBehaviour(random: Random): Behaviour {
  const unhealthy = new Set(['1.2.0', '1.3.0'].filter(() => random.chance(0.3)));
  const breaking = new Set(['1.2.0', '1.3.0', '1.4.0'].filter(() => random.chance(0.2)));
  const flaky = random.chance(0.3) ? 0.2 : 0;
  const asking = random.chance(0.35) ? random.pick([0.2, 0.6]) : 0;
  return {
    breaksInstall: (version, resource) => (breaking.has(version) && resource.startsWith('p')) || random.chance(flaky),
    unhealthy: (version, resource) => unhealthy.has(version) && resource.startsWith('p'),
    observable: random.chance(0.85),
    durationMs: () => random.between(200, 4_000),
    awayMs: () => (random.chance(0.08) ? random.between(200, 25_000) : 0),
    asks: () => random.chance(asking),
    isStale: () => random.chance(0.15),
    replansAfterMs: () => (random.chance(0.4) ? random.between(500, 20_000) : undefined),
  };
}

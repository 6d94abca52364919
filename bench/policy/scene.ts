import type { FreezeFact, GateRule, InventoryItem, PolicyDoc, ResourceDoc, Rule, Version } from '@slipway/core';

/** Monday 23 November 2026, 07:00 UTC: the bench's clock stands still here, so that figures do not depend on the hour. */
export const MONDAY = Date.UTC(2026, 10, 23, 7);
export const HOUR = 3_600_000;

export const POLICIES = 50;
export const CANDIDATES = 20;
/** Every so many targets of the judged environment there is one in staging. */
const STAGING_SHARE = 100;
const REGIONS = 8;
const SITES = 40;
const TIERS = ['edge', 'core', 'lab', 'office'];

export const running: Version = version('1.0.0', 1);
/** The versions that wait, oldest first. */
export const waiting: readonly Version[] = Array.from({ length: CANDIDATES }, (_, index) => version(`2.${index}.0`, index + 2));

export const identifierOf = (index: number): string => `host-${String(index).padStart(6, '0')}`;
export const stagingOf = (targets: number): string[] =>
  Array.from({ length: Math.max(2, Math.round(targets / STAGING_SHARE)) }, (_, index) => `stage-${index}`);

/** One environment with so many targets where two deployments run, a smaller one before it, and the policies of a large house. */
export function inventoryOf(targets: number): InventoryItem[] {
  const production = Array.from({ length: targets }, (_, index) => identifierOf(index));
  const staging = stagingOf(targets);
  return [
    { kind: 'system', name: 'shop', doc: { name: 'shop' } },
    environment('staging', 'silver'),
    environment('production', 'gold'),
    deployment('checkout'),
    deployment('catalog'),
    ...[...staging, ...production].map((identifier, index): InventoryItem => ({
      kind: 'resource',
      name: identifier,
      doc: host(identifier, index),
    })),
    ...['checkout', 'catalog'].flatMap((name) => [targetsOf(name, 'staging', staging), targetsOf(name, 'production', production)]),
    ...policies().map((doc): InventoryItem => ({ kind: 'policy', name: doc.name, doc })),
    ...[running, ...waiting].map((doc): InventoryItem => ({ kind: 'version', name: doc.tag, doc })),
  ];
}

/** One holds up a site, the other is of a place elsewhere. */
export const freezes: Omit<FreezeFact, 'id' | 'at'>[] = [
  { scope: 'resource.metadata.site == "site-3"', by: 'user:ada', reason: 'audit', expiresAt: MONDAY + 90 * HOUR, allowRollback: true },
  { scope: 'environment.name == "elsewhere"', by: 'user:ada', reason: 'move', expiresAt: MONDAY + 90 * HOUR, allowRollback: true },
];

/** Ten kinds of policies, five of each: most apply, some read the resource, some what runs there, one in ten concerns another place. */
function policies(): PolicyDoc[] {
  return Array.from({ length: POLICIES }, (_, index) => {
    const turn = Math.floor(index / 10);
    const [selector, ...rules] = KINDS[index % 10]!(turn);
    return { name: `policy-${String(index).padStart(2, '0')}`, selector, enabled: true, priority: index, rules };
  });
}

const KINDS: ((turn: number) => [string, ...Rule[]])[] = [
  (turn) => ['environment.name == "production"', approvalBy(`team-${turn}`)],
  (turn) => ['environment.metadata.tier == "gold" && deployment.name == "checkout"', progression(turn)],
  (turn) => [`resource.metadata.region == "region-${turn}"`, approvalBy(`region-${turn}`)],
  (turn) => ['environment.name == "production"', window(turn)],
  (turn) => [
    `resource.kind == "host" && resource.metadata.tier == "${TIERS[turn % TIERS.length]}"`,
    { kind: 'cooldown', intervalMs: (turn + 1) * HOUR },
  ],
  (turn) => [
    `resource.metadata.site in ["site-${turn}", "site-${turn + 10}"]`,
    { kind: 'condition', cel: 'resource.metadata.maintenance != "yes"', message: 'under maintenance' },
  ],
  () => ['environment.name == "elsewhere"', approvalBy('nobody')],
  (turn) => [
    'deployment.name.startsWith("check")',
    { kind: 'versionSelector', selector: `version.tag != "0.${turn}.0"` },
    { kind: 'condition', cel: `running == null || running.tag != "0.${turn}.0"`, message: 'upgrade in steps' },
  ],
  (turn) => [
    'environment.name == "production" && resource.metadata.region != "none"',
    {
      kind: 'dependency',
      on: 'deployment.name == "catalog"',
      version: `>=${turn % 3}.0.0`,
      versionIs: 'range',
      where: 'sameResource',
      mode: 'all',
    },
  ],
  (turn) => [
    'environment.name == "production"',
    { kind: 'concurrency', max: 100 + turn, per: 'environment' },
    { kind: 'timeouts', runMs: (turn + 1) * HOUR },
  ],
];

function approvalBy(group: string): GateRule {
  return { kind: 'approval', required: 1, from: [`group:${group}`], perGroup: false, allowAuthor: false };
}

function progression(turn: number): GateRule {
  return {
    kind: 'environmentProgression',
    dependsOn: 'environment.name == "staging"',
    mode: 'all',
    successPercent: 60 + turn * 10,
    soakMs: turn * HOUR,
    allowEmpty: false,
  };
}

function window(turn: number): GateRule {
  return {
    kind: 'window',
    rrule: `FREQ=WEEKLY;BYDAY=MO,TU,WE,TH;BYHOUR=${6 + turn}`,
    durationMs: 8 * HOUR,
    timezone: 'Europe/Berlin',
    mode: 'allow',
    holidays: [],
  };
}

function environment(name: string, tier: string): InventoryItem {
  return { kind: 'environment', name, doc: { name, system: 'shop', resources: 'true', metadata: { tier } } };
}

function deployment(name: string): InventoryItem {
  const doc = {
    name,
    system: 'shop',
    resources: 'true',
    pool: 'p',
    executor: { type: 'noop' },
    variables: {},
    verification: [],
    metadata: {},
  };
  return { kind: 'deployment', name, doc };
}

function host(identifier: string, index: number): ResourceDoc {
  const metadata = {
    region: `region-${index % REGIONS}`,
    site: `site-${index % SITES}`,
    tier: TIERS[Math.floor(index / REGIONS) % TIERS.length]!,
    maintenance: index % 1_000 === 7 ? 'yes' : 'no',
  };
  return { identifier, name: identifier, kind: 'host', version: 'v1', metadata, config: {}, variables: {} };
}

function targetsOf(name: string, where: string, added: string[]): InventoryItem {
  return { kind: 'targets', name: `${name}/${where}`, doc: { deployment: name, environment: where, added, removed: [] } };
}

function version(tag: string, sequence: number): Version {
  const more = { config: {}, metadata: {}, dependsOn: [], createdAt: MONDAY - HOUR };
  return { id: `checkout-${tag}`, deployment: 'checkout', tag, name: tag, status: 'ready', sequence, author: 'user:carol', ...more };
}

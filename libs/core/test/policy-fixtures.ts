import type {
  ApprovalFact,
  DecisionInput,
  DeploymentDoc,
  EnvironmentDoc,
  PolicyDoc,
  ResourceDoc,
  Rule,
  RuleResult,
  TargetFact,
  Version,
  Decision,
} from '@slipway/core';
import { targetKey } from '@slipway/core';

/** Monday 23 November 2026, 07:00 UTC: 08:00 in Berlin. */
export const MONDAY = Date.UTC(2026, 10, 23, 7);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export function resource(identifier: string, more: Partial<ResourceDoc> = {}): ResourceDoc {
  return { identifier, name: identifier, kind: 'host', version: 'v1', metadata: {}, config: {}, variables: {}, ...more };
}

export function environment(name: string, more: Partial<EnvironmentDoc> = {}): EnvironmentDoc {
  return { name, system: 'shop', resources: 'true', metadata: {}, ...more };
}

export function deployment(name: string, more: Partial<DeploymentDoc> = {}): DeploymentDoc {
  return {
    name,
    system: 'shop',
    resources: 'true',
    pool: 'p',
    executor: { type: 'command' },
    variables: {},
    verification: [],
    metadata: {},
    ...more,
  };
}

export function version(tag: string, more: Partial<Version> = {}): Version {
  return {
    id: `id-${tag}`,
    deployment: 'checkout',
    tag,
    name: tag,
    status: 'ready',
    sequence: 1,
    config: {},
    metadata: {},
    author: 'user:carol',
    dependsOn: [],
    createdAt: MONDAY - HOUR,
    ...more,
  };
}

export function policy(name: string, rules: Rule[], more: Partial<PolicyDoc> = {}): PolicyDoc {
  return { name, selector: 'environment.name == "production"', enabled: true, priority: 0, rules, ...more };
}

export function approvedBy(by: string, more: Partial<ApprovalFact> = {}): ApprovalFact {
  return { version: 'id-1.2.1', environment: 'production', by, groups: ['releasers'], verdict: 'approved', at: MONDAY - MINUTE, ...more };
}

export function fact(environmentName: string, resourceName: string, more: Partial<TargetFact> = {}): TargetFact {
  return {
    deployment: 'checkout',
    environment: environmentName,
    resource: resourceName,
    sequence: 1,
    outcomes: {},
    quarantined: [],
    ...more,
  };
}

export function succeeded(environmentName: string, resourceName: string, at: number, verified = true): TargetFact {
  return fact(environmentName, resourceName, { outcomes: { 'id-1.2.1': { state: 'succeeded', verified, at } } });
}

export function facts(...list: TargetFact[]): Map<string, TargetFact> {
  return new Map(list.map((one) => [targetKey(one.deployment, one.environment, one.resource), one]));
}

/** checkout 1.2.1 entering production, two hosts there and two in staging. */
export function input(more: Partial<DecisionInput> = {}): DecisionInput {
  return {
    system: { name: 'shop' },
    deployment: deployment('checkout'),
    environment: environment('production'),
    version: version('1.2.1'),
    targets: [resource('par-1'), resource('fra-1')],
    targetFacts: new Map(),
    environments: [{ environment: environment('staging'), resources: ['s-1', 's-2'] }],
    deployments: [{ deployment: deployment('catalog', { verification: [] }), resources: ['par-1', 'fra-1'] }],
    versions: new Map(),
    policies: [],
    approvals: [],
    overrides: [],
    freezes: [],
    pins: [],
    ...more,
  };
}

/** All results of a decision. */
export function resultsOf(decision: Decision): RuleResult[] {
  return decision.groups.flatMap((group) => [...group.standing, ...group.policies.flatMap((one) => one.rules)]);
}

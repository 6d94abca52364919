import type { Obligations } from '../model/decision.js';
import type { DeploymentDoc } from '../model/inventory.js';
import type { MetricSpec } from '../model/metric.js';
import type { ObligationRule, PolicyDoc, Rule, TimeoutsSpec } from '../model/policy.js';
import { DEFAULT_GRADUAL_ROLLOUT, DEFAULT_RETRY, DEFAULT_TIMEOUTS } from './defaults.js';

/** Names in `spokenBy` of those who are no policy. */
const BY_DEPLOYMENT = 'deployment';
const BY_DEFAULT = 'default';

/** Higher priority first, at equal priority first by name: the order in which policies speak. */
export function inOrderOfSpeaking(policies: readonly PolicyDoc[]): PolicyDoc[] {
  return [...policies].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
}

/**
 * How the version must go, from the policies that apply: verifications, concurrency limits and time-outs all hold (the shorter time-out);
 * of `gradualRollout`, `retry` and `rollback` the policy that speaks first counts, then the deployment's own, then the default.
 */
export function mergeObligations(deployment: DeploymentDoc, policies: readonly PolicyDoc[]): Obligations {
  const ordered = inOrderOfSpeaking(policies);
  const gradual = firstOf(ordered, 'gradualRollout');
  const retry = firstOf(ordered, 'retry');
  const rollback = firstOf(ordered, 'rollback');
  const timeouts = mergeTimeouts(deployment, ordered);
  const verification = mergeVerification(deployment, ordered);
  return {
    gradualRollout: gradual?.rule ?? DEFAULT_GRADUAL_ROLLOUT,
    verification: verification.metrics,
    retry: retry ? withoutKind(retry.rule) : (deployment.retry ?? DEFAULT_RETRY),
    ...(rollback ? { rollback: rollback.rule } : {}),
    concurrency: rulesOf(ordered, 'concurrency').map(({ policy, rule }) => ({ ...rule, policy })),
    timeouts: timeouts.limits,
    spokenBy: {
      gradualRollout: gradual?.policy ?? BY_DEFAULT,
      retry: retry?.policy ?? (deployment.retry ? BY_DEPLOYMENT : BY_DEFAULT),
      rollback: rollback?.policy ?? BY_DEFAULT,
      verification: verification.by,
      timeouts: timeouts.by,
    },
  };
}

type RuleOf<K extends ObligationRule['kind']> = Extract<ObligationRule, { kind: K }>;

function rulesOf<K extends ObligationRule['kind']>(policies: readonly PolicyDoc[], kind: K): { policy: string; rule: RuleOf<K> }[] {
  const isKind = (rule: Rule): rule is RuleOf<K> => rule.kind === kind;
  return policies.flatMap((policy) => policy.rules.filter(isKind).map((rule) => ({ policy: policy.name, rule })));
}

function firstOf<K extends ObligationRule['kind']>(
  policies: readonly PolicyDoc[],
  kind: K,
): { policy: string; rule: RuleOf<K> } | undefined {
  return rulesOf(policies, kind)[0];
}

function withoutKind<T extends { kind: string }>(rule: T): Omit<T, 'kind'> {
  const { kind: _, ...spec } = rule;
  return spec;
}

/** The shortest that anyone asks for; defaults only where nobody asks. */
function mergeTimeouts(deployment: DeploymentDoc, policies: readonly PolicyDoc[]): { limits: Required<TimeoutsSpec>; by: string } {
  const asked: { by: string; spec: TimeoutsSpec }[] = rulesOf(policies, 'timeouts').map(({ policy, rule }) => ({ by: policy, spec: rule }));
  if (deployment.timeouts) asked.unshift({ by: BY_DEPLOYMENT, spec: deployment.timeouts });
  const shortest = (key: keyof TimeoutsSpec) => {
    const values = asked.flatMap(({ spec }) => (spec[key] === undefined ? [] : [spec[key]]));
    return values.length === 0 ? DEFAULT_TIMEOUTS[key] : Math.min(...values);
  };
  const limits = { pickupMs: shortest('pickupMs'), runMs: shortest('runMs'), silenceMs: shortest('silenceMs') };
  return { limits, by: asked.map(({ by }) => by).join(', ') || BY_DEFAULT };
}

/** The deployment's own metrics first; equal ones once, others of a name that is taken under `<policy>-<name>`. */
function mergeVerification(deployment: DeploymentDoc, policies: readonly PolicyDoc[]): { metrics: MetricSpec[]; by: string } {
  const metrics = [...deployment.verification];
  const speakers = deployment.verification.length > 0 ? [BY_DEPLOYMENT] : [];
  for (const { policy, rule } of rulesOf(policies, 'verification')) {
    speakers.push(policy);
    for (const metric of rule.metrics) {
      const taken = metrics.find((known) => known.name === metric.name);
      if (!taken) metrics.push(metric);
      else if (JSON.stringify(taken) !== JSON.stringify(metric))
        metrics.push({ ...metric, name: freeName(metrics, `${policy}-${metric.name}`) });
    }
  }
  return { metrics, by: [...new Set(speakers)].join(', ') || BY_DEFAULT };
}

function freeName(metrics: readonly MetricSpec[], wanted: string): string {
  let name = wanted;
  for (let count = 2; metrics.some((metric) => metric.name === name); count++) name = `${wanted}-${count}`;
  return name;
}

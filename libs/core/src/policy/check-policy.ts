import semver from 'semver';
import { checkExpression } from '../cel/check.js';
import { checkTemplate } from '../cel/template.js';
import { CONDITION_NAMES, METRIC_CONDITION_NAMES, RESOURCE_NAMES, SELECTOR_NAMES, TEMPLATE_NAMES } from '../cel/names.js';
import type { MetricSpec } from '../model/metric.js';
import type {
  ApprovalRule,
  CanaryStep,
  DependencyRule,
  GradualRolloutRule,
  PolicyDoc,
  Rule,
  WaveSpec,
  WindowRule,
} from '../model/policy.js';
import type { Issue } from '../text/issue.js';
import { isTimezone } from '../text/instant.js';
import { parseRecurrence, SPAN_MS } from './recurrence.js';

/** Obligations of which a policy may hold one: with two, the second would never speak. */
const ONCE: ReadonlySet<string> = new Set(['gradualRollout', 'retry', 'rollback']);

/** Spans of a recurrence that are tried when it is saved, and how many hold each leap day at least once. */
const CHECKED_FROM = 700;
const CHECKED_SPANS = 14;
const EVER_SPANS = 120;

/** What is wrong with a policy, as far as that can be known when it is saved; empty when nothing is. Paths as in `rules[0].soak`. */
export function checkPolicy(doc: PolicyDoc): Issue[] {
  const issues = cel(doc.selector, SELECTOR_NAMES, 'selector');
  const seen = new Set<string>();
  doc.rules.forEach((rule, index) => {
    const path = `rules[${index}].${rule.kind}`;
    if (ONCE.has(rule.kind) && seen.has(rule.kind))
      issues.push({ path, message: `a policy has at most one ${rule.kind}; this one would never speak` });
    seen.add(rule.kind);
    issues.push(...checkRule(rule, path));
  });
  return issues;
}

/** What is wrong with an expression that must be true or false, as issues at `path`. */
function cel(source: string, names: readonly string[], path: string): Issue[] {
  return checkExpression(source, names, 'boolean').map(({ message, nearest }) => ({
    path,
    message,
    ...(nearest === undefined ? {} : { nearest }),
  }));
}

/** What is compared or grouped by: any value of the resource. */
function anyValue(source: string, path: string): Issue[] {
  return checkExpression(source, RESOURCE_NAMES).map(({ message, nearest }) => ({
    path,
    message,
    ...(nearest === undefined ? {} : { nearest }),
  }));
}

function checkRule(rule: Rule, path: string): Issue[] {
  switch (rule.kind) {
    case 'approval':
      return checkApproval(rule, path);
    case 'environmentProgression':
      return [
        ...cel(rule.dependsOn, ['environment'], `${path}.dependsOn`),
        ...between(rule.successPercent, 0, 100, `${path}.successPercent`),
      ];
    case 'dependency':
      return checkDependency(rule, path);
    case 'versionSelector':
      return cel(rule.selector, SELECTOR_NAMES, path);
    case 'window':
      return checkWindow(rule, path);
    case 'condition':
      return cel(rule.cel, CONDITION_NAMES, `${path}.cel`);
    case 'gradualRollout':
      return checkGradualRollout(rule, path);
    case 'verification':
      return rule.metrics.flatMap((metric, index) => checkMetric(metric, `${path}.metrics[${index}]`));
    case 'retry':
      return [...between(rule.attempts, 1, 100, `${path}.attempts`), ...between(rule.jitter, 0, 1, `${path}.backoff.jitter`)];
    case 'concurrency':
      return [
        ...between(rule.max, 1, Infinity, `${path}.max`),
        ...(typeof rule.per === 'object' ? anyValue(rule.per.key, `${path}.per.key`) : []),
      ];
    case 'cooldown':
    case 'rollback':
    case 'timeouts':
      return [];
  }
}

function between(value: number, min: number, max: number, path: string): Issue[] {
  if (value >= min && value <= max) return [];
  return [{ path, message: `${value} is not right; write a number ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}` }];
}

function checkApproval({ from, required, perGroup }: ApprovalRule, path: string): Issue[] {
  const wrong = from.map((who, index) => ({ who, index })).filter(({ who }) => !/^(?:group|user):.+/.test(who));
  return [
    ...between(required, 0, 100, `${path}.required`),
    ...(perGroup && from.length === 0
      ? [
          {
            path: `${path}.perGroup`,
            message: 'counts for each entry of from, and there is none; write from: [group:releasers, group:security]',
          },
        ]
      : []),
    ...wrong.map(({ who, index }) => ({
      path: `${path}.from[${index}]`,
      message: `"${who}" is neither a group nor a user; write group:${who} or user:${who}`,
      nearest: `group:${who}`,
    })),
  ];
}

function checkDependency(rule: DependencyRule, path: string): Issue[] {
  const issues = cel(rule.on, ['deployment'], `${path}.on`);
  if (rule.versionIs === 'cel') return [...issues, ...cel(rule.version, ['version'], `${path}.version`)];
  if (semver.validRange(rule.version) !== null) return issues;
  return [...issues, { path: `${path}.version`, message: `"${rule.version}" is not a semver range; write one like >=1.4.0 <2 or ^1.4.0` }];
}

function checkWindow(rule: WindowRule, path: string): Issue[] {
  const issues = between(rule.durationMs, 1, SPAN_MS, `${path}.duration`);
  const dates = rule.holidays.filter((date) => !/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(`${date}T00:00:00Z`)));
  issues.push(...dates.map((date) => ({ path: `${path}.holidays`, message: `"${date}" is not a date; write 2026-12-24` })));
  if (rule.mode === 'deny' && rule.holidays.length > 0)
    issues.push({ path: `${path}.holidays`, message: 'holidays close an allow window; a deny window has none' });
  if (!isTimezone(rule.timezone))
    return [...issues, { path: `${path}.timezone`, message: `"${rule.timezone}" is not a time zone; write one like Europe/Berlin or UTC` }];
  try {
    // A few spans are expanded, so that what the library refuses at run time is refused now.
    const recurrence = parseRecurrence(rule.rrule, rule.timezone);
    let starts = 0;
    for (let index = CHECKED_FROM; index < CHECKED_FROM + CHECKED_SPANS; index++) starts += recurrence.startsIn(index).length;
    // One with a beginning or an end of its own may lie elsewhere.
    const ends = /DTSTART|UNTIL/i.test(rule.rrule);
    for (let index = CHECKED_FROM; !ends && starts === 0 && index < CHECKED_FROM + EVER_SPANS; index++)
      starts += recurrence.startsIn(index).length;
    if (!ends && starts === 0)
      issues.push({ path: `${path}.rrule`, message: `"${rule.rrule}" never comes, such as a 30th of February; write a rule that does` });
  } catch (error) {
    issues.push({
      path: `${path}.rrule`,
      message: `"${rule.rrule}" is not a recurrence rule: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
  return issues;
}

function checkGradualRollout(rule: GradualRolloutRule, path: string): Issue[] {
  const issues = rule.order.flatMap((source, index) => anyValue(source, `${path}.order[${index}]`));
  if (rule.maxInFlight !== undefined) issues.push(...between(rule.maxInFlight, 1, Infinity, `${path}.maxInFlight`));
  if ('percent' in rule.failureBudget) issues.push(...between(rule.failureBudget.percent, 0, 100, `${path}.failureBudget`));
  if (rule.within?.type === 'canary') issues.push(...checkSteps(rule.within.steps, `${path}.canary.steps`));
  if (rule.across.type !== 'waves') return issues;
  const { waves } = rule.across;
  waves.forEach(({ targets }, index) => {
    const at = `${path}.waves[${index}].targets`;
    if ('count' in targets) issues.push(...between(targets.count, 1, Infinity, at));
    else if ('percent' in targets) issues.push(...between(targets.percent, 0, 100, at));
    else issues.push(...cel(targets.selector, RESOURCE_NAMES, at));
  });
  return [...issues, ...checkCover(rule.across.waves, `${path}.waves`)];
}

/** The traffic of a canary only grows, and in the end it has all of it. */
function checkSteps(steps: readonly CanaryStep[], path: string): Issue[] {
  const issues = steps.flatMap(({ weight }, index) => between(weight, 1, 100, `${path}[${index}].weight`));
  const falls = steps.findIndex(({ weight }, index) => index > 0 && weight <= steps[index - 1]!.weight);
  if (falls > 0)
    issues.push({
      path: `${path}[${falls}].weight`,
      message: `${steps[falls]!.weight} does not rise above ${steps[falls - 1]!.weight}; weights rise from step to step: 10, 50, 100`,
    });
  if (steps.at(-1)?.weight !== 100) issues.push({ path, message: 'the last step of a canary has weight 100' });
  return issues;
}

/** Sizes are totals: they rise, and the last wave reaches everyone (what a last selector leaves goes last of all). */
function checkCover(waves: readonly WaveSpec[], path: string): Issue[] {
  const percents = waves.flatMap(({ targets }) => ('percent' in targets ? [targets.percent] : []));
  const last = waves.at(-1)?.targets;
  const issues: Issue[] = [];
  if (percents.some((percent, index) => index > 0 && percent <= percents[index - 1]!)) {
    issues.push({ path, message: 'percentages are totals and must rise from wave to wave: 10%, 50%, 100%' });
  }
  if (!last || 'count' in last || ('percent' in last && last.percent < 100)) {
    issues.push({ path, message: 'the waves do not cover all targets; let the last one be { name: all, targets: 100% }' });
  }
  return issues;
}

/** What is wrong with the templates and conditions of a metric. */
export function checkMetric(metric: MetricSpec, path: string): Issue[] {
  const issues = checkTemplate(metric.provider, TEMPLATE_NAMES, `${path}.provider`);
  if (metric.successCondition === undefined && metric.failureCondition === undefined) {
    issues.push({ path, message: 'a metric needs a successCondition or a failureCondition' });
  }
  if (metric.successCondition !== undefined)
    issues.push(...cel(metric.successCondition, METRIC_CONDITION_NAMES, `${path}.successCondition`));
  if (metric.failureCondition !== undefined)
    issues.push(...cel(metric.failureCondition, METRIC_CONDITION_NAMES, `${path}.failureCondition`));
  return issues;
}

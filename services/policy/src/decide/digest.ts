import { createHash } from 'node:crypto';
import type { Decision, DecisionGroup, ShadowJudgement } from '@slipway/core';

/** Longer lists of names go into a digest by a hash of their own, which is made once for each list. */
const NAMES_INLINE_MAX = 50;

/* The evaluator gives the same groups, and the same lists of names, as long as nothing has changed: what was made of them is remembered with them. */
const digests = new WeakMap<readonly DecisionGroup[], string>();
const kinds = new WeakMap<readonly DecisionGroup[], readonly string[]>();
const names = new WeakMap<readonly string[], string>();

/** Of everything that makes a decision different from another, which is not when it was made. */
export function digestOf(decision: Decision): string {
  const { verdict, because, targets, groups, reevaluateAt } = decision;
  let known = digests.get(groups);
  if (known === undefined) {
    const told = groups.map(({ resources, ...group }) => ({ resources: namesOf(resources), ...group }));
    known = sha1(JSON.stringify([verdict, because, targets, told, reevaluateAt]));
    digests.set(groups, known);
  }
  return known;
}

function namesOf(resources: readonly string[]): readonly string[] | string {
  if (resources.length <= NAMES_INLINE_MAX) return resources;
  let known = names.get(resources);
  if (known === undefined) names.set(resources, (known = sha1(resources.join('\n'))));
  return known;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}

/** Kinds of rules that decisions rest on, and what shadow policies say beside them. */
export function kindsOf(decisions: readonly Decision[], shadows: readonly ShadowJudgement[]): string[] {
  const shadowed = shadows.flatMap((judgement) => judgement.groups.flatMap((group) => group.result.rules.map(({ rule }) => rule)));
  return [...new Set([...decisions.flatMap(({ groups }) => kindsIn(groups)), ...shadowed])].sort();
}

function kindsIn(groups: readonly DecisionGroup[]): readonly string[] {
  let known = kinds.get(groups);
  if (known === undefined) {
    const found = new Set<string>();
    for (const { standing, policies } of groups) {
      for (const { rule } of standing) found.add(rule);
      for (const { rules } of policies) for (const { rule } of rules) found.add(rule);
    }
    kinds.set(groups, (known = [...found]));
  }
  return known;
}

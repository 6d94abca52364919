import { gates } from './applicable.js';
import type { PolicyDoc } from '../model/policy.js';
import { parseSource, type Expr } from '../cel/syntax.js';
import { pathOf } from '../cel/reads.js';
import { SlipwayError } from '../errors.js';

const SPOKEN_ONCE = ['gradualRollout', 'retry', 'rollback'] as const;

/** Warnings about policies of equal priority that both oblige the same and may meet: the first by name would speak. */
export function checkTies(policies: readonly PolicyDoc[]): string[] {
  const enabled = policies.filter(gates).sort((a, b) => (a.name < b.name ? -1 : 1));
  const warnings: string[] = [];
  enabled.forEach((first, index) => {
    for (const second of enabled.slice(index + 1)) {
      if (first.priority !== second.priority || areDisjoint(first.selector, second.selector)) continue;
      for (const kind of SPOKEN_ONCE) {
        if (!first.rules.some((rule) => rule.kind === kind) || !second.rules.some((rule) => rule.kind === kind)) continue;
        warnings.push(
          `policies ${first.name} and ${second.name} both have ${kind} at priority ${first.priority}; ${first.name} speaks: give one a higher priority`,
        );
      }
    }
  });
  return warnings;
}

/** Whether two selectors can be seen to exclude each other: each pins the same path to another text. */
function areDisjoint(left: string, right: string): boolean {
  try {
    const pinned = pinnedPaths(parseSource(left).expr);
    return [...pinnedPaths(parseSource(right).expr)].some(([path, value]) => pinned.has(path) && pinned.get(path) !== value);
  } catch (error) {
    if (error instanceof SlipwayError) return false;
    throw error;
  }
}

/** `a.b == "x" && …` → a.b is "x". */
function pinnedPaths(expr: Expr): Map<string, string> {
  if (expr.exprKind.case !== 'callExpr') return new Map();
  const [left, right] = expr.exprKind.value.args;
  if (!left || !right) return new Map();
  if (expr.exprKind.value.function === '_&&_') return new Map([...pinnedPaths(left), ...pinnedPaths(right)]);
  if (expr.exprKind.value.function !== '_==_') return new Map();
  const path = pathOf(left);
  const constant = right.exprKind.case === 'constExpr' ? right.exprKind.value.constantKind : undefined;
  return path && constant?.case === 'stringValue' ? new Map([[[path.root, ...path.fields].join('.'), constant.value]]) : new Map();
}

import type { Json } from '../../model/json.js';
import { CelFailure } from '../failure.js';
import type { Expr } from '../syntax.js';
import type { Closure } from './closure.js';
import { hasKey, isEqual, isMap, leave } from './closure.js';
import { constantValue } from './constant.js';

/** A closure over two values that are there; a failure on either side is the answer. */
export function binaryClosure(left: Closure, right: Closure, apply: (left: Json, right: Json) => Json | CelFailure): Closure {
  return (activation) => {
    const first = left(activation);
    if (first instanceof CelFailure) return first;
    const second = right(activation);
    return second instanceof CelFailure ? second : apply(first, second);
  };
}

export function equalClosure(left: Closure, right: Closure): Closure {
  return binaryClosure(left, right, isEqual);
}

export function notEqualClosure(left: Closure, right: Closure): Closure {
  return binaryClosure(left, right, (first, second) => !isEqual(first, second));
}

type Order = (sign: number) => boolean;

/** `<`, `<=`, `>`, `>=` of two numbers or two strings. */
export function orderClosure(left: Closure, right: Closure, holds: Order): Closure {
  return binaryClosure(left, right, (first, second) => {
    const comparable =
      (typeof first === 'number' && typeof second === 'number') || (typeof first === 'string' && typeof second === 'string');
    if (!comparable) return leave();
    return holds(first < second ? -1 : first > second ? 1 : 0);
  });
}

/** `x in ["a", "b"]` with a literal list is a set look-up. */
function constantSet(expr: Expr): Set<Json> | undefined {
  if (expr.exprKind.case !== 'listExpr') return undefined;
  const { elements } = expr.exprKind.value;
  if (elements.length === 0 || elements.some((element) => element.exprKind.case !== 'constExpr')) return undefined;
  return new Set(elements.map(constantValue));
}

export function inClosure(needle: Closure, container: Closure, containerExpr: Expr): Closure {
  const set = constantSet(containerExpr);
  if (set) {
    return (activation) => {
      const value = needle(activation);
      return value instanceof CelFailure ? value : set.has(value);
    };
  }
  return binaryClosure(needle, container, (value, within) => {
    if (Array.isArray(within)) return within.some((element) => isEqual(value, element));
    return isMap(within) && typeof value === 'string' ? hasKey(within, value) : leave();
  });
}

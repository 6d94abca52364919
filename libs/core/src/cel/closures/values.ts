import type { Json } from '../../model/json.js';
import { CelFailure } from '../failure.js';
import type { Closure } from './closure.js';
import { hasKey, isInt, isMap, leave } from './closure.js';
import { binaryClosure } from './compare.js';

function safe(whole: number): number {
  return Number.isSafeInteger(whole) ? whole : leave();
}

/** `+` of strings and of ints; a fractional operand is a double, which the library adds. */
export function addClosure(left: Closure, right: Closure): Closure {
  return binaryClosure(left, right, (first, second) => {
    if (typeof first === 'string' && typeof second === 'string') return first + second;
    return isInt(first) && isInt(second) ? safe(first + second) : leave();
  });
}

export function subtractClosure(left: Closure, right: Closure): Closure {
  return binaryClosure(left, right, (first, second) => (isInt(first) && isInt(second) ? safe(first - second) : leave()));
}

export function multiplyClosure(left: Closure, right: Closure): Closure {
  return binaryClosure(left, right, (first, second) => (isInt(first) && isInt(second) ? safe(first * second) : leave()));
}

/** `startsWith`, `endsWith`, `contains`: both sides must be strings. */
export function textClosure(target: Closure, argument: Closure, holds: (text: string, part: string) => boolean): Closure {
  return binaryClosure(target, argument, (text, part) =>
    typeof text === 'string' && typeof part === 'string' ? holds(text, part) : leave(),
  );
}

/** `size(x)`: code points of a string, elements of a list, keys of a map. */
export function sizeClosure(operand: Closure): Closure {
  return unaryClosure(operand, (value) => {
    if (typeof value === 'string') return [...value].length;
    if (Array.isArray(value)) return value.length;
    return isMap(value) ? Object.keys(value).filter((key) => hasKey(value, key)).length : leave();
  });
}

/** `string(x)` of a string, boolean or int. */
export function stringClosure(operand: Closure): Closure {
  return unaryClosure(operand, (value) => {
    if (typeof value === 'string') return value;
    return typeof value === 'boolean' || isInt(value) ? String(value) : leave();
  });
}

function unaryClosure(operand: Closure, apply: (value: Json) => Json): Closure {
  return (activation) => {
    const value = operand(activation);
    return value instanceof CelFailure ? value : apply(value);
  };
}

/** A list literal. */
export function listClosure(elements: Closure[]): Closure {
  return (activation) => {
    const list: Json[] = [];
    for (const element of elements) {
      const value = element(activation);
      if (value instanceof CelFailure) return value;
      list.push(value);
    }
    return list;
  };
}

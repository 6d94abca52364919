import type { Json, JsonObject } from '../../model/json.js';
import { CelFailure, LEAVE_TO_LIBRARY } from '../failure.js';
import type { Expr } from '../syntax.js';

/** A compiled node: activation in, value or failure out. Throws `LEAVE_TO_LIBRARY` for what it does not cover. */
export type Closure = (activation: JsonObject) => Json | CelFailure;

/** Compiles a node; throws `LEAVE_TO_LIBRARY` for a node kind outside the common subset. */
export type Compile = (expr: Expr) => Closure;

export function leave(): never {
  throw LEAVE_TO_LIBRARY;
}

/** A map in CEL's sense: a JSON object. */
export function isMap(value: Json | CelFailure): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof CelFailure);
}

/** Own keys only, and an undefined value is no value: `toString` is not a field of anything. */
export function hasKey(map: JsonObject, key: string): boolean {
  return Object.hasOwn(map, key) && map[key] !== undefined;
}

/** Whole JSON numbers are CEL ints. */
export function isInt(value: Json | CelFailure): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

/** Equality of scalars; of two lists or maps the library judges. */
export function isEqual(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (left === null || right === null) return false;
  if (typeof left === 'object' && typeof right === 'object') leave();
  return false;
}

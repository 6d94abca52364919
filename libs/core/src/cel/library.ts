import {
  type CelInput,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  isCelError,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
  mapType,
  plan,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import type { Json, JsonObject } from '../model/json.js';
import { CelFailure } from './failure.js';
import type { Parsed } from './syntax.js';

/*
 * The way through `@bufbuild/cel` for what the closures leave: loops, regular expressions (RE2), doubles, times. Whole JSON numbers
 * enter as ints, since `replicas + 1` has no overload for doubles.
 */

const ANY_MAP = mapType(CelScalar.DYN, CelScalar.DYN);

/** The library says that a key whose value is null is not in a map; the specification says it is. */
const inMap = celFunc('@in', [CelScalar.STRING, ANY_MAP], CelScalar.BOOL, (key, map) => [...map.keys()].includes(key));

/** For values that are written into an address: without it a `/`, `?` or space in one makes another address of it. */
const urlEncode = celFunc('urlEncode', [CelScalar.STRING], CelScalar.STRING, (text) => encodeURIComponent(text.toWellFormed()));

const environment = celEnv({ funcs: [inMap, urlEncode, ...strings] });

/** Functions and methods that an expression may call. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set([...environment.funcs].map((func) => func.name));

/** An evaluator by the library; `roots` are the only names that are converted. */
export function libraryEvaluator(parsed: Parsed, roots: readonly string[]): (activation: JsonObject) => Json | CelFailure {
  const planned = plan(environment, parsed);
  return (activation) => {
    const bindings: Record<string, CelInput> = {};
    for (const root of roots) {
      const value = Object.hasOwn(activation, root) ? activation[root] : undefined;
      if (value === undefined) continue;
      bindings[root] = toCel(value);
    }
    const result = planned(bindings);
    return isCelError(result) ? new CelFailure(result.message) : fromCel(result);
  };
}

function toCel(value: Json): CelInput {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  const map = new Map<string, CelInput>();
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) map.set(key, toCel(entry));
  return map;
}

function wholeNumber(value: bigint): Json | CelFailure {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : new CelFailure(`${value} is too large for a JSON number`);
}

function fromCel(value: CelValue): Json | CelFailure {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return wholeNumber(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : new CelFailure(`the result is ${value}, which is no JSON number`);
  if (isCelUint(value)) return wholeNumber(value.value);
  if (isCelList(value)) return fromList(value);
  if (isCelMap(value)) return fromMap(value);
  if (isCelType(value)) return value.name;
  return new CelFailure('the result is neither text, number, boolean, list nor map; write string(…) around it');
}

function fromList(list: Iterable<CelValue>): Json | CelFailure {
  const elements: Json[] = [];
  for (const element of list) {
    const converted = fromCel(element);
    if (converted instanceof CelFailure) return converted;
    elements.push(converted);
  }
  return elements;
}

function fromMap(map: Iterable<[unknown, CelValue]>): Json | CelFailure {
  const entries: [string, Json][] = [];
  for (const [key, entry] of map) {
    const converted = fromCel(entry);
    if (converted instanceof CelFailure) return converted;
    entries.push([String(key), converted]);
  }
  return Object.fromEntries(entries);
}

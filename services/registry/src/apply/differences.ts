import { formatPath, type DocumentPath } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';

/** Most differences shown of one document. */
const DIFFERENCES_MAX = 50;
const SHOWN_LENGTH_MAX = 60;

const isObject = (value: Json | undefined): value is JsonObject | Json[] => typeof value === 'object' && value !== null;

const show = (value: Json | undefined): string => {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
};

const keysOf = (value: JsonObject | Json[]): (string | number)[] =>
  Array.isArray(value) ? [...value.keys()] : Object.keys(value).filter((key) => value[key] !== undefined);

const child = (value: JsonObject | Json[], key: string | number): Json | undefined =>
  Array.isArray(value) ? value[Number(key)] : value[String(key)];

function* walk(before: Json | undefined, after: Json | undefined, path: DocumentPath): Generator<string> {
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...keysOf(before), ...keysOf(after)])) yield* walk(child(before, key), child(after, key), [...path, key]);
  } else if (before !== after) yield `${formatPath(path)}: ${show(before)} → ${show(after)}`;
}

/** Where two values differ, `rules[0].required: 1 → 2`; empty when they are the same, whatever the order of their keys. */
export function differencesOf(before: Json | undefined, after: Json | undefined): string[] {
  const found: string[] = [];
  for (const difference of walk(before, after, [])) {
    if (found.push(difference) >= DIFFERENCES_MAX) break;
  }
  return found;
}

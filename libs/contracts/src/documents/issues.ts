import { nearestName, type Json } from '@slipway/core';
import type { z } from 'zod';
import { didYouMean } from './suggest.js';
import { valueAt, type DocumentPath } from './source.js';

/*
 * Turns what zod found into sentences: what stands there, what is wrong with it, what would be right.
 */

export interface Complaint {
  path: DocumentPath;
  /** The path names a key that should not be there. */
  about: 'value' | 'key';
  message: string;
}

/** Longest piece of a wrong value that is repeated in a message. */
const SHOWN_LENGTH_MAX = 80;

const EXPECTED: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** A wrong value as a message repeats it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}

function typeOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return EXPECTED[typeof value] ?? typeof value;
}

function wrongType(expected: string, input: unknown): string {
  const wanted = EXPECTED[expected] ?? expected;
  if (input === undefined) return `is missing; write ${wanted}`;
  if (expected === 'int') return `${show(input)} is not a whole number`;
  if (expected === 'string' && typeof input !== 'object') return `${show(input)} is ${typeOf(input)} here; write "${String(input)}"`;
  return typeof input === 'object' && input !== null
    ? `is ${typeOf(input)}; write ${wanted}`
    : `${show(input)} is ${typeOf(input)}; write ${wanted}`;
}

const measure = (origin: string, count: unknown): string =>
  origin === 'string' ? `${String(count)} characters` : origin === 'array' ? `${String(count)} entries` : String(count);

/** The sentence for an issue whose schema has none of its own. */
const describe: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input);
    case 'too_small':
      return `${show(issue.input)} is too small; write at least ${measure(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `${show(issue.input)} is too much; at most ${measure(issue.origin, issue.maximum)}`;
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      if (issue.input === undefined) return `is missing; write ${allowed.join(' or ')}`;
      return `${show(issue.input)} is not one of ${allowed.join(', ')}${didYouMean(String(issue.input), allowed)}`;
    }
    case 'invalid_union':
      return `${show(issue.input)} is none of the forms that may stand here`;
    default:
      return undefined;
  }
};

interface Definition {
  type: string;
  shape?: Record<string, z.core.$ZodType>;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  element?: z.core.$ZodType;
  valueType?: z.core.$ZodType;
  options?: z.core.$ZodType[];
}

/** Names of the fields that may stand in the object at a path of the schema. */
function fieldsAt(schema: z.core.$ZodType | undefined, path: DocumentPath): string[] {
  if (schema === undefined) return [];
  const definition = schema._zod.def as unknown as Definition;
  const inner = definition.innerType ?? definition.in;
  if (inner) return fieldsAt(inner, path);
  if (definition.options) return definition.options.flatMap((option) => fieldsAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return Object.keys(definition.shape ?? {});
  return fieldsAt(definition.shape?.[String(step)] ?? definition.element ?? definition.valueType, rest);
}

function unknownField(key: string, fields: readonly string[]): { message: string; meant: string | undefined } {
  const meant = nearestName(key, fields);
  const right = meant === undefined ? `there are ${fields.join(', ')}` : `did you mean ${meant}?`;
  return { meant, message: `is not a field here; ${right}` };
}

/** A message that begins with a verb gets the value it speaks of put before it. */
function withValue(message: string, value: Json | undefined): string {
  const scalar = value !== undefined && (typeof value !== 'object' || value === null);
  return /^(is (?!missing)|must )/.test(message) && scalar ? `${show(value)} ${message}` : message;
}

interface Finding extends Complaint {
  /** The field that a misspelt key most likely means. */
  meant?: string | undefined;
  /** Follows from a misspelt key beside it, if there is one. */
  consequence: boolean;
}

/** A misspelt field is told once, not again as the field that is missing or the object that is empty without it. */
function withoutConsequences(findings: Finding[]): Complaint[] {
  const at = (path: DocumentPath): string => JSON.stringify(path);
  const misspelt = findings.filter((finding) => finding.about === 'key');
  const objects = new Set(misspelt.map((finding) => at(finding.path.slice(0, -1))));
  const meant = new Set(misspelt.map((finding) => at([...finding.path.slice(0, -1), finding.meant ?? ''])));
  return findings.filter((f) => f.about === 'key' || !(meant.has(at(f.path)) || (f.consequence && objects.has(at(f.path)))));
}

/** Parse a value; what is wrong comes back as complaints, each at its own path. */
export function check<S extends z.ZodType>(schema: S, value: Json): { data: z.output<S> } | { complaints: Complaint[] } {
  const result = schema.safeParse(value, { error: describe });
  if (result.success) return { data: result.data };
  const findings = result.error.issues.flatMap((issue): Finding[] => {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    const consequence = issue.code === 'custom';
    if (issue.code === 'unrecognized_keys') {
      const fields = fieldsAt(schema, path).filter((field) => field !== 'kind' && field !== 'state');
      return issue.keys.map((key) => ({ path: [...path, key], about: 'key', consequence: false, ...unknownField(key, fields) }));
    }
    if (issue.code === 'invalid_key')
      return [{ path, about: 'key', consequence, message: withValue(issue.issues[0]?.message ?? issue.message, String(path.at(-1))) }];
    return [{ path, about: 'value', consequence, message: withValue(issue.message, valueAt(value, path)) }];
  });
  return { complaints: withoutConsequences(findings) };
}

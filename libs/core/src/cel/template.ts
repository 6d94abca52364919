import { SlipwayError } from '../errors.js';
import type { Json, JsonObject } from '../model/json.js';
import type { Issue } from '../text/issue.js';
import { checkExpression } from './check.js';
import type { CompiledExpression } from './compile.js';
import { compileExpression } from './compile.js';
import { CelFailure } from './failure.js';
import { CACHED_SOURCES_MAX } from './limits.js';

/** A template string cut into its parts: text, and the CEL between `{{` and `}}`. */
export type TemplatePart = { text: string } | { source: string };

/** Cuts a template. Throws SlipwayError `core.template.unclosed` when a `{{` has no `}}`. */
export function splitTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (let open = template.indexOf('{{'); open >= 0; open = template.indexOf('{{', at)) {
    if (open > at) parts.push({ text: template.slice(at, open) });
    const close = findClose(template, open + 2);
    if (close < 0) {
      throw new SlipwayError({
        code: 'core.template.unclosed',
        kind: 'invalid',
        message: `"${template}": the {{ at ${open + 1} has no }}`,
      });
    }
    parts.push({ source: template.slice(open + 2, close).trim() });
    at = close + 2;
  }
  if (at < template.length) parts.push({ text: template.slice(at) });
  return parts;
}

/** Where the expression that begins at `from` ends: the first `}}` outside of strings and map literals; -1 when there is none. */
function findClose(template: string, from: number): number {
  let braces = 0;
  let quote = '';
  for (let at = from; at < template.length; at++) {
    const char = template[at]!;
    if (quote) {
      if (char === '\\') at += 1;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '{') braces += 1;
    else if (char === '}' && braces > 0) braces -= 1;
    else if (char === '}' && template[at + 1] === '}') return at;
  }
  return -1;
}

type Rendering = (activation: JsonObject) => Json;

/** Compiled template strings: a pure memo, bounded, the oldest goes first. */
const cache = new Map<string, Rendering>();

/**
 * Writes values into every string of `value`, deep. A string that is one `{{ CEL }}` takes the value with its type; otherwise values are
 * written into the text. Returns parts without templates as they are. Throws SlipwayError (kind invalid) `core.template.missingName`,
 * `core.template.failed`, `core.template.unclosed` or the errors of `compileExpression`.
 */
export function renderTemplate(value: Json, activation: JsonObject): Json {
  if (typeof value === 'string') return value.includes('{{') ? rendering(value)(activation) : value;
  if (Array.isArray(value)) return value.map((element) => renderTemplate(element, activation));
  if (typeof value !== 'object' || value === null) return value;
  const rendered: JsonObject = {};
  for (const key of Object.keys(value)) {
    const entry = value[key];
    if (entry !== undefined) rendered[key] = renderTemplate(entry, activation);
  }
  return rendered;
}

function rendering(template: string): Rendering {
  let known = cache.get(template);
  if (!known) {
    known = compileTemplate(template);
    const oldest = cache.size >= CACHED_SOURCES_MAX ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    cache.set(template, known);
  }
  return known;
}

function compileTemplate(template: string): Rendering {
  const parts = splitTemplate(template).map((part) => ('text' in part ? part.text : compileExpression(part.source)));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return (activation) => valueOf(only, template, activation);
  return (activation) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : asText(valueOf(part, template, activation), part, template);
    return text;
  };
}

function valueOf(expression: CompiledExpression, template: string, activation: JsonObject): Json {
  const value = expression.evaluate(activation);
  if (!(value instanceof CelFailure)) return value;
  const missing = value.missing ?? missingPath(expression, activation);
  throw new SlipwayError({
    code: missing === undefined ? 'core.template.failed' : 'core.template.missingName',
    kind: 'invalid',
    message:
      missing === undefined ? `"${template}" has no value: ${value.message}` : `"${template}" has no value: there is no "${missing}"`,
    details: { template, ...(missing === undefined ? {} : { name: missing }) },
  });
}

/** The library does not name what it missed in full; what the expression reads does. */
function missingPath(expression: CompiledExpression, activation: JsonObject): string | undefined {
  return expression.reads.find((path) => {
    let value: Json | undefined = activation;
    for (const field of path.split('.')) {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, field)) return true;
      value = value[field];
    }
    return value === undefined;
  });
}

function asText(value: Json, expression: CompiledExpression, template: string): string {
  if (typeof value === 'string') return value;
  if (value !== null) return JSON.stringify(value);
  throw new SlipwayError({
    code: 'core.template.failed',
    kind: 'invalid',
    message: `"${template}": ${expression.source} is null, which cannot be written into text`,
    details: { template },
  });
}

/** What is wrong with the templates in `value` when they see `knownNames`; paths are relative to `path`. */
export function checkTemplate(value: Json, knownNames: readonly string[], path = ''): Issue[] {
  if (typeof value === 'string') return value.includes('{{') ? checkText(value, knownNames, path) : [];
  if (Array.isArray(value)) return value.flatMap((element, index) => checkTemplate(element, knownNames, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) =>
    entry === undefined ? [] : checkTemplate(entry, knownNames, path ? `${path}.${key}` : key),
  );
}

function checkText(template: string, knownNames: readonly string[], path: string): Issue[] {
  let parts: TemplatePart[];
  try {
    parts = splitTemplate(template);
  } catch (error) {
    if (error instanceof SlipwayError) return [{ path, message: error.message }];
    throw error;
  }
  const sources = parts.filter((part) => 'source' in part);
  return sources.flatMap(({ source }) =>
    checkExpression(source, knownNames).map(({ message, nearest }) => ({ path, message, ...(nearest === undefined ? {} : { nearest }) })),
  );
}

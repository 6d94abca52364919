import { SlipwayError } from '../errors.js';
import type { Json, JsonObject } from '../model/json.js';
import { compileNode } from './closures/compile-node.js';
import type { Closure } from './closures/closure.js';
import { CelFailure, LEAVE_TO_LIBRARY } from './failure.js';
import { libraryEvaluator } from './library.js';
import { CACHED_SOURCES_MAX } from './limits.js';
import { readPaths } from './reads.js';
import type { Parsed } from './syntax.js';
import { parseSource } from './syntax.js';

/** A CEL expression, ready to be evaluated any number of times. */
export interface CompiledExpression {
  readonly source: string;
  /** Paths it reads: `resource.metadata.site`. */
  readonly reads: readonly string[];
  /** Root names it reads: `resource`. */
  readonly roots: readonly string[];
  /** The value, or why there is none. Never throws, never changes the activation. */
  evaluate(activation: JsonObject): Json | CelFailure;
}

/** Compiled or refused, by source. A pure memo: it changes how fast an answer comes, not which. */
const cache = new Map<string, CompiledExpression | SlipwayError>();

/** Source → compiled expression. Throws SlipwayError `core.cel.syntax` or `core.cel.tooLarge` (kind invalid) with line and column. */
export function compileExpression(source: string): CompiledExpression {
  let known = cache.get(source);
  if (known === undefined) {
    known = compileAnew(source);
    const oldest = cache.size >= CACHED_SOURCES_MAX ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    cache.set(source, known);
  }
  if (known instanceof SlipwayError) throw known;
  return known;
}

function compileAnew(source: string): CompiledExpression | SlipwayError {
  let parsed: Parsed;
  try {
    parsed = parseSource(source);
  } catch (error) {
    if (error instanceof SlipwayError) return error;
    throw error;
  }
  const paths = readPaths(parsed.expr);
  const roots = [...new Set(paths.map((path) => path.root))];
  const reads = [...new Set(paths.map((path) => [path.root, ...path.fields].join('.')))];
  return { source, reads, roots, evaluate: evaluator(parsed, roots) };
}

/** Closures first; what they leave goes to the library, planned when first needed. */
function evaluator(parsed: Parsed, roots: readonly string[]): Closure {
  let planned: Closure | undefined;
  const byLibrary: Closure = (activation) => {
    planned ??= libraryEvaluator(parsed, roots);
    return planned(activation);
  };
  let closure: Closure;
  try {
    closure = compileNode(parsed.expr);
  } catch (error) {
    if (error === LEAVE_TO_LIBRARY) return byLibrary;
    throw error;
  }
  return (activation) => {
    try {
      return closure(activation);
    } catch (error) {
      if (error === LEAVE_TO_LIBRARY) return byLibrary(activation);
      throw error;
    }
  };
}

/** Yes or no, or why neither: an expression that fails or is no boolean is never a yes. */
export function evaluateBoolean(compiled: CompiledExpression, activation: JsonObject): { value: boolean } | { error: string } {
  const result = compiled.evaluate(activation);
  if (result === true) return YES;
  if (result === false) return NO;
  if (result instanceof CelFailure) return { error: `${compiled.source}: ${result.message}` };
  return { error: `${compiled.source}: is not true or false but ${JSON.stringify(result)}` };
}

const YES = Object.freeze({ value: true });
const NO = Object.freeze({ value: false });

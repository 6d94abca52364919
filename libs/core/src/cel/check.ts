import { SlipwayError } from '../errors.js';
import { nearestName } from '../text/nearest.js';
import { FUNCTION_NAMES } from './library.js';
import { fieldsOf } from './names.js';
import type { ReadPath } from './reads.js';
import { readPaths } from './reads.js';
import type { Expr, Parsed } from './syntax.js';
import { childrenOf, parseSource } from './syntax.js';
import { calledType, typeOf } from './types.js';

/** One thing wrong with an expression, at a place in its source (both from 1). */
export interface ExpressionIssue {
  message: string;
  line: number;
  column: number;
  nearest?: string;
}

/**
 * What is wrong with an expression that sees `knownNames`, as far as that can be known without data; empty when nothing is. With `wanted`
 * its value must be true or false.
 */
export function checkExpression(source: string, knownNames: readonly string[], wanted?: 'boolean'): ExpressionIssue[] {
  let parsed: Parsed;
  try {
    parsed = parseSource(source);
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    const { line, column } = error.details ?? {};
    return [{ message: error.message, line: Number(line ?? 1), column: Number(column ?? 1) }];
  }
  const positionOf = positions(source, parsed);
  const issues: ExpressionIssue[] = [];
  for (const path of readPaths(parsed.expr)) {
    const found = checkPath(path, knownNames);
    if (found) issues.push({ ...found, ...positionOf(path.id) });
  }
  visitCalls(parsed.expr, (name, id) => {
    if (!/^[a-z]/i.test(name) || FUNCTION_NAMES.has(name)) return;
    issues.push({ ...unknown(`there is no function "${name}"`, name, FUNCTION_NAMES), ...positionOf(id) });
  });
  // A name that is not there has no type; what follows from it is not told as well.
  if (issues.length > 0) return issues;
  const type = typeOf(parsed.expr, (id, message) => issues.push({ message: `${source}: ${message}`, ...positionOf(id) }));
  if (wanted === 'boolean' && type !== 'boolean' && type !== 'any')
    issues.push({ message: `${source} is ${calledType(type)}; write what is true or false, like ${source} == …`, line: 1, column: 1 });
  return issues;
}

type Finding = { message: string; nearest?: string };

function unknown(what: string, name: string, right: Iterable<string>): Finding {
  const nearest = nearestName(name, right);
  return nearest === undefined ? { message: what } : { message: `${what}; did you mean "${nearest}"?`, nearest };
}

function checkPath(path: ReadPath, knownNames: readonly string[]): Finding | undefined {
  if (!knownNames.includes(path.root)) {
    const found = unknown(`there is no "${path.root}" here`, path.root, knownNames);
    return found.nearest ? found : { message: `${found.message}; there are: ${knownNames.join(', ')}` };
  }
  const [field] = path.fields;
  const fields = fieldsOf(path.root);
  if (field === undefined || !fields || fields.includes(field)) return undefined;
  const found = unknown(`${path.root} has no "${field}"`, field, fields);
  if (!found.nearest) return { message: `${found.message}; it has: ${fields.join(', ')}` };
  return {
    message: `${path.root} has no "${field}"; did you mean "${path.root}.${found.nearest}"?`,
    nearest: `${path.root}.${found.nearest}`,
  };
}

function visitCalls(expr: Expr, see: (name: string, id: bigint) => void): void {
  if (expr.exprKind.case === 'callExpr') see(expr.exprKind.value.function, expr.id);
  for (const child of childrenOf(expr)) visitCalls(child.expr, see);
}

function positions(source: string, parsed: Parsed): (id: bigint) => { line: number; column: number } {
  const offsets = parsed.sourceInfo?.positions ?? {};
  return (id) => {
    const before = source.slice(0, offsets[String(id)] ?? 0);
    const line = before.split('\n').length;
    return { line, column: before.length - before.lastIndexOf('\n') };
  };
}

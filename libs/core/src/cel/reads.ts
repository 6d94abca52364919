import type { Expr } from './syntax.js';
import { childrenOf } from './syntax.js';

/** A path that an expression reads: `resource.metadata.site` is root `resource` with fields `metadata`, `site`. */
export interface ReadPath {
  root: string;
  fields: string[];
  /** Node id of the outermost part, for its position in the source. */
  id: bigint;
}

/** Identifiers that name types, not data. */
const TYPE_NAMES = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'google']);

/** The longest static path that starts at a root name, or undefined when the node is something else. */
export function pathOf(expr: Expr): ReadPath | undefined {
  const kind = expr.exprKind;
  if (kind.case === 'identExpr') return { root: kind.value.name, fields: [], id: expr.id };
  if (kind.case === 'selectExpr' && kind.value.operand) {
    const parent = pathOf(kind.value.operand);
    return parent && { root: parent.root, fields: [...parent.fields, kind.value.field], id: expr.id };
  }
  if (kind.case === 'callExpr' && kind.value.function === '_[_]') {
    const [operand, index] = kind.value.args;
    const constant = index?.exprKind.case === 'constExpr' ? index.exprKind.value.constantKind : undefined;
    const parent = operand && pathOf(operand);
    if (parent && constant?.case === 'stringValue') return { root: parent.root, fields: [...parent.fields, constant.value], id: expr.id };
  }
  return undefined;
}

export function isTypeName(name: string): boolean {
  return TYPE_NAMES.has(name);
}

/** All paths an expression reads, names bound by `all`, `exists`, `map` … and names of types left out. */
export function readPaths(root: Expr): ReadPath[] {
  const paths: ReadPath[] = [];
  const visit = (expr: Expr, bound: ReadonlySet<string>): void => {
    const path = pathOf(expr);
    if (path) {
      if (!bound.has(path.root) && !isTypeName(path.root)) paths.push(path);
      return;
    }
    const kind = expr.exprKind;
    if (kind.case !== 'comprehensionExpr') {
      for (const child of childrenOf(expr)) visit(child.expr, bound);
      return;
    }
    const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, iterVar2, accuVar } = kind.value;
    const inner = new Set([...bound, iterVar, iterVar2, accuVar]);
    if (iterRange) visit(iterRange, bound);
    if (accuInit) visit(accuInit, bound);
    for (const child of [loopCondition, loopStep, result]) if (child) visit(child, inner);
  };
  visit(root, new Set());
  return paths;
}

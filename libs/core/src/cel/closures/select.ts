import { CelFailure } from '../failure.js';
import { isTypeName, pathOf } from '../reads.js';
import type { Expr } from '../syntax.js';
import type { Closure, Compile } from './closure.js';
import { hasKey, isMap, leave } from './closure.js';

/** A root name: `resource`. */
export function identClosure(expr: Expr): Closure {
  if (expr.exprKind.case !== 'identExpr') leave();
  const { name } = expr.exprKind.value;
  if (isTypeName(name)) leave();
  const missing = new CelFailure(`there is no "${name}"`, name);
  return (activation) => {
    const value = Object.hasOwn(activation, name) ? activation[name] : undefined;
    return value === undefined ? missing : value;
  };
}

/** `a.field`, and `has(a.field)`. */
export function selectClosure(expr: Expr, compile: Compile): Closure {
  if (expr.exprKind.case !== 'selectExpr' || !expr.exprKind.value.operand) leave();
  const { operand, field, testOnly } = expr.exprKind.value;
  const inner = compile(operand);
  const path = pathOf(expr);
  const name = path ? [path.root, ...path.fields].join('.') : field;
  const missing = new CelFailure(`there is no "${name}"`, name);
  if (testOnly) {
    return (activation) => {
      const value = inner(activation);
      if (value instanceof CelFailure) return value;
      return isMap(value) ? hasKey(value, field) : leave();
    };
  }
  return (activation) => {
    const value = inner(activation);
    if (value instanceof CelFailure) return value;
    if (!isMap(value)) return missing;
    const found = Object.hasOwn(value, field) ? value[field] : undefined;
    return found === undefined ? missing : found;
  };
}

/** `map["key"]` and `list[0]`. */
export function indexClosure(args: Expr[], compile: Compile): Closure {
  const [operandExpr, indexExpr] = args;
  if (!operandExpr || !indexExpr) leave();
  const operand = compile(operandExpr);
  const index = compile(indexExpr);
  const path = pathOf(operandExpr);
  const name = path ? [path.root, ...path.fields].join('.') : 'value';
  return (activation) => {
    const container = operand(activation);
    if (container instanceof CelFailure) return container;
    const key = index(activation);
    if (key instanceof CelFailure) return key;
    if (isMap(container) && typeof key === 'string') {
      return hasKey(container, key) ? container[key]! : new CelFailure(`there is no "${name}.${key}"`, `${name}.${key}`);
    }
    if (Array.isArray(container) && typeof key === 'number' && Number.isInteger(key)) {
      return key >= 0 && key < container.length ? container[key]! : new CelFailure(`"${name}" has no element ${key}`, `${name}[${key}]`);
    }
    return leave();
  };
}

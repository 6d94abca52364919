import type { Json } from '../../model/json.js';
import type { Expr } from '../syntax.js';
import type { Closure } from './closure.js';
import { leave } from './closure.js';

/** The value of a literal that JSON can hold; a whole double literal (`2.0`) is left out, since it would look like an int. */
export function constantValue(expr: Expr): Json {
  if (expr.exprKind.case !== 'constExpr') leave();
  const constant = expr.exprKind.value.constantKind;
  switch (constant.case) {
    case 'stringValue':
    case 'boolValue':
      return constant.value;
    case 'nullValue':
      return null;
    case 'int64Value': {
      const whole = Number(constant.value);
      return Number.isSafeInteger(whole) ? whole : leave();
    }
    case 'doubleValue':
      return Number.isFinite(constant.value) && !Number.isInteger(constant.value) ? constant.value : leave();
    default:
      return leave();
  }
}

export function constantClosure(expr: Expr): Closure {
  const value = constantValue(expr);
  return () => value;
}

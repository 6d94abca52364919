import type { Expr } from '../syntax.js';
import type { Closure } from './closure.js';
import { leave } from './closure.js';
import { equalClosure, inClosure, notEqualClosure, orderClosure } from './compare.js';
import { constantClosure } from './constant.js';
import { andClosure, chooseClosure, notClosure, orClosure } from './logic.js';
import { identClosure, indexClosure, selectClosure } from './select.js';
import { addClosure, listClosure, multiplyClosure, sizeClosure, stringClosure, subtractClosure, textClosure } from './values.js';

/** The common subset of CEL as closures over JSON; anything else throws `LEAVE_TO_LIBRARY`. */
export function compileNode(expr: Expr): Closure {
  const kind = expr.exprKind;
  switch (kind.case) {
    case 'constExpr':
      return constantClosure(expr);
    case 'identExpr':
      return identClosure(expr);
    case 'selectExpr':
      return selectClosure(expr, compileNode);
    case 'listExpr':
      return listClosure(kind.value.elements.map(compileNode));
    case 'callExpr':
      return kind.value.target
        ? methodClosure(kind.value.function, kind.value.target, kind.value.args)
        : callClosure(kind.value.function, kind.value.args);
    default:
      return leave();
  }
}

type Binary = (left: Closure, right: Closure) => Closure;

const BINARY: Record<string, Binary> = {
  '_&&_': andClosure,
  '_||_': orClosure,
  '_==_': equalClosure,
  '_!=_': notEqualClosure,
  '_<_': (left, right) => orderClosure(left, right, (sign) => sign < 0),
  '_<=_': (left, right) => orderClosure(left, right, (sign) => sign <= 0),
  '_>_': (left, right) => orderClosure(left, right, (sign) => sign > 0),
  '_>=_': (left, right) => orderClosure(left, right, (sign) => sign >= 0),
  '_+_': addClosure,
  '_-_': subtractClosure,
  '_*_': multiplyClosure,
};

const METHODS: Record<string, (text: string, part: string) => boolean> = {
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
  contains: (text, part) => text.includes(part),
};

function callClosure(name: string, args: Expr[]): Closure {
  if (name === '_[_]') return indexClosure(args, compileNode);
  const [first, second, third] = args;
  if (!first) return leave();
  if (!second) {
    const operand = compileNode(first);
    if (name === '!_') return notClosure(operand);
    if (name === 'size') return sizeClosure(operand);
    return name === 'string' ? stringClosure(operand) : leave();
  }
  if (third) return name === '_?_:_' ? chooseClosure(compileNode(first), compileNode(second), compileNode(third)) : leave();
  if (name === '@in') return inClosure(compileNode(first), compileNode(second), second);
  const binary = Object.hasOwn(BINARY, name) ? BINARY[name] : undefined;
  return binary ? binary(compileNode(first), compileNode(second)) : leave();
}

function methodClosure(name: string, target: Expr, args: Expr[]): Closure {
  const [argument, extra] = args;
  if (name === 'size' && !argument) return sizeClosure(compileNode(target));
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  return method && argument && !extra ? textClosure(compileNode(target), compileNode(argument), method) : leave();
}

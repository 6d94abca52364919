import type { Json } from '../../model/json.js';
import { CelFailure } from '../failure.js';
import type { Closure } from './closure.js';
import { leave } from './closure.js';

/** A failure if there is one; otherwise an operand was no boolean, which the library words. */
function failureOf(left: Json | CelFailure, right: Json | CelFailure): CelFailure {
  if (left instanceof CelFailure) return left;
  if (right instanceof CelFailure) return right;
  return leave();
}

/** CEL's commutative and: false wins over a failure, whichever side it stands on. */
export function andClosure(left: Closure, right: Closure): Closure {
  return (activation) => {
    const first = left(activation);
    if (first === false) return false;
    const second = right(activation);
    if (second === false) return false;
    return first === true && second === true ? true : failureOf(first, second);
  };
}

/** CEL's commutative or: true wins over a failure. */
export function orClosure(left: Closure, right: Closure): Closure {
  return (activation) => {
    const first = left(activation);
    if (first === true) return true;
    const second = right(activation);
    if (second === true) return true;
    return first === false && second === false ? false : failureOf(first, second);
  };
}

export function notClosure(operand: Closure): Closure {
  return (activation) => {
    const value = operand(activation);
    if (typeof value === 'boolean') return !value;
    return value instanceof CelFailure ? value : leave();
  };
}

/** `condition ? yes : no`; only the chosen branch is evaluated. */
export function chooseClosure(condition: Closure, yes: Closure, no: Closure): Closure {
  return (activation) => {
    const value = condition(activation);
    if (value === true) return yes(activation);
    if (value === false) return no(activation);
    return value instanceof CelFailure ? value : leave();
  };
}

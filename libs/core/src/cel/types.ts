import { pathOf } from './reads.js';
import type { Expr } from './syntax.js';

/*
 * Types of expressions, as far as they are known without data: enough to refuse, when a document is saved, what could never be decided
 * (`environment.name && …`) or never be true (`environment.name == 3`). What is not known is `any`, and never complained about.
 */

export type CelType = 'boolean' | 'number' | 'text' | 'list' | 'map' | 'texts' | 'null' | 'any';

/** Says that the node with this id is wrong. */
export type TypeComplaint = (id: bigint, message: string) => void;

const NAMED = { name: 'text', system: 'text', description: 'text', metadata: 'texts' } as const;
/** Types of the fields of names with a fixed shape (names.ts); `texts` is a map from names to texts. */
const FIELD_TYPES: Record<string, Record<string, CelType>> = {
  system: NAMED,
  environment: NAMED,
  deployment: { ...NAMED, pool: 'text' },
  resource: {
    ...NAMED,
    identifier: 'text',
    kind: 'text',
    version: 'text',
    provider: 'text',
    config: 'map',
    variables: 'map',
    relations: 'texts',
  },
  version: {
    ...{ id: 'text', deployment: 'text', tag: 'text', name: 'text', status: 'text', message: 'text', author: 'text' },
    ...{ sequence: 'number', createdAt: 'number', config: 'map', metadata: 'texts' },
  },
  running: { version: 'text', tag: 'text', verified: 'boolean', since: 'number' },
};
const ROOT_TYPES: Record<string, CelType> = { now: 'number', resource: 'map', environment: 'map', deployment: 'map', version: 'map' };

/** How a type is called in a message. */
const CALLED: Record<CelType, string> = {
  boolean: 'true or false',
  number: 'a number',
  text: 'text',
  list: 'a list',
  map: 'a map',
  texts: 'a map',
  null: 'null',
  any: 'anything',
};

const RESULTS: Record<string, CelType> = {
  ...{ startsWith: 'boolean', endsWith: 'boolean', contains: 'boolean', matches: 'boolean', '@in': 'boolean', bool: 'boolean' },
  ...{ size: 'number', int: 'number', uint: 'number', double: 'number', indexOf: 'number', lastIndexOf: 'number' },
  ...{
    string: 'text',
    lowerAscii: 'text',
    upperAscii: 'text',
    trim: 'text',
    replace: 'text',
    substring: 'text',
    join: 'text',
    urlEncode: 'text',
  },
  ...{ split: 'list' },
};
const TEXT_METHODS = new Set(
  ['startsWith', 'endsWith', 'contains', 'matches', 'split', 'replace', 'trim', 'substring', 'indexOf'].concat([
    'lowerAscii',
    'upperAscii',
  ]),
);
const ARITHMETIC = new Set(['_-_', '_*_', '_/_', '_%_']);
const ORDER = new Set(['_<_', '_<=_', '_>_', '_>=_']);

/** The type of an expression; what cannot be is complained about on the way. */
export function typeOf(expr: Expr, complain: TypeComplaint): CelType {
  return new Typing(complain).typeOf(expr, new Set());
}

/** `text`, as a message calls it. */
export function calledType(type: CelType): string {
  return CALLED[type];
}

class Typing {
  constructor(private readonly complain: TypeComplaint) {}

  typeOf(expr: Expr, bound: ReadonlySet<string>): CelType {
    const kind = expr.exprKind;
    switch (kind.case) {
      case 'constExpr':
        return typeOfConstant(expr);
      case 'listExpr':
        for (const element of kind.value.elements) this.typeOf(element, bound);
        return 'list';
      case 'structExpr':
        return 'map';
      case 'selectExpr':
        return kind.value.testOnly ? 'boolean' : typeOfPath(expr, bound);
      case 'identExpr':
        return typeOfPath(expr, bound);
      case 'callExpr':
        return this.typeOfCall(expr, bound);
      case 'comprehensionExpr': {
        const { accuInit, iterVar, iterVar2, accuVar, loopStep, iterRange } = kind.value;
        const inner = new Set([...bound, iterVar, iterVar2, accuVar]);
        if (iterRange) this.typeOf(iterRange, bound);
        if (loopStep) this.typeOf(loopStep, inner);
        const kept = accuInit ? this.typeOf(accuInit, bound) : 'any';
        // `exists_one` counts and answers with a comparison.
        return kept === 'number' ? 'boolean' : kept;
      }
      default:
        return 'any';
    }
  }

  private typeOfCall(expr: Expr, bound: ReadonlySet<string>): CelType {
    if (expr.exprKind.case !== 'callExpr') return 'any';
    const { function: name, target, args } = expr.exprKind.value;
    if (name === '_[_]') return typeOfPath(expr, bound);
    const types = args.map((arg) => this.typeOf(arg, bound));
    const of = target && this.typeOf(target, bound);
    const [first = 'any', second = 'any'] = types;
    if (name === '_&&_' || name === '_||_' || name === '!_') {
      types.forEach((type, at) => this.want(args[at]!, type, ['boolean']));
      return 'boolean';
    }
    if (name === '_?_:_') {
      this.want(args[0]!, first, ['boolean']);
      return second === types[2] ? second : 'any';
    }
    if (name === '_==_' || name === '_!=_') {
      if (!mayBeEqual(first, second)) this.complain(expr.id, `compares ${CALLED[first]} with ${CALLED[second]}, which are never equal`);
      return 'boolean';
    }
    if (ORDER.has(name)) {
      types.forEach((type, at) => this.want(args[at]!, type, ['number', 'text']));
      if (isPlain(first) && isPlain(second) && first !== second)
        this.complain(expr.id, `compares ${CALLED[first]} with ${CALLED[second]}, which have no order`);
      return 'boolean';
    }
    if (ARITHMETIC.has(name)) return this.arithmetic(args, types);
    if (name === '_+_') return this.sum(expr, first, second);
    if (of !== undefined && TEXT_METHODS.has(name)) this.want(target!, of, ['text']);
    return RESULTS[name] ?? 'any';
  }

  private arithmetic(args: Expr[], types: CelType[]): CelType {
    // Times and durations have arithmetic of their own, and are `any` here.
    types.forEach((type, at) => this.want(args[at]!, type, ['number']));
    return types.every((type) => type === 'number') ? 'number' : 'any';
  }

  private sum(expr: Expr, first: CelType, second: CelType): CelType {
    if (isPlain(first) && isPlain(second) && first !== second)
      this.complain(expr.id, `adds ${CALLED[first]} and ${CALLED[second]}; write string(…) around the one that is not text`);
    return first === second ? first : 'any';
  }

  private want(expr: Expr, type: CelType, wanted: CelType[]): void {
    if (type === 'any' || wanted.includes(type)) return;
    this.complain(expr.id, `${CALLED[type]} stands where ${wanted.map((one) => CALLED[one]).join(' or ')} must stand`);
  }
}

function typeOfConstant(expr: Expr): CelType {
  switch (expr.exprKind.case === 'constExpr' ? expr.exprKind.value.constantKind.case : undefined) {
    case 'nullValue':
      return 'null';
    case 'boolValue':
      return 'boolean';
    case 'int64Value':
    case 'uint64Value':
    case 'doubleValue':
      return 'number';
    case 'stringValue':
      return 'text';
    default:
      return 'any';
  }
}

function typeOfPath(expr: Expr, bound: ReadonlySet<string>): CelType {
  const path = pathOf(expr);
  if (!path || bound.has(path.root)) return 'any';
  const [field, key, ...deeper] = path.fields;
  if (field === undefined) return ROOT_TYPES[path.root] ?? 'any';
  const fields = Object.hasOwn(FIELD_TYPES, path.root) ? FIELD_TYPES[path.root] : undefined;
  const type = fields && Object.hasOwn(fields, field) ? fields[field]! : 'any';
  if (key === undefined) return type;
  return type === 'texts' && deeper.length === 0 ? 'text' : 'any';
}

function isPlain(type: CelType): boolean {
  return type === 'boolean' || type === 'number' || type === 'text';
}

function mayBeEqual(a: CelType, b: CelType): boolean {
  const family = (type: CelType): CelType => (type === 'texts' ? 'map' : type);
  return a === 'any' || b === 'any' || a === 'null' || b === 'null' || family(a) === family(b);
}

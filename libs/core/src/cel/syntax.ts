import { parse } from '@bufbuild/cel';
import { SlipwayError } from '../errors.js';
import { BRACKETS_DEPTH_MAX, COMPREHENSION_NESTING_MAX, DEPTH_MAX, LITERAL_ELEMENTS_MAX, NODES_MAX, SOURCE_BYTES_MAX } from './limits.js';

export type Parsed = ReturnType<typeof parse>;
/** A node of the syntax tree, as `@bufbuild/cel` parses it. */
export type Expr = Parsed['expr'];

/** Sub-expressions of a node, in order of the source; `comprehension` marks what runs once per element. */
export function childrenOf(expr: Expr): { expr: Expr; comprehension: boolean }[] {
  const plain = (list: (Expr | undefined)[]) =>
    list.filter((child) => child !== undefined).map((child) => ({ expr: child, comprehension: false }));
  const kind = expr.exprKind;
  switch (kind.case) {
    case 'selectExpr':
      return plain([kind.value.operand]);
    case 'callExpr':
      return plain([kind.value.target, ...kind.value.args]);
    case 'listExpr':
      return plain(kind.value.elements);
    case 'structExpr':
      return plain(kind.value.entries.flatMap((entry) => [entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value]));
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      const inner = [loopCondition, loopStep].filter((child) => child !== undefined);
      return [...plain([iterRange, accuInit, result]), ...inner.map((child) => ({ expr: child, comprehension: true }))];
    }
    default:
      return [];
  }
}

/** Source text → syntax tree within limits. Throws SlipwayError `core.cel.syntax` or `core.cel.tooLarge` (kind invalid). */
export function parseSource(source: string): Parsed {
  checkSource(source);
  let parsed: Parsed;
  try {
    parsed = parse(source);
  } catch (cause) {
    const at = positionOf(cause);
    const reason = cause instanceof Error ? cause.message.replace(/^<input>:\d+:\d+: /, '') : 'it cannot be parsed';
    throw new SlipwayError(
      {
        code: 'core.cel.syntax',
        kind: 'invalid',
        message: `"${excerpt(source)}" is not a CEL expression: line ${at.line}, column ${at.column}: ${shorten(reason)}`,
        details: at,
      },
      { cause },
    );
  }
  checkTree(parsed.expr);
  return parsed;
}

function tooLarge(what: string): SlipwayError {
  return new SlipwayError({
    code: 'core.cel.tooLarge',
    kind: 'invalid',
    message: `The CEL expression is too large: ${what}; split it into several rules`,
  });
}

function checkSource(source: string): void {
  // A UTF-8 byte is at least a third of a UTF-16 unit's share, so the length alone settles nearly all cases.
  if (source.length > SOURCE_BYTES_MAX || new TextEncoder().encode(source).length > SOURCE_BYTES_MAX)
    throw tooLarge(`more than ${SOURCE_BYTES_MAX} bytes`);
  let depth = 0;
  for (const char of source) {
    if (char === '(' || char === '[' || char === '{') depth += 1;
    if (char === ')' || char === ']' || char === '}') depth -= 1;
    if (depth > BRACKETS_DEPTH_MAX) throw tooLarge(`brackets nested deeper than ${BRACKETS_DEPTH_MAX}`);
  }
}

function checkTree(root: Expr): void {
  let nodes = 0;
  const visit = (expr: Expr, depth: number, nesting: number): void => {
    nodes += 1;
    if (nodes > NODES_MAX) throw tooLarge(`more than ${NODES_MAX} nodes`);
    if (depth > DEPTH_MAX) throw tooLarge(`nested deeper than ${DEPTH_MAX}`);
    const kind = expr.exprKind;
    const inside = nesting + (kind.case === 'comprehensionExpr' ? 1 : 0);
    if (inside > COMPREHENSION_NESTING_MAX)
      throw tooLarge(`more than ${COMPREHENSION_NESTING_MAX} nested loops (all, exists, map, filter)`);
    const literals = kind.case === 'listExpr' ? kind.value.elements.length : kind.case === 'structExpr' ? kind.value.entries.length : 0;
    if (literals > LITERAL_ELEMENTS_MAX) throw tooLarge(`a list of more than ${LITERAL_ELEMENTS_MAX} elements`);
    for (const child of childrenOf(expr)) visit(child.expr, depth + (isChain(expr) ? 0 : 1), child.comprehension ? inside : nesting);
  };
  visit(root, 1, 0);
}

/** `a && b && c …` is a list to its reader, though a left-deep tree to the parser; nodes are bounded anyway. */
function isChain(expr: Expr): boolean {
  const kind = expr.exprKind;
  return kind.case === 'callExpr' && ['_&&_', '_||_', '_+_'].includes(kind.value.function);
}

function positionOf(cause: unknown): { line: number; column: number } {
  const start = (cause as { location?: { start?: { line: number; column: number } } }).location?.start;
  return { line: start?.line ?? 1, column: start?.column ?? 1 };
}

function excerpt(source: string): string {
  return source.length > 80 ? `${source.slice(0, 77)}…` : source;
}

function shorten(reason: string): string {
  return reason.length > 200 ? `${reason.slice(0, 197)}…` : reason;
}

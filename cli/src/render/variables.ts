import type { ReplyOf, VariableView } from '@slipway/contracts';
import { columns, type Paint } from '../terminal.js';

/** Longest piece of a value on one line. */
const VALUE_LENGTH_MAX = 60;

/** Each variable with who gives it its value, and below it, in their order, those whose values do not count. */
export function renderVariables({ deployment, environment, resource, variables }: ReplyOf<'registry.variables'>, paint: Paint): string {
  const head = `${paint.bold(deployment)} at ${resource} in ${environment}`;
  if (variables.length === 0) return `${head}\n\n  ${deployment} declares no variables.`;
  return `${head}\n\n${columns(
    variables.flatMap((variable) => rowsOf(variable, paint)),
    '  ',
  )}`;
}

function rowsOf(variable: VariableView, paint: Paint): string[][] {
  const { name, type, value, problem, winner, losers } = variable;
  const losing = losers.map((loser) => [
    '',
    paint.dim(`not ${shown(loser.written)}`),
    paint.dim(`${called(loser)}; ${loser.because ?? ''}`),
  ]);
  if (problem !== undefined) return [[paint.bold(name), paint.red('✗ no value'), problem], ...losing];
  if (value === undefined || !winner) return [[paint.bold(name), paint.dim('not set'), paint.dim(`${type}, not required`)], ...losing];
  const from = JSON.stringify(value) === JSON.stringify(winner.written) ? '' : `, written ${shown(winner.written)}`;
  return [[paint.bold(name), shown(value), `${called(winner)}${from}`], ...losing];
}

function called({ called: who, selector, priority }: NonNullable<VariableView['winner']>): string {
  return selector === undefined ? who : `${who} (${selector}, priority ${priority ?? 0})`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}

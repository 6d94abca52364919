import type { VariableDeclaration } from '../model/inventory.js';
import type { Json } from '../model/json.js';

export type VariableType = VariableDeclaration['type'];

/** Names a secret that the agent resolves at its own site: `env:NAME`, `file:/path`, `command:program arguments`. */
export const SECRET_REFERENCE = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|command:.+)$/;

const WANTED: Record<VariableType, string> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  list: 'a list',
  secret: 'a reference to a secret; write env:NAME, file:/path or command:program arguments',
};

/** Whether a value is of a declared type; a whole number is also a `number`, null is nothing. */
export function hasType(value: Json, type: VariableType): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'list':
      return Array.isArray(value);
    case 'secret':
      return typeof value === 'string' && SECRET_REFERENCE.test(value);
  }
}

/** `"80" is not an integer`; what should have been a reference to a secret is not repeated, since it may be the secret. */
export function notOfType(value: Json, type: VariableType): string {
  const what = type === 'secret' ? 'what stands there' : JSON.stringify(value);
  return `${what} is not ${WANTED[type]}`;
}

/** Whether some text in the value has a template: such a value is known only once it is rendered. */
export function holdsTemplate(value: Json | undefined): boolean {
  if (typeof value === 'string') return value.includes('{{');
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((entry) => holdsTemplate(entry));
}

import type { Run } from '../executor.js';

/** A part of a path this long is what makes the address a secret. */
const SECRET_LENGTH_MIN = 16;

/** An address whose knowledge is enough to use it: it is shown nowhere, neither whole nor by its parts. */
export function hideAddress(run: Pick<Run, 'hide'>, address: string): void {
  run.hide(address);
  const { pathname, search } = new URL(address);
  for (const part of [...pathname.split('/'), search.slice(1)]) if (part.length >= SECRET_LENGTH_MIN) run.hide(part);
}

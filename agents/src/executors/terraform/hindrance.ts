import { tellDiagnostic, type Diagnostic } from './ui-stream.js';

/** Why a command did nothing this time and may do it later: somebody else holds the state, or something does not answer. */
export interface Hindrance {
  kind: 'locked' | 'outOfReach';
  reason: string;
}

const LOCKED = /error (acquiring|locking).*state|state.*(already|is) locked|workspace is already locked/i;
const OUT_OF_REACH =
  /dial tcp|connection (refused|reset|timed out)|no such host|temporary failure in name resolution|i\/o timeout|tls handshake timeout|deadline exceeded|network is unreachable|no route to host|unexpected eof|\b(429|502|503|504)\b|too many requests|service unavailable|bad gateway/i;
const STALE = /saved plan is stale/i;

/** What the errors of a command say of a hindrance; undefined when they say that it will not be better later. */
export function hindranceIn(errors: readonly Diagnostic[]): Hindrance | undefined {
  const locked = errors.find(({ summary }) => LOCKED.test(summary));
  if (locked) {
    const unreachable = OUT_OF_REACH.test(locked.detail) && !/Lock Info/.test(locked.detail);
    if (!unreachable) return { kind: 'locked', reason: tellHolder(locked.detail) };
  }
  const away = errors.find(({ summary, detail }) => OUT_OF_REACH.test(`${summary} ${detail}`));
  return away ? { kind: 'outOfReach', reason: tellDiagnostic(away) } : undefined;
}

export const isStale = (errors: readonly Diagnostic[]): boolean => errors.some(({ summary }) => STALE.test(summary));

/** Who holds the lock, as Terraform's lock info tells. */
function tellHolder(detail: string): string {
  const field = (name: string): string | undefined => new RegExp(`^\\s*${name}:[ \\t]*(\\S.*)$`, 'm').exec(detail)?.[1]?.trim();
  const [who, operation, since, id] = [field('Who'), field('Operation'), field('Created'), field('ID')];
  if (who === undefined && id === undefined)
    return `the state is locked, by whom is not told (${detail.split('\n')[0]?.replace(/^Error message: /, '') ?? ''})`;
  const what = operation === undefined ? '' : ` (${operation.replace('OperationType', '').toLowerCase()})`;
  const when = since === undefined ? '' : ` since ${since.replace(/\.\d+/, '')}`;
  return `the state is locked by ${who ?? 'somebody'}${what}${when}${id === undefined ? '' : `, lock ${id}`}`;
}

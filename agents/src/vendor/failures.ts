/** The request certainly did not reach the vendor: nothing came of it. */
export class NotSent extends Error {
  /** `lasting`: asking again would not help, as with a certificate that is not trusted. */
  constructor(
    message: string,
    readonly lasting = false,
  ) {
    super(message);
  }
}

/** The request was sent, and what came of it is not known: no answer, or one that does not tell (5xx). */
export class Ambiguous extends Error {}

/** The caller's signal fired while the request waited; it was not sent. */
export class Interrupted extends Error {
  constructor() {
    super('stopped waiting: the run is to end');
  }
}

const NOT_TRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Before a byte of the request was written. */
const BEFORE_SENDING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve now',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
};

const AFTER_SENDING: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset before the answer',
  EPIPE: 'the connection was closed before the answer',
  UND_ERR_SOCKET: 'the connection was closed before the answer',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half way',
  ABORT_ERR: 'no answer in time',
};

const codeOf = (error: unknown): string => {
  const failed = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[]; cause?: NodeJS.ErrnoException };
  return failed.code ?? failed.errors?.[0]?.code ?? failed.cause?.code ?? (failed.name === 'TimeoutError' ? 'ABORT_ERR' : '');
};

/** What a failed request of the HTTP client means. */
export function failureOf(host: string, error: unknown): NotSent | Ambiguous {
  const code = codeOf(error);
  if (NOT_TRUSTED.has(code)) {
    return new NotSent(`the certificate of ${host} is not trusted (${code}); name its authority's certificate with caFile`, true);
  }
  const before = BEFORE_SENDING[code];
  if (before !== undefined) return new NotSent(`${host}: ${before}`);
  return new Ambiguous(`${host}: ${AFTER_SENDING[code] ?? ((error as Error).message || code)}`);
}

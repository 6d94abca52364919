import type { AccountName, Bridge, CredentialRole, Scope } from '@slipway/contracts';
import { bridges, scopes } from '@slipway/contracts';
import type { Account, Export, Import, OperatorLimits, SigningKey, UserPermissionsLimits } from '@nats-io/jwt';

/*
 * What stands in the accounts' JWTs, computed from contracts/permissions.ts. Pure: keys and revocations come in.
 */

/** Public keys by name, and who is revoked since when (epoch seconds, by user key). */
export interface AccountKeys {
  accounts: Record<AccountName, string>;
  signers: Record<ScopedRole, string>;
  revocations: Partial<Record<AccountName, Record<string, number>>>;
}

export type ScopedRole = Exclude<CredentialRole, 'system'>;

/** How long a service may take to answer what it was asked, as the server permits it. */
const RESPONSE_TTL_NS = 30_000_000_000;

const UNLIMITED: OperatorLimits = { conn: -1, leaf: 0, subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true };
const NO_JETSTREAM: OperatorLimits = { mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 };
/** Streams limit themselves; the account does not limit them again. */
const JETSTREAM: OperatorLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** The content of one account's JWT. */
export function planAccount(account: AccountName, keys: AccountKeys): Account {
  const revocations = keys.revocations[account];
  return {
    limits: { ...UNLIMITED, ...(account === 'SERVICES' ? JETSTREAM : NO_JETSTREAM) },
    exports: bridges.filter((b) => b.from === account).map(planExport),
    imports: bridges.filter((b) => b.to === account).map((b) => planImport(b, keys)),
    signing_keys: (Object.keys(scopes) as ScopedRole[])
      .filter((role) => scopes[role].account === account)
      .map((role) => planSigner(role, scopes[role], keys.signers[role])),
    ...(revocations && Object.keys(revocations).length > 0 ? { revocations } : {}),
  } as Account;
}

function planExport(bridge: Bridge): Export {
  return {
    name: bridge.subject,
    subject: bridge.subject,
    type: bridge.kind,
    ...(bridge.kind === 'service' ? { response_type: bridge.manyReplies ? ('Stream' as const) : ('Singleton' as const) } : {}),
  };
}

function planImport(bridge: Bridge, keys: AccountKeys): Import {
  return {
    name: bridge.subject,
    subject: bridge.subject,
    account: keys.accounts[bridge.from],
    type: bridge.kind,
    ...(bridge.as ? { local_subject: bridge.as } : {}),
  };
}

/** Written by hand: the library's own maker adds a response permission, which the server reads as "may answer anything". */
function planSigner(role: ScopedRole, scope: Scope, key: string): SigningKey {
  const template: Partial<UserPermissionsLimits> = {
    subs: -1,
    data: -1,
    payload: -1,
    pub: { allow: scope.publish },
    sub: { allow: scope.subscribe },
    ...(scope.responds ? { resp: { max: 1, ttl: RESPONSE_TTL_NS } } : {}),
  };
  return { kind: 'user_scope', key, role, template };
}

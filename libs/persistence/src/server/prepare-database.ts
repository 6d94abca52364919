import path from 'node:path';
import { SlipwayError } from '@slipway/core';
import pg from 'pg';
import { databaseError } from '../postgres/failures.js';
import { keptSecret } from './secrets.js';

export interface PrepareOptions {
  /** A role that may create roles and schemas in this database. */
  adminUrl: string;
  /** Holds `postgres-<service>.password` (0600), made at random. */
  keys: string;
  services: readonly string[];
}

/** The schema of a service, and the role that owns it and nothing else. */
export const schemaOf = (service: string): string => `slipway_${service}`;

/** One run at a time: two `up` against one server of the user's own. */
const LOCK_NAME = 'slipway prepare';
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * One role and one schema per service, each closed to the others; gives the URL for each service. Repeating changes nothing but the passwords,
 * which become those of the key files. Throws `persistence.database.*`.
 */
export async function prepareDatabase({ adminUrl, keys, services }: PrepareOptions): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'slipway prepare' });
  const urls: Record<string, string> = {};
  try {
    await client.connect();
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [LOCK_NAME]);
    for (const service of services) {
      const password = keptSecret(path.join(keys, `postgres-${service}.password`));
      await prepareService(client, service, password);
      urls[service] = urlFor(adminUrl, schemaOf(service), password);
    }
    return urls;
  } catch (error) {
    if ((error as { code?: string }).code === INSUFFICIENT_PRIVILEGE) throw mayNot(client.user ?? '?', error);
    throw databaseError(error, 'Preparing roles and schemas in PostgreSQL');
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function prepareService(client: pg.Client, service: string, password: string): Promise<void> {
  const name = schemaOf(service);
  const quoted = client.escapeIdentifier(name);
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [name]);
  const attributes = `login nosuperuser nocreatedb nocreaterole password ${client.escapeLiteral(password)}`;
  await client.query(
    `${rowCount === 0 ? 'create' : 'alter'} role ${quoted} with ${rowCount === 0 ? attributes : `login password ${client.escapeLiteral(password)}`}`,
  );
  // Only members of a role may give it a schema; an ordinary administrator (not a superuser) must become one first.
  await client.query(`grant ${quoted} to current_user`);
  await client.query(`create schema if not exists ${quoted} authorization ${quoted}`);
  await client.query(`revoke all on schema ${quoted} from public`);
  await client.query(`alter role ${quoted} set search_path = ${quoted}`);
}

function urlFor(adminUrl: string, user: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = user;
  url.password = encodeURIComponent(password);
  return url.toString();
}

function mayNot(user: string, cause: unknown): SlipwayError {
  return new SlipwayError(
    {
      code: 'persistence.database.forbidden',
      kind: 'forbidden',
      message: `Preparing roles and schemas in PostgreSQL: ${user} may not (${(cause as Error).message}). It needs CREATEROLE, and CREATE on the database`,
    },
    { cause },
  );
}

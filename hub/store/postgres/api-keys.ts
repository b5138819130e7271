/** API keys. Their digests only: the keys themselves never come here. */
import type { KeyScope } from '@lineside/shared/contracts/permissions.ts';
import type { Kysely, Transaction } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';
import { inStretch, type Stretch } from './stretch.ts';

type Db = Kysely<Database> | Transaction<Database>;

export interface NewKeyRow {
  id: string;
  name: string;
  prefix: string;
  keyHash: string;
  scopes: readonly KeyScope[];
  sites: readonly string[] | null;
  by: string;
  at: number;
  expiresAt: number | null;
}

/** Undefined when a key that is in force has the name. */
export async function insertKey(db: Db, key: NewKeyRow): Promise<Row<'api_keys'> | undefined> {
  return db
    .insertInto('api_keys')
    .values({
      ...{ id: key.id, name: key.name, prefix: key.prefix, key_hash: key.keyHash, scopes: toJson(key.scopes) },
      ...{ sites: key.sites && toJson(key.sites), created_by: key.by, created_at: key.at, expires_at: key.expiresAt },
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** The key that a digest belongs to, if it is in force at `now`. */
export async function findKey(db: Db, keyHash: string, now: number): Promise<Row<'api_keys'> | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('key_hash', '=', keyHash)
    .where('revoked_at', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', now)]))
    .executeTakeFirst();
}

export async function touchKey(db: Db, id: string, at: number, address: string): Promise<void> {
  await db.updateTable('api_keys').set({ last_used_at: at, last_used_from: address }).where('id', '=', id).execute();
}

/** By when they were made, those that are revoked or have expired too. */
export async function listKeys(db: Db, stretch: Stretch): Promise<Row<'api_keys'>[]> {
  return inStretch(db.selectFrom('api_keys').selectAll(), 'created_at', 'id', stretch).execute();
}

/** Undefined when there is no such key in force. */
export async function revokeKey(db: Db, id: string, by: string, at: number): Promise<Row<'api_keys'> | undefined> {
  return db
    .updateTable('api_keys')
    .set({ revoked_at: at, revoked_by: by })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

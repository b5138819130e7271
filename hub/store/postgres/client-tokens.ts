/** Sign-ins of clients, their refresh tokens, and the keys that verify access tokens. Digests and public halves only. */
import type { Kysely, Transaction } from 'kysely';
import { cleanText, toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

type Db = Kysely<Database> | Transaction<Database>;

export type FamilyUser = Pick<Row<'users'>, 'name' | 'role' | 'sites' | 'must_change_password' | 'oidc_issuer'>;

export interface NewFamily {
  id: string;
  user: string;
  at: number;
  expiresAt: number;
  address: string;
  client: string;
}

export async function insertFamily(db: Db, { id, user, at, expiresAt, address, client }: NewFamily): Promise<void> {
  await db
    .insertInto('refresh_families')
    .values({
      ...{ id, user_name: user, created_at: at, expires_at: expiresAt, revoked_at: null },
      ...{ address, client: cleanText(client).slice(0, 200) },
    })
    .execute();
}

export async function insertRefreshToken(
  db: Db,
  token: { hash: string; family: string; at: number; expiresAt: number },
): Promise<void> {
  await db
    .insertInto('refresh_tokens')
    .values({
      ...{ token_hash: token.hash, family: token.family, issued_at: token.at, expires_at: token.expiresAt },
      used_at: null,
    })
    .execute();
}

/** Whose sign-in this is, if it is still good at `now` and the user may come in. */
export async function userOfFamily(db: Db, family: string, now: number): Promise<FamilyUser | undefined> {
  return db
    .selectFrom('refresh_families')
    .innerJoin('users', 'users.name', 'refresh_families.user_name')
    .select(['users.name', 'role', 'sites', 'must_change_password', 'oidc_issuer'])
    .where('refresh_families.id', '=', family)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
}

export interface UsedToken {
  family: string;
  user: string;
  /** It had been used before: one of the two who have it has stolen it. */
  again: boolean;
  familyExpiresAt: number;
}

/** Uses a refresh token up. Undefined when it is none, has expired, or its sign-in is over. */
export async function useRefreshToken(
  trx: Transaction<Database>,
  hash: string,
  now: number,
): Promise<UsedToken | undefined> {
  const row = await trx
    .selectFrom('refresh_tokens')
    .innerJoin('refresh_families', 'refresh_families.id', 'refresh_tokens.family')
    .select(['family', 'user_name', 'used_at', 'refresh_families.expires_at as familyExpiresAt'])
    .where('token_hash', '=', hash)
    .where('refresh_tokens.expires_at', '>', now)
    .where('refresh_families.expires_at', '>', now)
    .where('revoked_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return undefined;
  const { family, user_name: user, familyExpiresAt } = row;
  if (row.used_at === null) {
    await trx.updateTable('refresh_tokens').set({ used_at: now }).where('token_hash', '=', hash).execute();
  }
  return { family, user, again: row.used_at !== null, familyExpiresAt };
}

/** Ends a sign-in. False when it was over. */
export async function revokeFamily(db: Db, id: string, at: number, reason: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_families')
    .set({ revoked_at: at, reason })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** The sign-ins of a user beyond the newest `keep` end. */
export async function revokeOldest(trx: Db, user: string, keep: number, at: number): Promise<void> {
  const old = trx
    .selectFrom('refresh_families')
    .select('id')
    .where('user_name', '=', user)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .offset(keep);
  await trx
    .updateTable('refresh_families')
    .set({ revoked_at: at, reason: 'too many' })
    .where('id', 'in', old)
    .execute();
}

/** What has expired is of no use to anybody. */
export async function deleteExpiredFamilies(db: Db, now: number): Promise<void> {
  await db.deleteFrom('refresh_families').where('expires_at', '<=', now).execute();
}

export async function insertTokenKey(
  db: Db,
  key: { kid: string; publicJwk: Record<string, unknown>; at: number },
): Promise<void> {
  await db
    .insertInto('token_keys')
    .values({ kid: key.kid, public_jwk: toJson(key.publicJwk), created_at: key.at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function findTokenKey(db: Db, kid: string): Promise<Record<string, unknown> | undefined> {
  const row = await db.selectFrom('token_keys').select('public_jwk').where('kid', '=', kid).executeTakeFirst();
  return row?.public_jwk;
}

/** Who may log in, and who is. Hashing passwords and tokens is the caller's: nothing secret comes here. */
import type { Kysely } from 'kysely';
import type { Database, Row } from './schema.ts';

export async function countUsers(db: Kysely<Database>): Promise<number> {
  const { count } = await db
    .selectFrom('users')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

export async function findUser(db: Kysely<Database>, name: string): Promise<Row<'users'> | undefined> {
  return db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function createSession(
  db: Kysely<Database>,
  session: { tokenHash: string; user: string; at: number; expiresAt: number },
): Promise<void> {
  await db
    .insertInto('sessions')
    .values({
      token_hash: session.tokenHash,
      user_name: session.user,
      created_at: session.at,
      expires_at: session.expiresAt,
      last_seen_at: session.at,
    })
    .execute();
}

/** What a request with a session needs to know of it and of its user. */
export type SessionWithUser = Pick<Row<'sessions'>, 'user_name' | 'last_seen_at'> &
  Pick<Row<'users'>, 'name' | 'role' | 'sites' | 'must_change_password' | 'oidc_issuer'>;

/** The session and its user, unless it has expired at `now` or the user has been disabled. */
export async function findSession(
  db: Kysely<Database>,
  tokenHash: string,
  now: number,
): Promise<SessionWithUser | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('users', 'users.name', 'sessions.user_name')
    .select(['user_name', 'last_seen_at', 'users.name', 'role', 'sites', 'must_change_password', 'oidc_issuer'])
    .where('token_hash', '=', tokenHash)
    .where('expires_at', '>', now)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
}

/** Notes that a session is in use, and lets it live on until `expiresAt`. */
export async function touchSession(
  db: Kysely<Database>,
  tokenHash: string,
  at: number,
  expiresAt: number,
): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ last_seen_at: at, expires_at: expiresAt })
    .where('token_hash', '=', tokenHash)
    .execute();
}

/** Whose it was; undefined when there was none. */
export async function deleteSession(db: Kysely<Database>, tokenHash: string): Promise<string | undefined> {
  const row = await db
    .deleteFrom('sessions')
    .where('token_hash', '=', tokenHash)
    .returning('user_name')
    .executeTakeFirst();
  return row?.user_name;
}

/** Returns how many there were. */
export async function deleteExpiredSessions(db: Kysely<Database>, now: number): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('sessions').where('expires_at', '<=', now).executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

/** Who may log in, and who is. Hashing passwords and tokens is the caller's: nothing secret comes here. */
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import type { Kysely } from 'kysely';
import type { Database, Row } from './schema.ts';
import { inTransaction } from './transaction.ts';

export async function countUsers(db: Kysely<Database>): Promise<number> {
  const { count } = await db
    .selectFrom('users')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** False when the name is taken. */
export async function createUser(
  db: Kysely<Database>,
  user: { name: string; passwordHash: string; role: Role; at: number },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('users')
    .values({ name: user.name, password_hash: user.passwordHash, role: user.role, created_at: user.at })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

export async function findUser(db: Kysely<Database>, name: string): Promise<Row<'users'> | undefined> {
  return db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
}

/** Also ends all of the user's sessions. False when there is no such user. */
export async function setPasswordHash(db: Kysely<Database>, name: string, passwordHash: string): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    await trx.deleteFrom('sessions').where('user_name', '=', name).execute();
    const { numUpdatedRows } = await trx
      .updateTable('users')
      .set({ password_hash: passwordHash })
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  });
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
  Pick<Row<'users'>, 'name' | 'role' | 'sites' | 'must_change_password'>;

/** The session and its user, unless it has expired at `now` or the user has been disabled. */
export async function findSession(
  db: Kysely<Database>,
  tokenHash: string,
  now: number,
): Promise<SessionWithUser | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('users', 'users.name', 'sessions.user_name')
    .select(['user_name', 'last_seen_at', 'users.name', 'role', 'sites', 'must_change_password'])
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

export async function deleteSession(db: Kysely<Database>, tokenHash: string): Promise<void> {
  await db.deleteFrom('sessions').where('token_hash', '=', tokenHash).execute();
}

/** Returns how many there were. */
export async function deleteExpiredSessions(db: Kysely<Database>, now: number): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('sessions').where('expires_at', '<=', now).executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

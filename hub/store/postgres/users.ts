/** Users as their administrators and they themselves change them. Hashing is the caller's: nothing secret comes here. */
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import type { Kysely, Transaction } from 'kysely';
import { cleanText, toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

type Db = Kysely<Database> | Transaction<Database>;

export type UserRow = Row<'users'>;

export interface NewUserRow {
  name: string;
  fullName: string;
  role: Role;
  sites: readonly string[] | null;
  passwordHash: string | null;
  mustChangePassword: boolean;
  oidc?: { issuer: string; subject: string };
  at: number;
}

/** Undefined when the name is taken. */
export async function insertUser(db: Db, user: NewUserRow): Promise<UserRow | undefined> {
  return db
    .insertInto('users')
    .values({
      ...{ name: user.name, full_name: cleanText(user.fullName), role: user.role, sites: listOf(user.sites) },
      ...{ password_hash: user.passwordHash, must_change_password: user.mustChangePassword },
      ...{ password_changed_at: user.passwordHash === null ? null : user.at, created_at: user.at },
      ...{ oidc_issuer: user.oidc?.issuer ?? null, oidc_subject: user.oidc?.subject ?? null },
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** A page of users by name. */
export async function listUsers(
  db: Db,
  { after, limit, role, newestLast = true }: { after?: string; limit: number; role?: Role; newestLast?: boolean },
): Promise<UserRow[]> {
  let query = db.selectFrom('users').selectAll();
  if (role) query = query.where('role', '=', role);
  if (after !== undefined) query = query.where('name', newestLast ? '>' : '<', after);
  return query
    .orderBy('name', newestLast ? 'asc' : 'desc')
    .limit(limit)
    .execute();
}

/** The row, which nobody else changes before the transaction ends. */
export async function lockUser(trx: Transaction<Database>, name: string): Promise<UserRow | undefined> {
  return trx.selectFrom('users').selectAll().where('name', '=', name).forUpdate().executeTakeFirst();
}

/** Names of the administrators who may come in; none of them stops being one before the transaction ends. */
export async function lockAdmins(trx: Transaction<Database>): Promise<string[]> {
  const rows = await trx
    .selectFrom('users')
    .select('name')
    .where('role', '=', 'admin')
    .where('disabled_at', 'is', null)
    .orderBy('name')
    .forUpdate()
    .execute();
  return rows.map(({ name }) => name);
}

export interface UserChanges {
  fullName?: string | undefined;
  role?: Role | undefined;
  sites?: readonly string[] | null | undefined;
  disabledAt?: number | null | undefined;
}

export async function changeUser(trx: Db, name: string, changes: UserChanges): Promise<UserRow> {
  const { fullName, role, sites, disabledAt } = changes;
  return trx
    .updateTable('users')
    .set({
      ...(fullName !== undefined && { full_name: cleanText(fullName) }),
      ...(role !== undefined && { role }),
      ...(sites !== undefined && { sites: listOf(sites) }),
      ...(disabledAt !== undefined && { disabled_at: disabledAt }),
    })
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function changePassword(
  trx: Db,
  name: string,
  { passwordHash, mustChange, at }: { passwordHash: string; mustChange: boolean; at: number },
): Promise<UserRow> {
  return trx
    .updateTable('users')
    .set({ password_hash: passwordHash, must_change_password: mustChange, password_changed_at: at })
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function noteSignIn(db: Db, name: string, at: number): Promise<void> {
  await db.updateTable('users').set({ last_login_at: at }).where('name', '=', name).execute();
}

export async function deleteUser(trx: Db, name: string): Promise<void> {
  await trx.deleteFrom('users').where('name', '=', name).execute();
}

/** Ends what lets a user in without a password: sessions of browsers and sign-ins of clients. How many of each. */
export async function endAllOf(
  trx: Db,
  name: string,
  { at, reason, butSession }: { at: number; reason: string; butSession?: string | undefined },
): Promise<{ sessionsEnded: number; clientsEnded: number }> {
  let sessions = trx.deleteFrom('sessions').where('user_name', '=', name);
  if (butSession !== undefined) sessions = sessions.where('token_hash', '<>', butSession);
  const { numDeletedRows } = await sessions.executeTakeFirstOrThrow();
  const { numUpdatedRows } = await trx
    .updateTable('refresh_families')
    .set({ revoked_at: at, reason })
    .where('user_name', '=', name)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return { sessionsEnded: Number(numDeletedRows), clientsEnded: Number(numUpdatedRows) };
}

export async function findUserAtProvider(db: Db, issuer: string, subject: string): Promise<UserRow | undefined> {
  return db
    .selectFrom('users')
    .selectAll()
    .where('oidc_issuer', '=', issuer)
    .where('oidc_subject', '=', subject)
    .executeTakeFirst();
}

function listOf(sites: readonly string[] | null): string | null {
  return sites && toJson(sites);
}

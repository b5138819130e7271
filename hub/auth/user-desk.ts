/** Users, as administrators and they themselves change them. Every change and its line in the audit log are one transaction. */
import type { NewUser, UserAccount, UserChange, UserWithPassword } from '@lineside/shared/contracts/accounts.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely, Transaction } from 'kysely';
import { pageFrom, readCursor } from '../store/page.ts';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import type { Database } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import {
  changePassword,
  changeUser,
  deleteUser,
  endAllOf,
  insertUser,
  listUsers,
  lockAdmins,
  lockUser,
  type UserRow,
} from '../store/postgres/users.ts';
import { findUser } from '../store/postgres/users-and-sessions.ts';
import type { LoginThrottle } from './login-throttle.ts';
import { generatePassword, hashPassword, verifyPassword } from './password.ts';
import { checkPassword } from './password-rules.ts';
import { checkSites } from './sites.ts';

export interface UserDeskOptions {
  db: Kysely<Database>;
  /** Whether the plant has such an equipment path. */
  isPlace(path: string): boolean;
  /** Characters of a password, at least. */
  minPasswordLength: number;
  /** Words that a password must not be made of, beside the user's own name. */
  passwordContext: readonly string[];
  /** Shared with signing in: the present password may be guessed here as well. */
  throttle: LoginThrottle;
  /** A user's rights have changed, or ended. */
  onChange(name: string): void;
  now(): number;
}

const LIST = 'users';

export class UserDesk {
  readonly #options: UserDeskOptions;

  constructor(options: UserDeskOptions) {
    this.#options = options;
  }

  get minPasswordLength(): number {
    return this.#options.minPasswordLength;
  }

  /** By name. @throws LinesideError CURSOR_INVALID */
  async list(query: { limit: number; cursor?: string; sort: string; role?: Role }): Promise<Page<UserAccount>> {
    const { limit, cursor, sort, role } = query;
    const list = `${LIST} ${sort}`;
    const after = readCursor(list, [''] as const, cursor)?.[0];
    const rows = await listUsers(this.#options.db, {
      ...{ limit: limit + 1, newestLast: sort === 'name' },
      ...(after !== undefined && { after }),
      ...(role && { role }),
    });
    return pageFrom(rows, limit, list, ({ name }) => [name], accountOf);
  }

  /** @throws LinesideError USER_NOT_FOUND */
  async get(name: string): Promise<UserAccount> {
    const row = await findUser(this.#options.db, name);
    if (!row) throw notFound(name);
    return accountOf(row);
  }

  /** The password is made here, and is to be changed at the first sign-in. @throws LinesideError USER_EXISTS, SITES_REFUSED */
  async create(actor: Actor, { name, fullName, role, sites }: NewUser): Promise<UserWithPassword> {
    const { db, now, isPlace } = this.#options;
    checkSites(sites, role, isPlace);
    const password = generatePassword();
    const passwordHash = await hashPassword(password);
    const user = await inTransaction(db, async (trx) => {
      const row = await insertUser(trx, {
        ...{ name, fullName, role, sites, passwordHash },
        ...{ mustChangePassword: true, at: now() },
      });
      if (!row) throw new LinesideError('USER_EXISTS', 'peer', `there is a user ${name} already`);
      await this.#note(trx, actor, 'user.create', name, null, factsOf(row));
      return accountOf(row);
    });
    return { user, password };
  }

  /** @throws LinesideError USER_NOT_FOUND, LAST_ADMIN, SITES_REFUSED, USER_BY_PROVIDER */
  async change(actor: Actor, name: string, { fullName, role, sites, disabled }: UserChange): Promise<UserAccount> {
    const { now, isPlace } = this.#options;
    const account = await this.#changing(name, async (trx, before) => {
      if (before.oidc_issuer !== null) expectByProvider(name, before, { fullName, role, sites });
      if (sites !== undefined || role !== undefined) {
        checkSites(sites === undefined ? before.sites : sites, role ?? before.role, isPlace);
      }
      const loses = before.role === 'admin' && ((role ?? 'admin') !== 'admin' || disabled === true);
      if (loses) await this.#keepAdmin(trx, name);
      const at = now();
      const disabledAt = disabled === undefined ? undefined : disabled ? (before.disabled_at ?? at) : null;
      const after = await changeUser(trx, name, { fullName, role, sites, disabledAt });
      if (disabled === true && before.disabled_at === null)
        await endAllOf(trx, name, { at, reason: 'user disabled' });
      await this.#note(trx, actor, 'user.change', name, factsOf(before), factsOf(after));
      return accountOf(after);
    });
    return account;
  }

  /** Gives a user another password, to be changed at the next sign-in; all sign-ins end. @throws LinesideError USER_NOT_FOUND, USER_BY_PROVIDER */
  async resetPassword(actor: Actor, name: string): Promise<UserWithPassword> {
    const password = generatePassword();
    const passwordHash = await hashPassword(password);
    const user = await this.#changing(name, async (trx, before) => {
      refuseProviderUser(before);
      const at = this.#options.now();
      const after = await changePassword(trx, name, { passwordHash, mustChange: true, at });
      const ended = await endAllOf(trx, name, { at, reason: 'password reset' });
      const now = { ...passwordFactsOf(after), ...ended };
      await this.#note(trx, actor, 'user.reset-password', name, passwordFactsOf(before), now);
      return accountOf(after);
    });
    this.#options.throttle.succeeded([`name ${name}`]);
    return { user, password };
  }

  /**
   * What users do themselves. Every other sign-in of theirs ends.
   *
   * @param session digest of the token of the session that goes on
   * @throws LinesideError PASSWORD_WRONG, PASSWORD_REFUSED, USER_BY_PROVIDER, LOGIN_THROTTLED
   */
  async changeOwnPassword(
    actor: Actor,
    { current, next, session }: { current: string; next: string; session?: string | undefined },
  ): Promise<void> {
    const { db, now, throttle, minPasswordLength, passwordContext } = this.#options;
    const row = await findUser(db, actor.name);
    if (!row) throw notFound(actor.name);
    refuseProviderUser(row);
    const keys = [`name ${actor.name}`];
    throttle.attempt(keys, now());
    if (!(await verifyPassword(row.password_hash!, current))) {
      await this.#note(db, actor, 'user.change-password', actor.name, undefined, undefined, 'refused');
      throw new LinesideError('PASSWORD_WRONG', 'peer', 'the present password is another one');
    }
    throttle.succeeded(keys);
    if (next === current) throw new LinesideError('PASSWORD_REFUSED', 'peer', 'this is the present password');
    await checkPassword(next, minPasswordLength, [actor.name, row.full_name, ...passwordContext]);
    const passwordHash = await hashPassword(next);
    await this.#changing(actor.name, async (trx, before) => {
      const at = now();
      const after = await changePassword(trx, actor.name, { passwordHash, mustChange: false, at });
      const ended = await endAllOf(trx, actor.name, { at, reason: 'password changed', butSession: session });
      const facts = { ...passwordFactsOf(after), ...ended };
      await this.#note(trx, actor, 'user.change-password', actor.name, passwordFactsOf(before), facts);
    });
  }

  /** Signs a user out everywhere. @throws LinesideError USER_NOT_FOUND */
  async endSessions(actor: Actor, name: string, butSession?: string): Promise<void> {
    await this.#changing(name, async (trx) => {
      const at = this.#options.now();
      const ended = await endAllOf(trx, name, { at, reason: 'signed out everywhere', butSession });
      await this.#note(trx, actor, 'user.end-sessions', name, null, ended);
    });
  }

  /** The name stays in what was written down. @throws LinesideError USER_NOT_FOUND, LAST_ADMIN */
  async remove(actor: Actor, name: string): Promise<void> {
    await this.#changing(name, async (trx, before) => {
      if (before.role === 'admin') await this.#keepAdmin(trx, name);
      await deleteUser(trx, name);
      await this.#note(trx, actor, 'user.delete', name, factsOf(before));
    });
  }

  /** One transaction in which nobody else changes the user. */
  async #changing<T>(name: string, work: (trx: Transaction<Database>, before: UserRow) => Promise<T>): Promise<T> {
    const result = await inTransaction(this.#options.db, async (trx) => {
      // Always in this order: two administrators who take each other's rights do not wait for one another for ever.
      await lockAdmins(trx);
      const before = await lockUser(trx, name);
      if (!before) throw notFound(name);
      return work(trx, before);
    });
    this.#options.onChange(name);
    return result;
  }

  /** @throws LinesideError LAST_ADMIN */
  async #keepAdmin(trx: Transaction<Database>, leaving: string): Promise<void> {
    const admins = await lockAdmins(trx);
    if (admins.some((name) => name !== leaving)) return;
    if (!admins.includes(leaving)) return;
    const words = `${leaving} is the last administrator who may come in: make another user one first`;
    throw new LinesideError('LAST_ADMIN', 'peer', words);
  }

  #note(
    db: Kysely<Database> | Transaction<Database>,
    actor: Actor,
    action: string,
    target: string,
    before?: unknown,
    after?: unknown,
    outcome: 'done' | 'refused' = 'done',
  ): Promise<void> {
    return appendAudit(db, { actor, action, target, outcome, before, after, at: this.#options.now() });
  }
}

function notFound(name: string): LinesideError {
  return new LinesideError('USER_NOT_FOUND', 'peer', `there is no user ${name}`);
}

/** What the provider says is taken at each sign-in: another word here would hold until the next, and nobody would know. */
function expectByProvider(name: string, before: UserRow, { fullName, role, sites }: UserChange): void {
  const others = [
    role !== undefined && role !== before.role && 'role',
    sites !== undefined && JSON.stringify(sites) !== JSON.stringify(before.sites) && 'sites',
    fullName !== undefined && fullName !== before.full_name && 'full name',
  ].filter((word) => word !== false);
  if (others.length === 0) return;
  const words = `${others.join(' and ')} of ${name} follow the provider of identities: change them there, or auth.oidc.roles in the hub's configuration; here such a user can be disabled`;
  throw new LinesideError('USER_BY_PROVIDER', 'peer', words);
}

function refuseProviderUser({ name, password_hash }: UserRow): void {
  if (password_hash !== null) return;
  const words = `${name} signs in at the provider of identities and has no password here`;
  throw new LinesideError('USER_BY_PROVIDER', 'peer', words);
}

/** What an administrator may change, for the audit log. */
function factsOf({ full_name, role, sites, disabled_at }: UserRow) {
  return { fullName: full_name, role, sites, disabled: disabled_at !== null };
}

/** What of a password may stand in the audit log. */
function passwordFactsOf({ password_changed_at, must_change_password }: UserRow) {
  return { passwordChangedAt: password_changed_at, mustChangePassword: must_change_password };
}

function accountOf(row: UserRow): UserAccount {
  return {
    ...{ name: row.name, ...factsOf(row), signsInBy: row.oidc_issuer === null ? 'password' : 'provider' },
    ...{ mustChangePassword: row.must_change_password, createdAt: row.created_at },
    ...{ passwordChangedAt: row.password_changed_at, lastLoginAt: row.last_login_at },
  };
}

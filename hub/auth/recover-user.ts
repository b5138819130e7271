/**
 * The way back in for somebody whose password nobody knows any more, for whoever may type commands at the hub's machine.
 * It asks for no permission: that one could change the tables as well.
 */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely, Transaction } from 'kysely';
import { appendAudit, atTheHub } from '../store/postgres/audit.ts';
import type { Database } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { changePassword, changeUser, endAllOf, insertUser, lockAdmins, lockUser } from '../store/postgres/users.ts';
import { generatePassword, hashPassword } from './password.ts';

export interface RecoverWish {
  name: string;
  /** Make the user, as an administrator, where there is none of this name. */
  admin: boolean;
}

export interface Recovered {
  name: string;
  /** Good until its owner has chosen another, which is asked for after the first sign-in. */
  password: string;
  became: 'reset' | 'enabled' | 'made';
}

/**
 * Gives a user another password, ends all that lets them in without it, and lets them in again where they were disabled.
 *
 * @param by who typed the command, such as `root at the hub`
 * @throws LinesideError USER_NOT_FOUND naming the administrators, USER_BY_PROVIDER
 */
export async function recoverUser(
  db: Kysely<Database>,
  { name, admin }: RecoverWish,
  by: string,
  at: number,
): Promise<Recovered> {
  const password = generatePassword();
  const passwordHash = await hashPassword(password);
  const became = await inTransaction(db, async (trx) => {
    const admins = await lockAdmins(trx);
    const before = await lockUser(trx, name);
    const note = { actor: atTheHub(by), action: 'user.recover', target: name, outcome: 'done', at } as const;
    if (!before) {
      if (!admin) throw notFound(name, admins);
      await makeAdmin(trx, name, passwordHash, at);
      await appendAudit(trx, { ...note, after: { role: 'admin', sites: null, mustChangePassword: true } });
      return 'made';
    }
    if (before.password_hash === null) {
      const words = `${name} signs in at the provider of identities and has no password here; with --admin and another name, an administrator with a password is made`;
      throw new LinesideError('USER_BY_PROVIDER', 'config', words);
    }
    const disabled = before.disabled_at !== null;
    await changePassword(trx, name, { passwordHash, mustChange: true, at });
    if (disabled) await changeUser(trx, name, { disabledAt: null });
    const ended = await endAllOf(trx, name, { at, reason: 'password reset at the hub' });
    await appendAudit(trx, {
      ...note,
      before: { passwordChangedAt: before.password_changed_at, disabled },
      after: { passwordChangedAt: at, disabled: false, mustChangePassword: true, ...ended },
    });
    return disabled ? 'enabled' : 'reset';
  });
  return { name, password, became };
}

async function makeAdmin(trx: Transaction<Database>, name: string, passwordHash: string, at: number): Promise<void> {
  await insertUser(trx, {
    ...{ name, fullName: '', role: 'admin', sites: null, passwordHash },
    ...{ mustChangePassword: true, at },
  });
}

function notFound(name: string, admins: string[]): LinesideError {
  const there = admins.length > 0 ? `the administrators who may come in are ${admins.join(', ')}` : 'nobody is one';
  const words = `there is no user ${name}; ${there}. With --admin, ${name} is made as an administrator`;
  return new LinesideError('USER_NOT_FOUND', 'config', words);
}

/** The hub's users behind those who sign in at a provider of identities: made at the first time, kept as it says. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely } from 'kysely';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import type { Database } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { changeUser, findUserAtProvider, insertUser, noteSignIn, type UserRow } from '../store/postgres/users.ts';
import type { Origin } from './auth-service.ts';
import type { ProvenUser } from './provider.ts';

/**
 * @returns whether the user's rights are others than before
 * @throws LinesideError PROVIDER_NAME_TAKEN, LOGIN_REFUSED
 */
export async function takeProvenUser(
  db: Kysely<Database>,
  proven: ProvenUser,
  origin: Origin,
  at: number,
): Promise<{ user: UserRow; changed: boolean }> {
  const { issuer, subject, fullName, role, sites } = proven;
  // In its own transaction a refusal would take the line about it along.
  const result = await inTransaction(db, async (trx) => {
    const hub: Actor = { ...origin, name: 'hub', kind: 'hub' };
    let user = await findUserAtProvider(trx, issuer, subject);
    let changed = false;
    if (!user) {
      user = await insertUser(trx, {
        ...{ name: proven.name, fullName, role, sites, oidc: { issuer, subject } },
        ...{ passwordHash: null, mustChangePassword: false, at },
      });
      if (!user) return null;
      const after = { role, sites, fullName, issuer, subject };
      await appendAudit(trx, { actor: hub, action: 'user.create', target: user.name, outcome: 'done', after, at });
    } else if (isOther(user, proven)) {
      const before = { role: user.role, sites: user.sites, fullName: user.full_name };
      user = await changeUser(trx, user.name, { role, sites, fullName });
      changed = true;
      const after = { role, sites, fullName };
      await appendAudit(trx, {
        actor: hub,
        action: 'user.change',
        target: user.name,
        outcome: 'done',
        before,
        after,
        at,
      });
    }
    const refused = user.disabled_at !== null;
    const actor: Actor = { ...origin, name: user.name, kind: refused ? 'nobody' : 'user' };
    const after = { way: 'provider', issuer };
    const outcome = refused ? 'refused' : 'done';
    await appendAudit(trx, { actor, action: 'user.sign-in', target: user.name, outcome, after, at });
    if (!refused) await noteSignIn(trx, user.name, at);
    return { user, changed };
  });
  if (!result) {
    const words = `there is another user ${proven.name} here: an administrator has to delete that one, or choose another nameClaim`;
    throw new LinesideError('PROVIDER_NAME_TAKEN', 'peer', words);
  }
  if (result.user.disabled_at !== null) throw new LinesideError('LOGIN_REFUSED', 'peer', 'this user is disabled');
  return result;
}

function isOther(user: UserRow, { fullName, role, sites }: ProvenUser): boolean {
  const same = JSON.stringify(user.sites) === JSON.stringify(sites);
  return user.role !== role || user.full_name !== fullName || !same;
}

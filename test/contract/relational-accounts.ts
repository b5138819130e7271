/** What the relational store must do for accounts, on PGlite and on PostgreSQL: a part of relational.ts. */
import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { findKey, insertKey, listKeys, revokeKey } from '../../hub/store/postgres/api-keys.ts';
import { appendAudit, listAudit } from '../../hub/store/postgres/audit.ts';
import {
  insertFamily,
  insertRefreshToken,
  revokeOldest,
  useRefreshToken,
  userOfFamily,
} from '../../hub/store/postgres/client-tokens.ts';
import type { Database } from '../../hub/store/postgres/schema.ts';
import { changeUser, insertUser } from '../../hub/store/postgres/users.ts';

const NOW = Date.UTC(2026, 10, 22, 8);

export function accountsContract(database: () => Kysely<Database>): void {
  describe('accounts', () => {
    const user = (name: string) =>
      insertUser(database(), {
        ...{ name, fullName: 'Anna\u0000', role: 'operator', sites: ['acme/hh'], at: NOW },
        ...{ passwordHash: 'h', mustChangePassword: true },
      });

    it('has an audit log to which one can only add', async () => {
      const db = database();
      const actor = { name: randomUUID(), kind: 'user' as const, address: '192.0.2.1', requestId: 'r1' };
      const note = { actor, action: 'user.change', target: 'anna', outcome: 'done' as const, at: NOW };
      await appendAudit(db, {
        ...note,
        before: { role: 'operator' },
        after: { role: 'engineer', odd: '\u0000\ud800' },
      });
      await appendAudit(db, { ...note, after: { config: 'x'.repeat(40_000) } });
      const mine = () => listAudit(db, { actor: actor.name, newestFirst: true, limit: 10 });
      const [long, change] = await mine();
      expect(change).toMatchObject({
        ...{ at: NOW, actor: actor.name, actor_kind: 'user', action: 'user.change', target: 'anna', outcome: 'done' },
        ...{ before: { role: 'operator' }, after: { role: 'engineer', odd: '\ufffd\ufffd' } },
        ...{ address: '192.0.2.1', request_id: 'r1' },
      });
      expect(long).toMatchObject({ before: null, after: { tooLong: expect.any(Number) } });
      for (const attempt of [
        sql`update audit_log set actor = 'nobody' where actor = ${actor.name}`,
        sql`delete from audit_log where actor = ${actor.name}`,
        sql`truncate audit_log`,
        sql`truncate audit_log cascade`,
        sql`insert into audit_log overriding system value select * from audit_log where actor = ${actor.name}
          on conflict (id) do update set target = 'other'`,
      ]) {
        await expect(attempt.execute(db)).rejects.toThrow(/the audit log only grows: \w+ is refused/);
      }
      const replica = db.transaction().execute(async (trx) => {
        await sql`set local session_replication_role = replica`.execute(trx);
        await sql`delete from audit_log`.execute(trx);
      });
      await expect(replica).rejects.toThrow();
      expect(await mine()).toEqual([long, change]);
    });

    it('finds lines of the audit log by who, what, of what and when, and page by page', async () => {
      const db = database();
      const target = randomUUID();
      const actor = { name: 'anna', kind: 'user' as const, address: '', requestId: '' };
      for (const [action, at] of [
        ['a', 1],
        ['b', 2],
        ['a', 3],
      ] as const) {
        await appendAudit(db, { actor, action, target, outcome: 'done', at: NOW + at });
      }
      const found = async (filter: Partial<Parameters<typeof listAudit>[1]>) =>
        (await listAudit(db, { target, newestFirst: true, limit: 10, ...filter })).map(({ at }) => at - NOW);
      expect(await found({})).toEqual([3, 2, 1]);
      expect(await found({ newestFirst: false })).toEqual([1, 2, 3]);
      expect(await found({ action: 'a', actor: 'anna' })).toEqual([3, 1]);
      expect(await found({ from: NOW + 2, to: NOW + 3 })).toEqual([2]);
      const [first] = await listAudit(db, { target, newestFirst: true, limit: 1 });
      expect(await found({ after: first! })).toEqual([2, 1]);
      expect(await found({ actor: 'nobody' })).toEqual([]);
    });

    it('keeps a key until it is revoked or has expired, and its name is free then', async () => {
      const db = database();
      const [name, id, hash] = [randomUUID(), randomUUID(), randomUUID()];
      const key = { name, scopes: ['tags.read'] as const, sites: null, by: 'admin', at: NOW };
      const made = { ...key, id, prefix: 'lsk_abc', keyHash: hash, expiresAt: NOW + 1_000 };
      expect(await insertKey(db, made)).toMatchObject({ name, scopes: ['tags.read'], sites: null, revoked_at: null });
      const namesake = { ...made, id: randomUUID(), keyHash: randomUUID(), name: name.toUpperCase() };
      expect(await insertKey(db, namesake)).toBeUndefined();
      expect(await findKey(db, hash, NOW)).toMatchObject({ id });
      expect(await findKey(db, hash, NOW + 1_000)).toBeUndefined();
      expect(await revokeKey(db, id, 'boss', NOW)).toMatchObject({ revoked_by: 'boss' });
      expect(await revokeKey(db, id, 'boss', NOW)).toBeUndefined();
      expect(await findKey(db, hash, NOW)).toBeUndefined();
      expect(await insertKey(db, namesake)).toBeDefined();
      const page = await listKeys(db, { limit: 1, newestFirst: true, after: { at: NOW + 1, id: '' } });
      expect(page).toHaveLength(1);
    });

    it('uses a refresh token up, and tells when it comes again, also when it comes twice at once', async () => {
      const db = database();
      const [name, family, hash] = [randomUUID(), randomUUID(), randomUUID()];
      await user(name);
      await insertFamily(db, { id: family, user: name, at: NOW, expiresAt: NOW + 9_000, address: '', client: '' });
      await insertRefreshToken(db, { hash, family, at: NOW, expiresAt: NOW + 1_000 });
      const use = (token: string, at = NOW) => db.transaction().execute((trx) => useRefreshToken(trx, token, at));
      expect(await use(hash, NOW + 1_000)).toBeUndefined();
      expect(await use('none')).toBeUndefined();
      const twice = await Promise.all([use(hash), use(hash)]);
      expect(twice.map((used) => used?.again).sort()).toEqual([false, true]);
      expect(twice[0]).toMatchObject({ family, user: name, familyExpiresAt: NOW + 9_000 });
      expect(await userOfFamily(db, family, NOW)).toEqual({
        ...{ name, role: 'operator', sites: ['acme/hh'], must_change_password: true, oidc_issuer: null },
      });
      await changeUser(db, name, { disabledAt: NOW });
      expect(await userOfFamily(db, family, NOW)).toBeUndefined();
      await changeUser(db, name, { disabledAt: null });
      await insertFamily(db, {
        id: randomUUID(),
        user: name,
        at: NOW + 1,
        expiresAt: NOW + 9_000,
        address: '',
        client: '',
      });
      await revokeOldest(db, name, 1, NOW);
      expect(await userOfFamily(db, family, NOW)).toBeUndefined();
      expect(await use(hash)).toBeUndefined();
    });
  });
}

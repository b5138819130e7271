/** What the relational stores must do with users and their sessions in the browser. */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../hub/store/postgres/schema.ts';
import { endAllOf, insertUser } from '../../hub/store/postgres/users.ts';
import {
  countUsers,
  createSession,
  deleteExpiredSessions,
  deleteSession,
  findSession,
  findUser,
  touchSession,
} from '../../hub/store/postgres/users-and-sessions.ts';

const NOW = Date.UTC(2026, 10, 22, 8);

export function sessionsContract(database: () => Kysely<Database>): void {
  describe('sessions', () => {
    const newUser = (role: 'operator' | 'manager') => ({
      ...{ name: randomUUID(), fullName: '', role, sites: null, passwordHash: 'h1', mustChangePassword: false },
      at: NOW,
    });

    it('has users by name, once', async () => {
      const user = newUser('operator');
      const before = await countUsers(database());
      expect(await insertUser(database(), user)).toMatchObject({ name: user.name });
      expect(await insertUser(database(), { ...user, passwordHash: 'h2' })).toBeUndefined();
      expect(await countUsers(database())).toBe(before + 1);
      expect(await findUser(database(), user.name)).toMatchObject({
        ...{ name: user.name, password_hash: 'h1', created_at: NOW, role: 'operator' },
        ...{ sites: null, disabled_at: null, must_change_password: false },
      });
      expect(await findUser(database(), 'nobody')).toBeUndefined();
    });

    it('ends a session by time, by signing out and with all others of its user', async () => {
      const { name: user, ...more } = newUser('manager');
      const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()] as [string, string, string];
      await insertUser(database(), { name: user, ...more });
      for (const tokenHash of [one, two, three]) {
        await createSession(database(), { tokenHash, user, at: NOW, expiresAt: NOW + 1_000 });
      }
      expect(await findSession(database(), one, NOW + 999)).toMatchObject({
        user_name: user,
        last_seen_at: NOW,
        role: 'manager',
      });
      expect(await findSession(database(), one, NOW + 1_000)).toBeUndefined();
      await touchSession(database(), one, NOW + 500, NOW + 2_000);
      expect(await findSession(database(), one, NOW + 1_000)).toMatchObject({ last_seen_at: NOW + 500 });
      expect(await deleteSession(database(), two)).toBe(user);
      expect(await deleteSession(database(), two)).toBeUndefined();
      expect(await findSession(database(), two, NOW)).toBeUndefined();
      expect(await deleteExpiredSessions(database(), NOW + 1_000)).toBe(1);
      const ended = await endAllOf(database(), user, { at: NOW, reason: 'password reset' });
      expect(ended).toEqual({ sessionsEnded: 1, clientsEnded: 0 });
      expect(await findSession(database(), one, NOW)).toBeUndefined();
    });
  });
}

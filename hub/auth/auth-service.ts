/** Who may come in: passwords, the sessions of browsers, and the first user of a new hub. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely } from 'kysely';
import { type Actor, appendAudit, HUB } from '../store/postgres/audit.ts';
import type { Database } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { insertUser, noteSignIn, type UserRow } from '../store/postgres/users.ts';
import {
  countUsers,
  createSession,
  deleteExpiredSessions,
  deleteSession,
  findSession,
  findUser,
  touchSession,
} from '../store/postgres/users-and-sessions.ts';
import { digest } from './digest.ts';
import { type Identity, identityOfUser } from './identity.ts';
import { LoginThrottle } from './login-throttle.ts';
import { generatePassword, hashPassword, verifyPassword } from './password.ts';

/** A session lives for so long after its last use. Milliseconds. */
export const SESSION_MS = 12 * 3_600_000;
/** Its last use is noted at most so often. */
const TOUCH_MS = 60_000;
export const FIRST_USER = 'admin';
/** File that keeps its generated password, in dataDir. */
export const FIRST_PASSWORD = 'first-password';

export interface AuthServiceOptions {
  db: Kysely<Database>;
  /** File that keeps the first user's generated password, readable by the hub's user only. */
  firstPasswordFile: string;
  throttle?: LoginThrottle;
  now(): number;
}

/** From where somebody comes who is not known yet. */
export type Origin = Pick<Actor, 'address' | 'requestId'>;

export class AuthService {
  readonly #options: AuthServiceOptions;
  readonly #throttle: LoginThrottle;
  /** Compared with when a name is unknown, so that it takes as long as a wrong password. */
  #decoy = '';

  constructor(options: AuthServiceOptions) {
    this.#options = options;
    this.#throttle = options.throttle ?? new LoginThrottle();
  }

  /** Creates the first user of a new hub. Returns its password then, and null ever after. */
  async start(): Promise<{ user: string; password: string } | null> {
    const { db, firstPasswordFile } = this.#options;
    this.#decoy = await hashPassword(generatePassword());
    await this.sweep();
    if ((await countUsers(db)) > 0) return null;
    const password = generatePassword();
    // First the file: a user whose password nobody knows could never come in.
    // One that a crash has left behind goes, for an existing file would keep the mode that it has.
    await rm(firstPasswordFile, { force: true });
    await writeFile(firstPasswordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
    const passwordHash = await hashPassword(password);
    if (!(await this.#createFirst(passwordHash))) {
      // Another hub on this store was faster: its password is the one that counts.
      await rm(firstPasswordFile, { force: true });
      return null;
    }
    return { user: FIRST_USER, password };
  }

  /** False when there is one of this name. */
  async #createFirst(passwordHash: string): Promise<boolean> {
    const { db, now } = this.#options;
    const at = now();
    return inTransaction(db, async (trx) => {
      const row = await insertUser(trx, {
        ...{ name: FIRST_USER, fullName: '', role: 'admin', sites: null, passwordHash },
        ...{ mustChangePassword: false, at },
      });
      if (!row) return false;
      const note = { actor: HUB, action: 'user.create', target: FIRST_USER, outcome: 'done' } as const;
      await appendAudit(trx, { ...note, after: { role: 'admin', sites: null }, at });
      return true;
    });
  }

  /** Sessions that are over go. */
  async sweep(): Promise<void> {
    await deleteExpiredSessions(this.#options.db, this.#options.now());
  }

  /** Where the first password still stands; null when the file is gone. */
  get firstPasswordFile(): string | null {
    const { firstPasswordFile } = this.#options;
    return existsSync(firstPasswordFile) ? firstPasswordFile : null;
  }

  /** The first user has another password: the generated one opens nothing any more. */
  async passwordChanged(name: string): Promise<void> {
    if (name === FIRST_USER) await rm(this.#options.firstPasswordFile, { force: true });
  }

  /**
   * Checks a password. Both ways in, by session and by token, go through here.
   *
   * @param way what is noted in the audit log as the way in
   * @throws LinesideError LOGIN_REFUSED, LOGIN_THROTTLED (a ThrottledError)
   */
  async verify(typed: string, password: string, origin: Origin, way: 'session' | 'token'): Promise<UserRow> {
    const { db, now } = this.#options;
    // A phone begins every word with a capital.
    const name = typed.trim().toLowerCase();
    const keys = [`name ${name}`, `address ${origin.address}`];
    this.#throttle.attempt(keys, now());
    const user = await findUser(db, name);
    const right = await verifyPassword(user?.password_hash ?? this.#decoy, password);
    const actor: Actor = { ...origin, name, kind: 'nobody' };
    const note = { action: 'user.sign-in', target: name, after: { way }, at: now() };
    if (!user?.password_hash || user.disabled_at !== null || !right) {
      // The throttle bounds how many there are of a name; names that are none would be without end.
      if (user) await appendAudit(db, { ...note, actor, outcome: 'refused' });
      throw new LinesideError('LOGIN_REFUSED', 'peer', 'unknown name or wrong password');
    }
    this.#throttle.succeeded(keys);
    await noteSignIn(db, name, now());
    await appendAudit(db, { ...note, actor: { ...actor, kind: 'user' }, outcome: 'done' });
    return user;
  }

  /**
   * Checks a password and opens a session. Returns the token for the cookie; only its digest is stored.
   * @throws LinesideError LOGIN_REFUSED, LOGIN_THROTTLED (a ThrottledError)
   */
  async login(typed: string, password: string, origin: Origin): Promise<{ identity: Identity; token: string }> {
    const user = await this.verify(typed, password, origin, 'session');
    return { identity: identityOfUser(user), token: await this.open(user.name) };
  }

  /** Opens a session for somebody who has proved who they are. Returns the token for the cookie. */
  async open(user: string): Promise<string> {
    const { db, now } = this.#options;
    const token = randomBytes(32).toString('base64url');
    await createSession(db, { tokenHash: digest(token), user, at: now(), expiresAt: now() + SESSION_MS });
    return token;
  }

  /** Whose session it is; null when it is over or never was. */
  async session(token: string): Promise<Identity | null> {
    const { db, now } = this.#options;
    const hash = digest(token);
    const session = await findSession(db, hash, now());
    if (!session) return null;
    if (now() - session.last_seen_at > TOUCH_MS) await touchSession(db, hash, now(), now() + SESSION_MS);
    return identityOfUser(session);
  }

  /** Whose session it was; undefined when there was none. */
  async logout(token: string, origin: Origin): Promise<string | undefined> {
    const { db, now } = this.#options;
    return inTransaction(db, async (trx) => {
      const name = await deleteSession(trx, digest(token));
      if (name === undefined) return undefined;
      await appendAudit(trx, {
        ...{ actor: { ...origin, name, kind: 'user' }, action: 'user.sign-out', target: name, outcome: 'done' },
        ...{ after: { way: 'session' }, at: now() },
      });
      return name;
    });
  }
}

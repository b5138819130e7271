/** Who may come in: users, their sessions, and the first user of a new hub. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely } from 'kysely';
import type { Database } from '../store/postgres/schema.ts';
import {
  countUsers,
  createSession,
  createUser,
  deleteExpiredSessions,
  deleteSession,
  findSession,
  findUser,
  touchSession,
} from '../store/postgres/users-and-sessions.ts';
import { type Identity, identityOfUser } from './identity.ts';
import { LoginThrottle } from './login-throttle.ts';
import { generatePassword, hashPassword, verifyPassword } from './password.ts';

/** A session lives for so long after its last use. Milliseconds. */
export const SESSION_MS = 12 * 3_600_000;
/** Its last use is noted at most so often. */
const TOUCH_MS = 60_000;
const FIRST_USER = 'admin';

export interface AuthServiceOptions {
  db: Kysely<Database>;
  /** File that keeps the first user's generated password, readable by the hub's user only. */
  firstPasswordFile: string;
  now(): number;
}

/** LOGIN_THROTTLED, with the seconds to wait. */
export class ThrottledError extends LinesideError {
  readonly seconds: number;

  constructor(seconds: number) {
    super('LOGIN_THROTTLED', 'peer', `too many attempts; try again in ${seconds} s`);
    this.seconds = seconds;
  }
}

export class AuthService {
  readonly #options: AuthServiceOptions;
  readonly #throttle = new LoginThrottle();
  /** Compared with when a name is unknown, so that it takes as long as a wrong password. */
  #decoy = '';

  constructor(options: AuthServiceOptions) {
    this.#options = options;
  }

  /** Creates the first user of a new hub. Returns its password then, and null ever after. */
  async start(): Promise<{ user: string; password: string } | null> {
    const { db, firstPasswordFile, now } = this.#options;
    this.#decoy = await hashPassword(generatePassword());
    await deleteExpiredSessions(db, now());
    if ((await countUsers(db)) > 0) return null;
    const password = generatePassword();
    // First the file: a user whose password nobody knows could never come in.
    // One that a crash has left behind goes, for an existing file would keep the mode that it has.
    await rm(firstPasswordFile, { force: true });
    await writeFile(firstPasswordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
    await createUser(db, { name: FIRST_USER, role: 'admin', passwordHash: await hashPassword(password), at: now() });
    return { user: FIRST_USER, password };
  }

  /** Where the first password still stands; null when the file is gone. */
  get firstPasswordFile(): string | null {
    const { firstPasswordFile } = this.#options;
    return existsSync(firstPasswordFile) ? firstPasswordFile : null;
  }

  /**
   * Checks a password and opens a session. Returns the token for the cookie; only its digest is stored.
   * @throws LinesideError LOGIN_REFUSED, LOGIN_THROTTLED (a ThrottledError)
   */
  async login(typed: string, password: string, address: string): Promise<{ identity: Identity; token: string }> {
    const { db, now } = this.#options;
    // A phone begins every word with a capital.
    const name = typed.trim().toLowerCase();
    const keys = [`name ${name}`, `address ${address}`];
    const wait = this.#throttle.waitFor(keys, now());
    if (wait > 0) {
      throw new ThrottledError(Math.ceil(wait / 1000));
    }
    // Counted before the slow check, so that parallel guesses are not free.
    this.#throttle.failed(keys, now());
    const user = await findUser(db, name);
    const right = await verifyPassword(user?.password_hash ?? this.#decoy, password);
    if (!user || user.disabled_at !== null || !right)
      throw new LinesideError('LOGIN_REFUSED', 'peer', 'unknown name or wrong password');
    this.#throttle.succeeded(keys);
    const token = randomBytes(32).toString('base64url');
    await createSession(db, { tokenHash: digest(token), user: name, at: now(), expiresAt: now() + SESSION_MS });
    return { identity: identityOfUser(user), token };
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

  async logout(token: string): Promise<void> {
    await deleteSession(this.#options.db, digest(token));
  }
}

/** Tokens are 256 random bits: a fast digest keeps a stolen table useless. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

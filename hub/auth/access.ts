/** All that decides who comes in, in one: users, their sessions, tokens of clients, API keys, the provider, the audit log. */

import { join } from 'node:path';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import type { AuthConfig } from '../config/auth.ts';
import { deleteExpiredFamilies } from '../store/postgres/client-tokens.ts';
import type { Database } from '../store/postgres/schema.ts';
import type { AuditLog } from './audit-log.ts';
import { AuthService, FIRST_PASSWORD, type Origin } from './auth-service.ts';
import { ChangesElsewhere } from './changes-elsewhere.ts';
import type { Identity } from './identity.ts';
import { KEY_PREFIX, KeyDesk } from './key-desk.ts';
import { LoginThrottle } from './login-throttle.ts';
import { IdentityProvider } from './provider.ts';
import { type Recovered, type RecoverWish, recoverUser } from './recover-user.ts';
import { SigningKeys } from './signing-key.ts';
import { TokenDesk } from './token-desk.ts';
import { UserDesk } from './user-desk.ts';

const SWEEP_MS = 3_600_000;
/** Whoever was known a moment ago is still: a page asks for many things at once. Ended here, it ends at once. */
const KNOWN_MS = 2_000;
const MAX_KNOWN = 2_000;

export interface AccessOptions {
  db: Kysely<Database>;
  /** Whether other hubs use the same tables. */
  shared: boolean;
  audit: AuditLog;
  /** Folder of the hub's own. */
  dataDir: string;
  config: AuthConfig;
  /** Of the provider's client. */
  clientSecret?: string | undefined;
  isPlace(path: string): boolean;
  /** Words that a password must not be made of. */
  passwordContext: readonly string[];
  log: Logger;
  now(): number;
}

/** What a request brings to say who it comes from. */
export interface Credentials {
  session?: string | undefined;
  /** Of the header Authorization; with it the session is not looked at. */
  bearer?: string | undefined;
  address: string;
}

export class Access {
  readonly sessions: AuthService;
  readonly users: UserDesk;
  readonly keys: KeyDesk;
  readonly tokens: TokenDesk;
  readonly audit: AuditLog;
  readonly provider: IdentityProvider | null;
  readonly db: Kysely<Database>;
  readonly #signing: SigningKeys;
  readonly #throttle = new LoginThrottle();
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #known = new Map<string, { identity: Identity; until: number }>();
  #timer: NodeJS.Timeout | undefined;
  #forgotten = 0;
  readonly #listeners = new Set<(who: string) => void>();
  readonly #elsewhere: ChangesElsewhere | undefined;

  constructor({
    db,
    shared,
    audit,
    dataDir,
    config,
    clientSecret,
    isPlace,
    passwordContext,
    log,
    now,
  }: AccessOptions) {
    const throttle = this.#throttle;
    const onChange = (who: string) => this.forget(who);
    this.db = db;
    this.#now = now;
    this.#log = log;
    this.#signing = new SigningKeys(db, join(dataDir, 'token-key.json'));
    this.sessions = new AuthService({ db, firstPasswordFile: join(dataDir, FIRST_PASSWORD), throttle, now });
    this.users = new UserDesk({
      ...{ db, isPlace, throttle, passwordContext, now, onChange },
      minPasswordLength: config.minPasswordLength,
    });
    this.keys = new KeyDesk({ db, isPlace, onChange, now });
    this.tokens = new TokenDesk({ db, keys: this.#signing, onChange, now });
    this.audit = audit;
    const onChangeElsewhere = (who: string, action: string) => {
      if (action === 'user.recover') throttle.forgive();
      if (action === 'user.reset-password') throttle.succeeded([`name ${who}`]);
      this.forget(who);
    };
    this.#elsewhere = shared ? new ChangesElsewhere({ db, onChange: onChangeElsewhere, log }) : undefined;
    this.provider = config.oidc ? new IdentityProvider(config.oidc, clientSecret, log, now) : null;
  }

  /** Returns the first user of a new hub with the password, and null ever after. */
  async start(): Promise<{ user: string; password: string } | null> {
    await this.#signing.start(this.#now());
    await this.#elsewhere?.start();
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    return this.sessions.start();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#elsewhere?.stop();
  }

  /** Who it is; null when nobody that may come in. */
  async identify({ session, bearer, address }: Credentials): Promise<Identity | null> {
    const credential = bearer ?? session;
    if (!credential) return null;
    const from = bearer === undefined ? 'session' : 'bearer';
    const known = this.#known.get(`${from} ${credential}`);
    if (known && known.until > this.#now()) return known.identity;
    const before = this.#forgotten;
    const identity = await (bearer === undefined
      ? this.sessions.session(credential)
      : credential.startsWith(KEY_PREFIX)
        ? this.keys.identify(credential, address)
        : this.tokens.identify(credential));
    // Not when rights have changed while the store was asked.
    if (identity && before === this.#forgotten) this.#know(`${from} ${credential}`, identity);
    return identity;
  }

  /** Ends a session. */
  async logout(session: string, origin: Origin): Promise<void> {
    const who = await this.sessions.logout(session, origin);
    if (who !== undefined) this.forget(who);
  }

  /** For a command of this machine. @throws LinesideError USER_NOT_FOUND, USER_BY_PROVIDER */
  async recover(wish: RecoverWish, by: string): Promise<Recovered> {
    const recovered = await recoverUser(this.db, wish, by, this.#now());
    // Whoever has tried for long has to wait, by the name and by the address.
    this.#throttle.forgive();
    this.forget(wish.name);
    await this.sessions.passwordChanged(wish.name);
    return recovered;
  }

  /** Somebody's rights have changed, or what they came in by has ended: everybody is asked for anew. */
  forget(who: string): void {
    this.#forgotten++;
    this.#known.clear();
    for (const listener of this.#listeners) listener(who);
  }

  /** Tells whose rights may be others now, by the name of their identity. @returns ends the telling */
  onChange(listener: (who: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #know(credential: string, identity: Identity): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const until = Math.min(this.#now() + KNOWN_MS, identity.endsAt ?? Number.POSITIVE_INFINITY);
    this.#known.set(credential, { identity, until });
  }

  async #sweep(): Promise<void> {
    try {
      await this.sessions.sweep();
      await deleteExpiredFamilies(this.db, this.#now());
    } catch (error) {
      this.#log.warn({ error }, 'sessions that are over are still there');
    }
  }
}

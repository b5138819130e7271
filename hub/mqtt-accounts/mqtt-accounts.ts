/**
 * Accounts of integrators that are made while the hub runs: each hears the topics of its sites, and sets nothing. Kept
 * in memory as well, for the broker asks at every message.
 */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import * as store from '../store/postgres/mqtt-accounts.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { hashPassword, newPassword, verifyPassword } from './password-hash.ts';

/** As many as the file may have. */
const MAX_ACCOUNTS = 200;

export interface MqttAccountsOptions {
  db: Kysely<Database>;
  /** Ids of the plant's sites. */
  sites: string[];
  /** Why there is nothing that an account could hear; empty when there is. */
  unheard: string;
  /** What else goes by this name, in words; empty when nothing does. */
  takenBy(name: string): Promise<string>;
  /** It is gone, or has another password: nobody is to stay connected by it. */
  onChanged(name: string): void;
  log: Logger;
  now(): number;
}

export type MqttAccount = Omit<Row<'mqtt_accounts'>, 'password_hash'>;

export class MqttAccounts {
  readonly #options: MqttAccountsOptions;
  #accounts = new Map<string, Row<'mqtt_accounts'>>();

  constructor(options: MqttAccountsOptions) {
    this.#options = options;
  }

  /** Reads them, again: another process may have changed them. */
  async refresh(): Promise<void> {
    const rows = await store.listMqttAccounts(this.#options.db);
    const before = this.#accounts;
    this.#accounts = new Map(rows.map((row) => [row.name, row]));
    for (const [name, { password_hash }] of before) {
      if (this.#accounts.get(name)?.password_hash !== password_hash) this.#options.onChanged(name);
    }
  }

  list(): MqttAccount[] {
    return [...this.#accounts.values()].map(({ password_hash: _secret, ...account }) => account);
  }

  /** With what proves their passwords, for a broker that is not ours. */
  withHashes(): Row<'mqtt_accounts'>[] {
    return [...this.#accounts.values()];
  }

  /** Ids of the sites that it hears, null for all; undefined when there is no such account. */
  sitesOf(name: string): string[] | null | undefined {
    return this.#accounts.get(name)?.sites;
  }

  verify(name: string, password: Buffer): boolean {
    const account = this.#accounts.get(name);
    return account !== undefined && verifyPassword(account.password_hash, password);
  }

  /**
   * Returns the password, which is not kept.
   *
   * @throws LinesideError ACCOUNT_NAME_TAKEN, SITE_NOT_FOUND, ACCOUNTS_HEAR_NOTHING, TOO_MANY_ACCOUNTS
   */
  async create(
    { name, sites, comment }: { name: string; sites: string[] | null; comment: string },
    actor: Actor,
  ): Promise<{ account: MqttAccount; password: string }> {
    const { db, takenBy, unheard, log, now } = this.#options;
    if (unheard !== '') throw new LinesideError('ACCOUNTS_HEAR_NOTHING', 'config', unheard);
    if (this.#accounts.size >= MAX_ACCOUNTS) {
      throw new LinesideError('TOO_MANY_ACCOUNTS', 'peer', `there are ${MAX_ACCOUNTS} accounts, which is the most`);
    }
    const unknown = sites?.find((site) => !this.#options.sites.includes(site));
    if (unknown !== undefined) {
      const words = `the plant has no site "${unknown}"; it has ${this.#options.sites.join(', ')}`;
      throw new LinesideError('SITE_NOT_FOUND', 'peer', words);
    }
    const taken = (await takenBy(name)) || (this.#accounts.has(name) ? 'an account already' : '');
    const password = newPassword();
    const at = now();
    const row = {
      ...{ name, password_hash: hashPassword(password), sites, comment },
      ...{ created_at: at, created_by: actor.name, password_at: at },
    };
    const made = await inTransaction(db, async (trx) => {
      if (taken !== '' || !(await store.insertMqttAccount(trx, row))) return false;
      const note = { actor, action: 'mqtt-account.create', target: name, outcome: 'done' } as const;
      await appendAudit(trx, { ...note, after: { sites, comment }, at });
      return true;
    });
    if (!made) {
      const words = `"${name}" is ${taken || 'an account already'}; give it another name`;
      throw new LinesideError('ACCOUNT_NAME_TAKEN', 'peer', words);
    }
    await this.refresh();
    log.warn({ account: name, sites, by: actor.name }, 'an MQTT account was made');
    const { password_hash: _secret, ...account } = row;
    return { account, password };
  }

  /** Another password; who is connected by the old one is disconnected. @throws LinesideError ACCOUNT_NOT_FOUND */
  async renewPassword(name: string, actor: Actor): Promise<string> {
    const { db, log, now } = this.#options;
    const password = newPassword();
    const at = now();
    await inTransaction(db, async (trx) => {
      const before = await store.setMqttPassword(trx, name, { hash: hashPassword(password), at });
      if (!before) throw notFound(name);
      await appendAudit(trx, {
        ...{ actor, action: 'mqtt-account.reset-password', target: name, outcome: 'done', at },
        ...{ before: { passwordAt: before.password_at }, after: { passwordAt: at } },
      });
    });
    await this.refresh();
    log.warn({ account: name, by: actor.name }, 'an MQTT account has another password');
    return password;
  }

  /** @throws LinesideError ACCOUNT_NOT_FOUND */
  async remove(name: string, actor: Actor): Promise<void> {
    const { db, log, now } = this.#options;
    await inTransaction(db, async (trx) => {
      const gone = await store.deleteMqttAccount(trx, name);
      if (!gone) throw notFound(name);
      const { sites, comment } = gone;
      const note = { actor, action: 'mqtt-account.delete', target: name, outcome: 'done' } as const;
      await appendAudit(trx, { ...note, before: { sites, comment }, at: now() });
    });
    await this.refresh();
    log.warn({ account: name, by: actor.name }, 'an MQTT account was removed');
  }
}

function notFound(name: string): LinesideError {
  return new LinesideError(
    'ACCOUNT_NOT_FOUND',
    'peer',
    `there is no MQTT account ${name} that was made through the API`,
  );
}

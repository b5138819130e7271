/** Who may hear the unified namespace at the embedded broker, and what of it. */
import type { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import type { IntegratorConfig } from './config.ts';

/** Accounts that come and go while the hub runs; they set nothing. */
export interface ManagedAccounts {
  verify(name: string, password: Buffer): boolean;
  /** Ids of the sites that it hears, null for all; undefined when there is no such account. */
  sitesOf(name: string): string[] | null | undefined;
}

export interface IntegratorsOptions {
  /** Those of the configuration. */
  accounts: IntegratorConfig[];
  managed?: ManagedAccounts | undefined;
  /** Of the accounts. */
  credentials: Credentials;
  /** First levels of all topics. */
  prefix: string;
  /** Id of the enterprise. */
  enterprise: string;
}

export class Integrators {
  readonly #credentials: Credentials;
  /** Topics begin with one of these. */
  readonly #heard = new Map<string, string[]>();
  readonly #writers: Set<string>;
  readonly #managed: ManagedAccounts | undefined;
  readonly #prefix: string;
  readonly #enterprise: string;

  constructor({ accounts, managed, credentials, prefix, enterprise }: IntegratorsOptions) {
    this.#credentials = credentials;
    this.#managed = managed;
    this.#prefix = prefix;
    this.#enterprise = enterprise;
    for (const { name, sites } of accounts) this.#heard.set(name, this.#beginnings(sites));
    this.#writers = new Set(accounts.filter(({ write }) => write).map(({ name }) => name));
  }

  verify(name: string, password: Buffer): boolean {
    return this.#credentials.verify(name, password) || (this.#managed?.verify(name, password) ?? false);
  }

  mayHear(name: string, topic: string): boolean {
    return this.#heardBy(name).some((begin) => topic.startsWith(begin));
  }

  mayWrite(name: string, topic: string): boolean {
    return this.#writers.has(name) && this.mayHear(name, topic);
  }

  #heardBy(name: string): string[] {
    const fixed = this.#heard.get(name);
    if (fixed) return fixed;
    const sites = this.#managed?.sitesOf(name);
    return sites === undefined ? [] : this.#beginnings(sites);
  }

  #beginnings(sites: string[] | null | undefined): string[] {
    return sites?.map((site) => `${this.#prefix}/${this.#enterprise}/${site}/`) ?? [`${this.#prefix}/`];
  }
}

/** Who may hear the unified namespace at the embedded broker, and what of it. */
import type { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import type { IntegratorConfig } from './config.ts';

export interface IntegratorsOptions {
  accounts: IntegratorConfig[];
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

  constructor({ accounts, credentials, prefix, enterprise }: IntegratorsOptions) {
    this.#credentials = credentials;
    for (const { name, sites } of accounts) {
      this.#heard.set(name, sites?.map((site) => `${prefix}/${enterprise}/${site}/`) ?? [`${prefix}/`]);
    }
    this.#writers = new Set(accounts.filter(({ write }) => write).map(({ name }) => name));
  }

  verify(name: string, password: Buffer): boolean {
    return this.#credentials.verify(name, password);
  }

  mayHear(name: string, topic: string): boolean {
    return this.#heard.get(name)?.some((begin) => topic.startsWith(begin)) ?? false;
  }

  mayWrite(name: string, topic: string): boolean {
    return this.#writers.has(name) && this.mayHear(name, topic);
  }
}

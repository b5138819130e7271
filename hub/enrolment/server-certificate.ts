/** The certificate that the embedded broker shows, issued by the hub's own authority and renewed in time. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Authority } from './authority.ts';

const DAYS = 365;

interface Pair {
  certificate: string;
  key: string;
}

export class ServerCertificate {
  readonly #file: string;
  readonly #authority: Authority;
  readonly #names: string[];
  readonly #log: Logger;
  #pair: Pair | undefined;

  /** @param names beside those of this machine */
  constructor(folder: string, authority: Authority, names: string[], log: Logger) {
    this.#file = join(folder, 'broker.pem');
    this.#authority = authority;
    this.#names = names;
    this.#log = log;
  }

  /** PEM. Only after `keepFresh`. */
  get pair(): Pair {
    return this.#pair!;
  }

  /** Host names and addresses that it is for. */
  get names(): string[] {
    return [...new Set([...this.#names, hostname(), 'localhost', ...addresses()])].filter((name) => name !== '');
  }

  /** Issues one when there is none that will do. @returns whether it did */
  async keepFresh(now: number): Promise<boolean> {
    this.#pair ??= await this.#stored();
    if (this.#pair && this.#isGood(this.#pair, now)) return false;
    const { names } = this;
    this.#pair = await this.#authority.server(names, now, DAYS);
    const { key, certificate } = this.#pair;
    await writeDurably(this.#file, `${key.trim()}\n${certificate.trim()}\n`, { mode: 0o600 });
    this.#log.info({ names }, 'issued a certificate for the broker');
    return true;
  }

  #isGood({ certificate }: Pair, now: number): boolean {
    const known = new X509Certificate(certificate);
    const [from, to] = [known.validFromDate.getTime(), known.validToDate.getTime()];
    if (!this.#authority.hasSigned(known) || now < from || now > from + (2 / 3) * (to - from)) return false;
    const has = new Set(
      (known.subjectAltName ?? '').split(', ').map((entry) => entry.replace(/^(DNS|IP Address):/, '')),
    );
    return this.names.every((name) => has.has(name) || known.checkIP(name) !== undefined);
  }

  async #stored(): Promise<Pair | undefined> {
    try {
      const text = await readFile(this.#file, 'utf8');
      const key = createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString();
      return { certificate: new X509Certificate(text).toString(), key };
    } catch {
      // None yet, or damaged: another one costs nothing.
      return undefined;
    }
  }
}

/** Of this machine, without those that mean something else on each link. */
function addresses(): string[] {
  return Object.values(networkInterfaces())
    .flat()
    .flatMap((each) => (each && !each.address.startsWith('fe80') ? [each.address] : []));
}

/** A certificate that the hub shows to its clients, issued by its own authority and renewed in time. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Authority } from './authority.ts';
import type { Pair, ShownCertificate } from './shown-certificate.ts';

const DAYS = 365;

export interface ServerCertificateOptions {
  /** Key and certificate, made when it is not there. */
  file: string;
  authority: Authority;
  /** Beside those of this machine. */
  names: string[];
  /** Who shows it, for the log. */
  what: string;
  log: Logger;
}

export class ServerCertificate implements ShownCertificate {
  readonly origin = 'of the hub’s own authority';
  readonly #options: ServerCertificateOptions;
  #pair: Pair | undefined;

  constructor(options: ServerCertificateOptions) {
    this.#options = options;
  }

  /** With the authority, so that a gateway that enrols knows it by the fingerprint in its token. */
  get pair(): Pair {
    const { certificate, key } = this.#pair!;
    return { certificate: `${certificate.trim()}\n${this.#options.authority.certificate}`, key };
  }

  /** Host names and addresses that it is for. */
  get names(): string[] {
    return [...new Set([...this.#options.names, hostname(), 'localhost', ...addresses()])].filter(
      (name) => name !== '',
    );
  }

  /** Issues one when there is none that will do. */
  async keepFresh(now: number): Promise<boolean> {
    const { authority, file, what, log } = this.#options;
    this.#pair ??= await this.#stored();
    if (this.#pair && this.#isGood(this.#pair, now)) return false;
    const { names } = this;
    const issued = await authority.server(names, now, DAYS);
    await writeDurably(file, `${issued.key.trim()}\n${issued.certificate.trim()}\n`, { mode: 0o600 });
    this.#pair = issued;
    log.info({ names }, `issued a certificate for ${what}`);
    return true;
  }

  #isGood({ certificate }: Pair, now: number): boolean {
    const known = new X509Certificate(certificate);
    const [from, to] = [known.validFromDate.getTime(), known.validToDate.getTime()];
    if (!this.#options.authority.hasSigned(known) || now < from || now > from + (2 / 3) * (to - from)) return false;
    const has = new Set(
      (known.subjectAltName ?? '').split(', ').map((entry) => entry.replace(/^(DNS|IP Address):/, '')),
    );
    return this.names.every((name) => has.has(name) || known.checkIP(name) !== undefined);
  }

  async #stored(): Promise<Pair | undefined> {
    try {
      const text = await readFile(this.#options.file, 'utf8');
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

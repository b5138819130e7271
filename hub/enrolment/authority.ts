/**
 * The hub's own authority: it signs the certificates of gateways and of its own broker. Made at first use. Its key is in
 * one file with its certificate, so that there is never one without the other, and nowhere else.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { link, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncToDisk, writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { fingerprintOf } from '@lineside/shared/enrolment/token.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Issuer, issue, newKey, readKey, revocationList, selfSigned, type Validity } from './x509.ts';

const DAY_MS = 86_400_000;
/** Longer than a machine lives: whoever changes it has to enrol every gateway again. */
const LIFE_MS = 25 * 365 * DAY_MS;
/** A list is replaced when it changes; one that is over would shut everybody out. */
const LIST_LIFE_MS = 10 * 365 * DAY_MS;
/** Clocks that are late by less take a new certificate at once. */
const BACKDATED_MS = DAY_MS;

export class Authority {
  readonly #issuer: Issuer;
  /** PEM. */
  readonly certificate: string;
  /** SHA-256, base64url: what a token carries. */
  readonly fingerprint: string;

  private constructor(issuer: Issuer) {
    this.#issuer = issuer;
    this.certificate = issuer.certificate.toString();
    this.fingerprint = fingerprintOf(issuer.certificate.raw);
  }

  /**
   * Opens the one in `folder`, and makes it when there is none. Two processes that do so at once get the same.
   *
   * @throws LinesideError AUTHORITY_UNREADABLE naming the file
   */
  static async open(folder: string, now: number, log: Logger): Promise<Authority> {
    const file = fileIn(folder);
    let text = await readText(file);
    if (text === null) {
      await make(folder, now);
      text = await readText(file);
      log.warn(
        { file },
        'made the authority that signs the certificates of gateways: keep its file with the backups, and secret',
      );
    }
    const authority = Authority.#read(file, text ?? '');
    // For whoever has to trust it; made again when somebody removed it.
    const open = join(folder, 'ca.pem');
    const isThere = async () => (await readText(open)) === authority.certificate;
    if (!(await isThere())) {
      // Of two that write it at once, one finds that the other has put it in its place.
      await writeDurably(open, authority.certificate).catch(async (error: unknown) => {
        if (!(await isThere())) throw error;
      });
    }
    return authority;
  }

  static #read(file: string, text: string): Authority {
    try {
      const certificate = new X509Certificate(text);
      return new Authority({ certificate, key: readKey(text) });
    } catch (cause) {
      const words = `${file} holds no authority: ${messageOf(cause)}; restore it from a backup. Without it no gateway can enrol or renew`;
      throw new LinesideError('AUTHORITY_UNREADABLE', 'config', words, { cause });
    }
  }

  /** A certificate (PEM) by which a gateway comes in. @param publicKey SPKI, DER. @param days how long it is valid */
  client(gateway: string, publicKey: Buffer, now: number, days: number): Promise<string> {
    const subject = {
      name: gateway,
      publicKey,
      purpose: 'client' as const,
      names: [`urn:lineside:gateway:${gateway}`],
    };
    return issue(this.#issuer, subject, this.#life(now, days));
  }

  /** A certificate (PEM) for a server of the hub, and its key. @param names host names and addresses */
  async server(names: string[], now: number, days: number): Promise<{ certificate: string; key: string }> {
    const { pair, pem } = await newKey();
    const publicKey = Buffer.from(await crypto.subtle.exportKey('spki', pair.publicKey));
    const subject = { name: names[0]!.slice(0, 64), publicKey, purpose: 'server' as const, names };
    return { certificate: await issue(this.#issuer, subject, this.#life(now, days)), key: pem };
  }

  /** PEM. */
  revocationList(entries: { serial: string; at: number }[], now: number): Promise<string> {
    return revocationList(this.#issuer, entries, { thisUpdate: now - BACKDATED_MS, nextUpdate: now + LIST_LIFE_MS });
  }

  /** Whether it has signed this. */
  hasSigned(certificate: X509Certificate): boolean {
    const own = this.#issuer.certificate;
    return certificate.checkIssued(own) && certificate.verify(own.publicKey);
  }

  #life(now: number, days: number): Validity {
    const end = this.#issuer.certificate.validToDate.getTime();
    return { notBefore: now - BACKDATED_MS, notAfter: Math.min(end, now + days * DAY_MS) };
  }
}

function fileIn(folder: string): string {
  return join(folder, 'authority.pem');
}

async function make(folder: string, now: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const { pair, pem } = await newKey();
  const name = `Lineside authority ${randomBytes(3).toString('hex')}`;
  const certificate = await selfSigned(name, pair, { notBefore: now - BACKDATED_MS, notAfter: now + LIFE_MS });
  const aside = join(folder, `.${process.pid}.${randomBytes(4).toString('hex')}`);
  await writeDurably(aside, `${pem.trim()}\n${certificate.trim()}\n`, { mode: 0o600 });
  try {
    // Unlike a rename, this never replaces one that another process has made meanwhile.
    await link(aside, fileIn(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
  await syncToDisk(folder);
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new LinesideError('AUTHORITY_UNREADABLE', 'config', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

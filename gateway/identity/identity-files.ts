/**
 * By what this gateway comes in at the hub: its key with the certificate for it, and the authority that it trusts, as
 * files that a command and the daemon both know. Key and certificate are one file, so that they change as one.
 *
 * gateway.pem   key and certificate, for the gateway's user alone
 * ca.pem        the hub's authority
 * pending.key   of a certificate that was asked for and has not come yet
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CertificateStatus } from '@lineside/shared/contracts/link.ts';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { giveToOwnerOf } from '@lineside/shared/disk/owner.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

export interface Identity {
  /** PEM. */
  key: string;
  certificate: X509Certificate;
}

export class IdentityFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get certFile(): string {
    return join(this.folder, 'gateway.pem');
  }

  get caFile(): string {
    return join(this.folder, 'ca.pem');
  }

  get #pendingFile(): string {
    return join(this.folder, 'pending.key');
  }

  /** Null before it has enrolled. @throws LinesideError IDENTITY_UNREADABLE */
  read(): Identity | null {
    const text = readText(this.certFile);
    if (text === null) return null;
    try {
      const key = createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString();
      return { key, certificate: new X509Certificate(text) };
    } catch (cause) {
      const words = `${this.certFile} holds no key and certificate: ${messageOf(cause)}; enrol the gateway again`;
      throw new LinesideError('IDENTITY_UNREADABLE', 'config', words, { cause });
    }
  }

  /** The authority that it trusts; null before it has enrolled. */
  authority(): X509Certificate | null {
    const text = readText(this.caFile);
    return text === null ? null : new X509Certificate(text);
  }

  /** The key for the next certificate: the one that was made before, so that a repeated question is the same. */
  async pendingKey(): Promise<string> {
    const known = readText(this.#pendingFile);
    if (known !== null) return known;
    const { newKey } = await import('./key-and-request.ts');
    const key = await newKey();
    await this.#write(this.#pendingFile, key, 0o600);
    return key;
  }

  /** Takes a certificate for the pending key into use. @param authority PEM; absent: the one that is trusted already */
  async take(key: string, certificate: string, authority?: string): Promise<void> {
    if (authority !== undefined) await this.#write(this.caFile, authority, 0o644);
    await this.#write(this.certFile, `${key.trim()}\n${certificate.trim()}\n`, 0o600);
    rmSync(this.#pendingFile, { force: true });
  }

  /** Also by a command of root: what it writes belongs to whom the folder around it belongs to. */
  async #write(file: string, text: string, mode: number): Promise<void> {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      const around = dirname(this.folder);
      giveToOwnerOf(around, this.folder);
      await writeDurably(file, text, { mode, ownerOf: around });
    } catch (cause) {
      const words = `cannot write ${file}: ${messageOf(cause)}; run this as the gateway's user or as root`;
      throw new LinesideError('IDENTITY_UNWRITABLE', 'config', words, { cause });
    }
  }
}

export function certificateStatus(certificate: X509Certificate): CertificateStatus {
  return {
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** From when on it is to be renewed, milliseconds since 1970 UTC: when two thirds of its life are over. */
export function renewalAt({ notBefore, notAfter }: CertificateStatus): number {
  return notBefore + (2 / 3) * (notAfter - notBefore);
}

/**
 * What is wrong with a certificate that somebody gave; empty when it is this gateway's, for this key, by this authority.
 *
 * @param now milliseconds since 1970 UTC
 */
export function problemWith(
  certificate: X509Certificate,
  { gateway, key, authority, now }: { gateway: string; key: string; authority: X509Certificate; now: number },
): string {
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    return 'it is not signed by the hub’s authority';
  }
  if (certificate.subject !== `CN=${gateway}`) return `it is for ${certificate.subject}`;
  if (!certificate.checkPrivateKey(createPrivateKey(key))) return 'it is for another key';
  const { notBefore, notAfter } = certificateStatus(certificate);
  if (now < notBefore)
    return `it is valid from ${day(notBefore)} on, and this machine's clock shows ${day(now)}: set it`;
  if (now >= notAfter) return `it was valid until ${day(notAfter)}, and this machine's clock shows ${day(now)}`;
  return '';
}

export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function readText(file: string): string | null {
  try {
    return statSync(file).size > 64 * 1024 ? '' : readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new LinesideError('IDENTITY_UNREADABLE', 'config', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}

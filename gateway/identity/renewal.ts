/**
 * Keeps the certificate by which this gateway comes in at the hub fresh: when two thirds of its life are over it asks for
 * another one over its link, for a new key, and takes it into use when it is sound. Until then, and when that fails, the
 * old one is good until its end.
 */
import { createSign, randomUUID, X509Certificate } from 'node:crypto';
import { isNearEnd } from '@lineside/shared/contracts/certificate-life.ts';
import { RenewAnswer, type RenewRequest } from '@lineside/shared/contracts/enrolment.ts';
import type { CertificateStatus } from '@lineside/shared/contracts/link.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Value } from 'typebox/value';
import { certificateStatus, day, type IdentityFiles, problemWith, renewalAt } from './identity-files.ts';

/** After a question without a good answer it waits for so long. Milliseconds. */
const AGAIN_MS = 60 * 60_000;

export interface RenewalOptions {
  gateway: string;
  files: IdentityFiles;
  log: Logger;
  now(): number;
}

export class Renewal {
  readonly #options: RenewalOptions;
  /** What was asked last, and when. */
  #asked: { id: string; key: string; at: number } | undefined;
  #failure = '';

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Why this gateway cannot come in; empty when it can. */
  problem(): string {
    const { files, gateway, now } = this.#options;
    try {
      const own = files.read();
      const authority = files.authority();
      if (!own || !authority) return `this gateway has not enrolled (${files.folder} is empty): gateway enrol`;
      const problem = problemWith(own.certificate, { gateway, key: own.key, authority, now: now() });
      return problem === '' ? '' : `its certificate cannot be used: ${problem}; enrol it again: gateway enrol`;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** For the status; undefined before it has enrolled. */
  status(): CertificateStatus | undefined {
    try {
      const own = this.#options.files.read();
      if (!own) return undefined;
      const status = certificateStatus(own.certificate);
      const words = this.#failure || 'it could not be renewed yet: the hub was not there, or did not answer';
      return isNearEnd(status, this.#options.now()) ? { ...status, problem: words } : status;
    } catch {
      return undefined;
    }
  }

  /** What to ask the hub now; null when it is not time. */
  async request(): Promise<RenewRequest | null> {
    const { files, gateway, log, now } = this.#options;
    const own = files.read();
    if (!own) return null;
    const status = certificateStatus(own.certificate);
    if (now() < renewalAt(status)) return null;
    if (this.#asked && Math.abs(now() - this.#asked.at) < AGAIN_MS) return null;
    const id = randomUUID();
    // Before anything is awaited: the next look must not ask as well.
    this.#asked = { id, key: '', at: now() };
    const key = await files.pendingKey();
    this.#asked.key = key;
    const { requestFor } = await import('./key-and-request.ts');
    const csr = await requestFor(gateway, key);
    const signature = createSign('SHA256').update(csr).sign(own.key).toString('base64url');
    const { serial, notAfter } = status;
    log.info({ serial, until: day(notAfter) }, 'asking the hub for another certificate');
    return { id, serial, csr, signature };
  }

  /** @returns whether there is another certificate now, to be shown at the next connection */
  async answered(message: unknown): Promise<boolean> {
    const { files, gateway, log, now } = this.#options;
    if (!Value.Check(RenewAnswer, message) || message.id !== this.#asked?.id) return false;
    try {
      if ('error' in message) throw new Error(message.error);
      const { key } = this.#asked;
      const authority = files.authority();
      if (!authority) throw new Error(`${files.caFile} is gone`);
      const certificate = new X509Certificate(message.certificate);
      const problem = problemWith(certificate, { gateway, key, authority, now: now() });
      if (problem !== '') throw new Error(`the hub's certificate cannot be used: ${problem}`);
      await files.take(key, message.certificate);
      this.#asked = undefined;
      this.#failure = '';
      const { serial, notAfter } = certificateStatus(certificate);
      log.info({ serial, until: day(notAfter) }, 'certificate renewed');
      return true;
    } catch (error) {
      this.#failure = `it could not be renewed: ${messageOf(error)}`.slice(0, 500);
      log.warn({ error: messageOf(error) }, 'certificate not renewed; trying again in an hour');
      return false;
    }
  }
}

/** A certificate and its key in files that somebody else renews: certbot, a plant's authority, a person. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Pair, ShownCertificate } from './shown-certificate.ts';

/** Absolute paths; PEM. */
export interface CertificatePaths {
  certFile: string;
  keyFile: string;
}

export interface PairProblem {
  field: keyof CertificatePaths;
  /** With the path of the file. */
  words: string;
}

export class CertificateFiles implements ShownCertificate {
  readonly names: string[] = [];
  readonly origin: string;
  readonly #paths: CertificatePaths;
  readonly #setting: string;
  #pair: Pair | undefined;

  /** @param setting where the files are named, such as `http.tls` */
  constructor(paths: CertificatePaths, setting: string) {
    this.#paths = paths;
    this.#setting = setting;
    this.origin = `${setting}.certFile ${paths.certFile}`;
  }

  get pair(): Pair {
    return this.#pair!;
  }

  /** @throws LinesideError TLS_FILE_UNREADABLE naming setting and file, also while only one of the two is replaced */
  async keepFresh(): Promise<boolean> {
    const read = readPair(this.#paths);
    if ('field' in read) {
      const words = `${this.#setting}.${read.field}: ${read.words}`;
      throw new LinesideError('TLS_FILE_UNREADABLE', 'config', words);
    }
    const isSame = read.certificate === this.#pair?.certificate && read.key === this.#pair.key;
    this.#pair = read;
    return !isSame;
  }
}

/** Reads both, and makes sure that a server can speak TLS with them. What they are worth by the clock is not asked. */
export function readPair({ certFile, keyFile }: CertificatePaths): Pair | PairProblem {
  let certificate: string;
  let known: X509Certificate;
  try {
    certificate = readFileSync(certFile, 'utf8');
    known = new X509Certificate(certificate);
  } catch (error) {
    return { field: 'certFile', words: unusable(certFile, 'no certificate (PEM)', error) };
  }
  let key: string;
  let privateKey: KeyObject;
  try {
    key = readFileSync(keyFile, 'utf8');
    privateKey = createPrivateKey(key);
  } catch (error) {
    return { field: 'keyFile', words: unusable(keyFile, 'no private key (PEM, without a passphrase)', error) };
  }
  if (!known.checkPrivateKey(privateKey)) {
    const words = `the key in ${keyFile} is not that of the certificate in ${certFile}: name the two that belong together`;
    return { field: 'keyFile', words };
  }
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    return { field: 'certFile', words: unusable(certFile, 'no certificate by which TLS can be spoken', error) };
  }
  return { certificate, key };
}

/** What the clock says against a certificate; empty when it is valid. @param pem its first one counts */
export function outOfTime(pem: string, now: number): string {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  if (validToDate.getTime() <= now) return `has ended ${minute(validToDate)}: renew it`;
  if (validFromDate.getTime() > now)
    return `is not valid before ${minute(validFromDate)}: set this machine's clock, or have another one made`;
  return '';
}

function unusable(file: string, what: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no ${file}`;
  if (code === 'EACCES') return `this user may not read ${file}: let the hub's user read it`;
  return `${file} holds ${what}: ${messageOf(error)}`;
}

function minute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

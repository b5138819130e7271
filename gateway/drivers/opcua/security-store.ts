/**
 * The certificates that this gateway knows, as files under `dataDir/pki`, so that an operator can look at them and
 * a command can change them while the gateway runs. Needs no OPC UA client.
 *
 * trusted/certs, trusted/crl   servers (or authorities) that may be spoken to
 * issuers/certs, issuers/crl   authorities that only complete a chain
 * rejected                     servers that were met and are not trusted
 * own/certs, own/private       the gateway's own
 */
import { X509Certificate } from 'node:crypto';
import {
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type CertificateInfo, describe } from './security-certificate.ts';

/** What presents itself is kept for the operator to look at; more than this nobody looks at. */
const MAX_REJECTED = 100;
/** A certificate is one or two kilobytes; what is far larger is none. */
const MAX_BYTES = 64 * 1024;

export interface KnownCertificate extends CertificateInfo {
  state: 'trusted' | 'rejected';
  /** When it was met last, or trusted; milliseconds since 1970 UTC. */
  at: number;
}

interface StoredCertificate extends KnownCertificate {
  file: string;
  certificate: X509Certificate;
}

export class TrustStore {
  readonly folder: string;

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'pki');
  }

  get #trusted(): string {
    return join(this.folder, 'trusted/certs');
  }

  get #rejected(): string {
    return join(this.folder, 'rejected');
  }

  /** Makes the folders; only the gateway's own user may look into that of the private key. */
  prepare(): void {
    for (const folder of ['trusted/certs', 'trusted/crl', 'issuers/certs', 'issuers/crl', 'rejected', 'own/certs']) {
      mkdirSync(join(this.folder, folder), { recursive: true });
    }
    mkdirSync(join(this.folder, 'own/private'), { recursive: true, mode: 0o700 });
    this.#giveToGateway();
  }

  /** What root has written by a command must be the gateway's, which runs as whoever owns the data directory. */
  #giveToGateway(): void {
    if (process.getuid?.() !== 0) return;
    const { uid, gid } = statSync(join(this.folder, '..'));
    if (uid === 0) return;
    chownSync(this.folder, uid, gid);
    for (const name of readdirSync(this.folder, { recursive: true, encoding: 'utf8' })) {
      lchownSync(join(this.folder, name), uid, gid);
    }
  }

  /** Rejected ones first, as they wait for somebody; the latest first. */
  list(): KnownCertificate[] {
    return [...this.#read(this.#rejected, 'rejected'), ...this.#read(this.#trusted, 'trusted')].map(
      ({ file: _file, certificate: _certificate, ...known }) => known,
    );
  }

  /** The file of a trusted certificate; null when it is not trusted. */
  trustedFile(thumbprint: string): string | null {
    return this.#read(this.#trusted, 'trusted').find((known) => known.thumbprint === thumbprint)?.file ?? null;
  }

  /** Where the gateway's own certificate and its private key lie. */
  get ownFiles(): { certificate: string; key: string } {
    return {
      certificate: join(this.folder, 'own/certs/client_certificate.pem'),
      key: join(this.folder, 'own/private/private_key.pem'),
    };
  }

  /** The gateway's own certificate; null before it has one. */
  own(): CertificateInfo | null {
    try {
      return describe(new X509Certificate(readFileSync(this.ownFiles.certificate)));
    } catch {
      return null;
    }
  }

  /** Authorities that may vouch for a server, and those that only complete a chain. */
  authorities(): { trusted: X509Certificate[]; issuers: X509Certificate[] } {
    const ofFolder = (folder: string) =>
      this.#read(folder, 'trusted')
        .filter(({ authority }) => authority)
        .map(({ certificate }) => certificate);
    return { trusted: ofFolder(this.#trusted), issuers: ofFolder(join(this.folder, 'issuers/certs')) };
  }

  /** Lists a server that was met and is not trusted. */
  reject(certificate: X509Certificate, now: number): void {
    this.prepare();
    const file = join(this.#rejected, fileName(describe(certificate)));
    writeAtomically(file, certificate.toString());
    utimesSync(file, now / 1000, now / 1000);
    for (const old of this.#read(this.#rejected, 'rejected').slice(MAX_REJECTED)) rmSync(old.file, { force: true });
  }

  /**
   * Trusts a certificate that was met before.
   * @param thumbprint or its first digits, if no other begins so
   * @throws LinesideError CERTIFICATE_UNKNOWN
   */
  trust(thumbprint: string): KnownCertificate {
    const found = this.#find(thumbprint, this.#read(this.#rejected, 'rejected'), 'rejected');
    this.prepare();
    renameSync(found.file, join(this.#trusted, fileName(found)));
    this.#giveToGateway();
    return { ...found, state: 'trusted' };
  }

  /**
   * Trusts a certificate from a file, PEM or DER: a server's, or that of an authority; or takes in a list of what
   * an authority has revoked.
   * @returns what was taken in
   * @throws LinesideError CERTIFICATE_UNREADABLE
   */
  trustFile(file: string): CertificateInfo | 'crl' {
    const content = readCertificateFile(file);
    this.prepare();
    const isCrl = content.includes('-----BEGIN X509 CRL-----') || file.toLowerCase().endsWith('.crl');
    if (isCrl) {
      const pem = content.includes('-----BEGIN') ? content.toString() : pemOf(content, 'X509 CRL');
      writeAtomically(join(this.folder, 'issuers/crl', `${label(file.split('/').at(-1) ?? 'list')}.pem`), pem);
      this.#giveToGateway();
      return 'crl';
    }
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(content);
    } catch (error) {
      const words = `${file} holds no certificate (PEM or DER): ${messageOf(error)}`;
      throw new LinesideError('CERTIFICATE_UNREADABLE', 'config', words);
    }
    const info = describe(certificate);
    writeAtomically(join(this.#trusted, fileName(info)), certificate.toString());
    this.#giveToGateway();
    for (const { file: old, thumbprint } of this.#read(this.#rejected, 'rejected')) {
      if (thumbprint === info.thumbprint) rmSync(old, { force: true });
    }
    return info;
  }

  /**
   * Ends the trust in a certificate, or forgets one that was rejected.
   * @throws LinesideError CERTIFICATE_UNKNOWN
   */
  remove(thumbprint: string): KnownCertificate {
    const all = [...this.#read(this.#trusted, 'trusted'), ...this.#read(this.#rejected, 'rejected')];
    const found = this.#find(thumbprint, all, 'known');
    rmSync(found.file, { force: true });
    return found;
  }

  #find(thumbprint: string, among: StoredCertificate[], what: string): StoredCertificate {
    const wanted = thumbprint.replace(/[\s:]/g, '').toLowerCase();
    const found = /^[0-9a-f]{6,40}$/.test(wanted) ? among.filter((known) => known.thumbprint.startsWith(wanted)) : [];
    if (new Set(found.map((known) => known.thumbprint)).size === 1) return found[0]!;
    const words =
      found.length > 1
        ? `${found.length} ${what} certificates begin with ${wanted}; write more digits`
        : `no ${what} certificate has the thumbprint ${thumbprint}; see \`gateway trust list\``;
    throw new LinesideError('CERTIFICATE_UNKNOWN', 'outside', words);
  }

  /** The certificates of a folder, the latest first. What is none, an operator may have put there: passed over. */
  #read(folder: string, state: 'trusted' | 'rejected'): StoredCertificate[] {
    let names: string[];
    try {
      names = readdirSync(folder);
    } catch {
      return [];
    }
    const found = names.flatMap((name): StoredCertificate[] => {
      const file = join(folder, name);
      try {
        const { size, mtimeMs } = statSync(file);
        if (name.startsWith('.') || size > MAX_BYTES) return [];
        const certificate = new X509Certificate(readFileSync(file));
        return [{ ...describe(certificate), state, at: Math.round(mtimeMs), file, certificate }];
      } catch {
        return [];
      }
    });
    return found.sort((a, b) => b.at - a.at);
  }
}

function readCertificateFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new LinesideError('CERTIFICATE_UNREADABLE', 'config', `cannot read ${file}: ${messageOf(error)}`);
  }
}

/** Another process must never read half a certificate. */
function writeAtomically(file: string, content: string): void {
  const aside = join(file, '..', `.${process.pid}.part`);
  writeFileSync(aside, content, { mode: 0o644 });
  renameSync(aside, file);
}

function pemOf(der: Buffer, kind: string): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
}

/** The name comes from a stranger's certificate: it chooses no path. */
function label(name: string): string {
  return (
    name
      .replace(/[^A-Za-z0-9._ -]/g, '_')
      .replace(/^\.+/, '_')
      .slice(0, 64)
      .trim() || 'certificate'
  );
}

function fileName({ commonName, thumbprint }: CertificateInfo): string {
  return `${label(commonName)}[${thumbprint}].pem`;
}

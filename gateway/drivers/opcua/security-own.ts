/**
 * The gateway's own certificate: made once, kept for years, because every server has to be told to trust it. Loads
 * the OPC UA client's tools only to make one.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type CertificateInfo, describe } from './security-certificate.ts';
import { TrustStore } from './security-store.ts';

const DAY_MS = 86_400_000;
/** Five years: long for machines that nobody visits, short enough for keys of 2048 bits (NIST SP 800-57). */
const VALID_DAYS = 1826;
/** Before this a clock is wrong, as of a PC without a battery; a certificate from 1970 would be over already. */
const NO_EARLIER = Date.UTC(2026, 0, 1);

export interface OwnCertificate {
  info: CertificateInfo;
  der: Buffer;
  /** PEM. */
  key: string;
}

/** Several devices ask at once; one key is made. */
const making = new Map<string, Promise<void>>();

/**
 * The gateway's certificate; made now when there is none or it has expired, since no server takes it any more.
 *
 * @param renewed told when an expired one was replaced
 * @throws LinesideError CERTIFICATE_BROKEN when the files do not belong together
 */
export async function ownCertificate(
  dataDir: string,
  now: number,
  renewed: (info: CertificateInfo) => void,
): Promise<OwnCertificate> {
  const store = new TrustStore(dataDir);
  const known = existsSync(store.ownFiles.certificate) ? store.own() : null;
  const expired = known !== null && known.validTo <= now;
  if (expired || !existsSync(store.ownFiles.certificate)) {
    let made = making.get(dataDir);
    if (!made) {
      made = renewOwnCertificate(dataDir, now)
        .then((info) => {
          if (expired) renewed(info);
        })
        .finally(() => making.delete(dataDir));
      making.set(dataDir, made);
    }
    await made;
  }
  return load(store);
}

/**
 * Makes a new key and a new certificate under the old application URI. Servers must be told to trust it.
 * A connection that stands keeps the old one until it is built anew.
 */
export async function renewOwnCertificate(dataDir: string, now: number): Promise<CertificateInfo> {
  const { OPCUACertificateManager } = await import('node-opcua-certificate-manager');
  const store = new TrustStore(dataDir);
  store.prepare();
  const host = hostname().replace(/[^A-Za-z0-9.-]/g, '-') || 'gateway';
  const uri = store.own()?.applicationUri || `urn:${host}:lineside:gateway:${randomBytes(4).toString('hex')}`;
  const workshop = mkdtempSync(join(store.folder, '.new-'));
  try {
    const manager = new OPCUACertificateManager({
      rootFolder: workshop,
      automaticallyAcceptUnknownCertificate: false,
      disableFileWatchers: true,
    });
    await manager.initialize();
    const outputFile = join(workshop, 'certificate.pem');
    await manager.createSelfSignedCertificate({
      applicationUri: uri,
      dns: [host],
      outputFile,
      subject: `/CN=Lineside gateway on ${host}/O=Lineside`,
      // A day back, for servers whose clock is a little behind.
      startDate: new Date(Math.max(now, NO_EARLIER) - DAY_MS),
      validity: VALID_DAYS,
    });
    chmodSync(manager.privateKey, 0o600);
    renameSync(manager.privateKey, store.ownFiles.key);
    renameSync(outputFile, store.ownFiles.certificate);
    store.prepare();
    await manager.dispose();
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
  return load(store).info;
}

function load(store: TrustStore): OwnCertificate {
  const files = store.ownFiles;
  const mend = 'run `gateway trust renew` to make a new one, which the servers must then trust';
  let certificate: X509Certificate;
  let key: string;
  try {
    certificate = new X509Certificate(readFileSync(files.certificate));
    key = readFileSync(files.key, 'utf8');
    if (certificate.checkPrivateKey(createPrivateKey(key))) {
      return { info: describe(certificate), der: certificate.raw, key };
    }
  } catch (error) {
    const words = `the gateway's own certificate in ${store.folder}/own cannot be used: ${messageOf(error)}; ${mend}`;
    throw new LinesideError('CERTIFICATE_BROKEN', 'config', words);
  }
  const words = `the gateway's own certificate in ${store.folder}/own and its private key do not belong together; ${mend}`;
  throw new LinesideError('CERTIFICATE_BROKEN', 'config', words);
}

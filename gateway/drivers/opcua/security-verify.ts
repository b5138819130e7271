/**
 * Whether a server is the one that it says, and one that an operator trusts. The client's own check knows neither
 * host names nor application URIs, and lets any trusted certificate vouch for others; this one does not.
 */
import type { X509Certificate } from 'node:crypto';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { type CertificateInfo, describe, namesHost, splitChain } from './security-certificate.ts';
import { OBSOLETE, type Policy } from './security-config.ts';
import type { TrustStore } from './security-store.ts';

export interface ExpectedServer {
  /** Host of the endpoint in the configuration; null when the certificate need not name it. */
  host: string | null;
  /** What the server calls itself in its endpoint description. */
  applicationUri: string;
  policy: Policy;
}

/**
 * @param chain the server's certificate as it came, DER, perhaps with those of its issuers behind it
 * @throws LinesideError SERVER_UNTRUSTED or CERTIFICATE_REFUSED: what is wrong, and what to do
 */
export async function verifyServer(
  chain: Buffer,
  expected: ExpectedServer,
  store: TrustStore,
  now: number,
): Promise<void> {
  let certificates: X509Certificate[];
  try {
    certificates = splitChain(chain);
  } catch (error) {
    throw refusal(`the server's certificate cannot be read (${messageOf(error)}); have the server make a new one`);
  }
  const leaf = certificates[0];
  if (!leaf) throw refusal('the server has no certificate; have the server make one, or use policy None');
  const info = describe(leaf);
  checkDates(info, now);
  checkKey(leaf, expected.policy);
  await checkTrust(chain, certificates, info, store, now);
  if (info.applicationUri !== expected.applicationUri) {
    throw refusal(
      `the server calls itself ${expected.applicationUri}, its certificate says ${info.applicationUri || 'nothing'} (BadCertificateUriInvalid); make the server a new certificate, or find out who answers there`,
    );
  }
  if (expected.host !== null && !namesHost(leaf, expected.host)) {
    const names = info.hosts.length > 0 ? info.hosts.join(', ') : 'no host at all';
    throw refusal(
      `the server's certificate names ${names}, not ${expected.host} (BadCertificateHostNameInvalid); use such a name in endpoint, or make the server a certificate with ${expected.host}, or set security.checkHostName to false`,
    );
  }
}

function refusal(words: string): LinesideError {
  return new LinesideError('CERTIFICATE_REFUSED', 'outside', words);
}

function untrusted(info: CertificateInfo, store: TrustStore, leaf: X509Certificate, now: number): LinesideError {
  store.reject(leaf, now);
  const issuer = info.selfSigned ? '' : `, issued by ${info.issuer}`;
  return new LinesideError(
    'SERVER_UNTRUSTED',
    'outside',
    `the server's certificate is not trusted yet: thumbprint ${info.thumbprint}, ${info.subject}${issuer}; look at it and run \`gateway trust add ${info.thumbprint}\`, or trust it on the gateway's own page`,
  );
}

function checkDates({ validFrom, validTo }: CertificateInfo, now: number): void {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (now >= validTo) {
    throw refusal(
      `the server's certificate has expired on ${day(validTo)} (BadCertificateTimeInvalid); make the server a new one; this machine's date is ${day(now)}`,
    );
  }
  if (now < validFrom) {
    throw refusal(
      `the server's certificate is valid from ${day(validFrom)}, but this machine's date is ${day(now)} (BadCertificateTimeInvalid); set this machine's clock, or the PLC's and make it a new certificate`,
    );
  }
}

/** Shortest keys of the policies (OPC 10000-7). */
function checkKey(leaf: X509Certificate, policy: Policy): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey;
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  const least = OBSOLETE.includes(policy) ? 1024 : 2048;
  if (asymmetricKeyType === 'rsa' && bits >= least) return;
  throw refusal(
    `the server's certificate has a key of ${bits} bits (${asymmetricKeyType}), policy ${policy} needs RSA with ${least} or more; make the server a new one`,
  );
}

async function checkTrust(
  chain: Buffer,
  certificates: X509Certificate[],
  info: CertificateInfo,
  store: TrustStore,
  now: number,
): Promise<void> {
  const leaf = certificates[0]!;
  const trusted = store.trustedFile(info.thumbprint) !== null;
  if (info.selfSigned) {
    if (!trusted) throw untrusted(info, store, leaf, now);
    return;
  }
  const status = await chainStatus(chain, store);
  switch (status) {
    case 'Good':
      if (trusted || vouchedFor(leaf, certificates.slice(1), store)) return;
      throw untrusted(info, store, leaf, now);
    case 'BadCertificateUntrusted':
      throw untrusted(info, store, leaf, now);
    case 'BadCertificateChainIncomplete':
    case 'BadCertificateRevocationUnknown':
    case 'BadCertificateIssuerRevocationUnknown':
      // Who trusts this very certificate needs nobody to vouch for it, and gets no news of a revocation.
      if (trusted) return;
      throw untrusted(info, store, leaf, now);
    case 'BadCertificateRevoked':
    case 'BadCertificateIssuerRevoked':
      throw refusal(
        `the server's certificate has been revoked by ${info.issuer} (${status}); make the server a new one`,
      );
    case 'BadCertificateIssuerTimeInvalid':
      throw refusal(`the certificate of ${info.issuer}, who issued the server's, has expired (${status}); renew it`);
    default:
      throw refusal(
        `the server's certificate, issued by ${info.issuer}, does not pass the check of its chain (${status}); have the server make a new one`,
      );
  }
}

/** Signatures, dates and revocation from the certificate up to its root, by the client's own rules. */
async function chainStatus(chain: Buffer, store: TrustStore): Promise<string> {
  const manager = new OPCUACertificateManager({
    rootFolder: store.folder,
    automaticallyAcceptUnknownCertificate: false,
    disableFileWatchers: true,
  });
  try {
    await manager.initialize();
    return await manager.verifyCertificate(chain, { acceptCertificateWithValidIssuerChain: true });
  } finally {
    await manager.dispose();
  }
}

/** Only an authority that an operator trusts vouches for a server, directly or through others. */
function vouchedFor(leaf: X509Certificate, sent: X509Certificate[], store: TrustStore): boolean {
  const { trusted, issuers } = store.authorities();
  const between = [...issuers, ...sent.filter((certificate) => describe(certificate).authority)];
  let current = leaf;
  for (let level = 0; level < 5; level++) {
    const signs = (authority: X509Certificate) =>
      authority.subject === current.issuer && current.verify(authority.publicKey);
    if (trusted.some(signs)) return true;
    const next = between.find(signs);
    if (!next || next.fingerprint256 === current.fingerprint256) return false;
    current = next;
  }
  return false;
}

/** Writing of certificates (RFC 5280) by @peculiar/x509 on WebCrypto; Node itself can only read them. */
// The library puts its parts together by decorators, and wants this before it.
import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  KeyObject,
  randomBytes,
  webcrypto,
  type X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import * as x509 from '@peculiar/x509';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** What a gateway's key may be: what every TLS library in use can do, and nothing weak. */
const CURVES = ['P-256', 'P-384'];

export interface Issuer {
  certificate: X509Certificate;
  key: webcrypto.CryptoKey;
}

export interface Validity {
  /** Milliseconds since 1970 UTC; certificates hold whole seconds. */
  notBefore: number;
  notAfter: number;
}

/** A new key pair, as PEM (PKCS #8), and as WebCrypto has it. */
export async function newKey(): Promise<{ pair: webcrypto.CryptoKeyPair; pem: string }> {
  const pair = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  return { pair, pem: KeyObject.from(pair.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** @param pem with a key in it, and perhaps more. @throws when it is no key of this kind */
export function readKey(pem: string): webcrypto.CryptoKey {
  return createPrivateKey(pem).toCryptoKey(ECDSA, true, ['sign']);
}

/** PEM. */
export async function selfSigned(name: string, pair: webcrypto.CryptoKeyPair, life: Validity): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [name] }, { O: ['Lineside'] }],
    ...dates(life),
    signingAlgorithm: ECDSA,
    keys: pair,
    extensions: [
      // It signs nobody who signs others.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  });
  return certificate.toString('pem');
}

/**
 * A certificate for one purpose. PEM.
 *
 * @param publicKey SPKI, DER
 * @param names host names and addresses of a server; for a client its name as a URI
 */
export async function issue(
  issuer: Issuer,
  subject: { name: string; publicKey: Buffer; purpose: 'client' | 'server'; names: string[] },
  life: Validity,
): Promise<string> {
  const purpose = x509.ExtendedKeyUsage[subject.purpose === 'client' ? 'clientAuth' : 'serverAuth'];
  const names = subject.names.map((value) => ({
    type: subject.purpose === 'client' ? ('url' as const) : isIP(value) ? ('ip' as const) : ('dns' as const),
    value,
  }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [subject.name] }],
    issuer: issuerName(issuer),
    ...dates(life),
    signingAlgorithm: ECDSA,
    publicKey: subject.publicKey,
    signingKey: issuer.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose], true),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(subject.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(spkiOf(issuer.certificate)),
    ],
  });
  return certificate.toString('pem');
}

/** A list of what is revoked. PEM. */
export async function revocationList(
  issuer: Issuer,
  entries: { serial: string; at: number }[],
  life: { thisUpdate: number; nextUpdate: number },
): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: issuerName(issuer),
    thisUpdate: new Date(life.thisUpdate),
    nextUpdate: new Date(life.nextUpdate),
    signingAlgorithm: ECDSA,
    signingKey: issuer.key,
    entries: entries.map(({ serial, at }) => ({ serialNumber: serial, revocationDate: new Date(at) })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(spkiOf(issuer.certificate))],
  });
  // The library's label is one that OpenSSL does not know (RFC 7468, 6).
  return list.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----');
}

export interface ReadRequest {
  /** SPKI, DER. */
  publicKey: Buffer;
  /** SHA-256 of it, hexadecimal. */
  keyHash: string;
  /** Empty when it has none. */
  commonName: string;
}

/**
 * Reads a certificate request and has it prove its key. What it asks for besides is not looked at.
 *
 * @throws LinesideError CSR_INVALID
 */
export async function readRequest(pem: string): Promise<ReadRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const publicKey = Buffer.from(request.publicKey.rawData);
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({
      key: publicKey,
      type: 'spki',
      format: 'der',
    });
    const curve = (request.publicKey.algorithm as { namedCurve?: string }).namedCurve ?? '';
    if (asymmetricKeyType !== 'ec' || !CURVES.includes(curve)) {
      const given = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType;
      throw new Error(`its key is ${given}, and has to be of the curve ${CURVES.join(' or ')}`);
    }
    if (!(await request.verify())) throw new Error('it is not signed by its own key');
    const commonName = request.subjectName.getField('CN')[0] ?? '';
    return { publicKey, keyHash: createHash('sha256').update(publicKey).digest('hex'), commonName };
  } catch (cause) {
    throw new LinesideError('CSR_INVALID', 'peer', `the certificate request cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** As in the database and in messages: hexadecimal, lower case. */
export function serialOf(certificate: X509Certificate): string {
  return certificate.serialNumber.toLowerCase();
}

/** 127 random bits, positive (RFC 5280, 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function spkiOf({ publicKey }: X509Certificate): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** By its bytes, so that issuer and subject are the same in every encoding. */
function issuerName({ certificate }: Issuer): x509.Name {
  return new x509.X509Certificate(certificate.raw).subjectName;
}

function dates({ notBefore, notAfter }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

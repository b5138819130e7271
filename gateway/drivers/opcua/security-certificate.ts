/** What a certificate says, in the terms of OPC UA. Needs no OPC UA client. */
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

export interface CertificateInfo {
  /** SHA-1 of the DER form, 40 hexadecimal digits: how OPC UA names a certificate (OPC 10000-6, 6.2.3). */
  thumbprint: string;
  /** One line, such as `CN=plc1, O=Example`. */
  subject: string;
  issuer: string;
  commonName: string;
  selfSigned: boolean;
  /** Milliseconds since 1970 UTC. */
  validFrom: number;
  validTo: number;
  /** The application that it belongs to; empty for a certificate that is no application's. */
  applicationUri: string;
  /** Host names and IP addresses. */
  hosts: string[];
  /** It may issue other certificates. */
  authority: boolean;
}

export function describe(certificate: X509Certificate): CertificateInfo {
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const subject = oneLine(certificate.subject);
  return {
    thumbprint: thumbprintOf(certificate.raw),
    subject,
    issuer: oneLine(certificate.issuer),
    commonName: /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject ?? '')?.[1] ?? '',
    selfSigned: certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey),
    validFrom: Date.parse(certificate.validFrom),
    validTo: Date.parse(certificate.validTo),
    applicationUri: names.find(([kind]) => kind === 'URI')?.[1] ?? '',
    hosts: names.filter(([kind]) => kind === 'DNS' || kind === 'IP Address').map(([, name]) => name),
    // An application's own certificate is none, whatever it claims: who trusts one machine trusts no other by it.
    authority: certificate.ca && !names.some(([kind]) => kind === 'URI'),
  };
}

export function thumbprintOf(der: Buffer): string {
  return createHash('sha1').update(der).digest('hex');
}

/** Certificates may come one behind the other, the server's own first (OPC 10000-6, 6.2.6). */
export function splitChain(der: Buffer): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = 0; at < der.length && chain.length < 10; ) {
    const length = derLength(der, at);
    chain.push(new X509Certificate(der.subarray(at, at + length)));
    at += length;
  }
  return chain;
}

/** Whether the certificate names the host of an endpoint; IP addresses often stand among the names. */
export function namesHost(certificate: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) && certificate.checkIP(bare) !== undefined) return true;
  const wanted = bare.toLowerCase();
  if (describe(certificate).hosts.some((name) => name.toLowerCase() === wanted)) return true;
  return !isIP(bare) && certificate.checkHost(bare, { subject: 'never' }) !== undefined;
}

/** Length of the DER element at `at`, header included. */
function derLength(der: Buffer, at: number): number {
  const first = der[at + 1]!;
  if (first < 0x80) return 2 + first;
  const bytes = first & 0x7f;
  if (bytes < 1 || bytes > 4 || at + 2 + bytes > der.length) throw new RangeError('this is no certificate');
  const length = 2 + bytes + der.readUIntBE(at + 2, bytes);
  if (at + length > der.length) throw new RangeError('this certificate is cut short');
  return length;
}

/** `URI:urn:x, DNS:plc1, IP Address:10.0.0.1`; names with unusual characters come as JSON strings. */
function alternativeNames(text: string): [kind: string, name: string][] {
  return [
    ...text.matchAll(/(URI|DNS|IP Address|email|DirName|Registered ID|othername):("(?:[^"\\]|\\.)*"|[^,]*)/g),
  ].map(([, kind, name]) => [kind!, name!.startsWith('"') ? unquoted(name!) : name!]);
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(', ');
}

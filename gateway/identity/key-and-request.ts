/**
 * A new key, and the request for a certificate for it (PKCS #10). Loaded only when one is needed: the library takes
 * 20 MB, and a gateway needs it once in months.
 */
// The library puts its parts together by decorators, and wants this before it.
import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM (PKCS #8). */
export async function newKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  return KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** PEM. @param key PEM, of the curve P-256 */
export async function requestFor(gateway: string, key: string): Promise<string> {
  const privateKey = createPrivateKey(key);
  const { d: _secret, ...open } = privateKey.export({ format: 'jwk' });
  const keys = {
    privateKey: privateKey.toCryptoKey(ECDSA, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('jwk', open, ECDSA, true, ['verify']),
  };
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [gateway] }],
    keys,
    signingAlgorithm: ECDSA,
  });
  return request.toString('pem');
}

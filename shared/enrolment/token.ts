/**
 * The token by which a gateway enrols, and what both sides prove with it. The secret itself never travels: as in SCRAM
 * (RFC 5802, 3) the gateway shows that it has it, the hub shows that it was given what only the secret leads to, and
 * who reads the hub's database can do the gateway's part no more than who listens to the line.
 *
 *     lsg1.{gateway}.{id}.{secret}.{fingerprint of the authority, SHA-256}
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { EnrolAnswer, EnrolRequest } from '../contracts/enrolment.ts';
import { GATEWAY_ID_PATTERN } from '../contracts/topics.ts';

const VERSION = 'lsg1';
const SECRET_BYTES = 32;
const PART = /^[A-Za-z0-9_-]+$/;

export interface EnrolmentToken {
  gateway: string;
  id: string;
  /** base64url */
  secret: string;
  /** SHA-256 of the authority's certificate, base64url. */
  fingerprint: string;
}

/** What the hub keeps of a token; the secret cannot be had from it. Hexadecimal. */
export interface TokenKeys {
  storedKey: string;
  hubKey: string;
}

export function newToken(gateway: string, fingerprint: string): EnrolmentToken {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { gateway, id: randomBytes(9).toString('base64url'), secret, fingerprint };
}

export function formatToken({ gateway, id, secret, fingerprint }: EnrolmentToken): string {
  return [VERSION, gateway, id, secret, fingerprint].join('.');
}

/** Null when it is no whole token: something was lost when it was copied. */
export function parseToken(text: string): EnrolmentToken | null {
  const [version, gateway = '', id = '', secret = '', fingerprint = '', ...more] = text.trim().split('.');
  if (version !== VERSION || more.length > 0 || !new RegExp(GATEWAY_ID_PATTERN).test(gateway)) return null;
  const bytes = (part: string) => (PART.test(part) ? Buffer.from(part, 'base64url').length : 0);
  if (bytes(id) !== 9 || bytes(secret) !== SECRET_BYTES || bytes(fingerprint) !== 32) return null;
  return { gateway, id, secret, fingerprint };
}

export function keysOf(secret: string): TokenKeys {
  return { storedKey: sha256(clientKey(secret)).toString('hex'), hubKey: hubKey(secret).toString('hex') };
}

/** Done by the gateway. */
export function prove(secret: string, request: Omit<EnrolRequest, 'proof'>): string {
  const key = clientKey(secret);
  return xor(key, mac(sha256(key), said(request))).toString('base64url');
}

/** Done by the hub: whether who sent this has the secret. */
export function isProven({ storedKey }: TokenKeys, request: EnrolRequest): boolean {
  const stored = Buffer.from(storedKey, 'hex');
  const proof = Buffer.from(request.proof, 'base64url');
  if (proof.length !== stored.length) return false;
  return timingSafeEqual(sha256(xor(proof, mac(stored, said(request)))), stored);
}

/** Done by the hub. */
export function signAnswer(
  keys: Pick<TokenKeys, 'hubKey'>,
  request: EnrolRequest,
  answer: Omit<EnrolAnswer, 'signature'>,
): string {
  return mac(Buffer.from(keys.hubKey, 'hex'), answered(request, answer)).toString('base64url');
}

/** Done by the gateway: whether the answer is that of who made the token, and as it left it. */
export function isHubs(secret: string, request: EnrolRequest, answer: EnrolAnswer): boolean {
  const right = mac(hubKey(secret), answered(request, answer));
  const given = Buffer.from(answer.signature, 'base64url');
  return given.length === right.length && timingSafeEqual(given, right);
}

/** SHA-256 of a certificate, base64url. @param der of it */
export function fingerprintOf(der: Buffer): string {
  return sha256(der).toString('base64url');
}

function clientKey(secret: string): Buffer {
  return mac(Buffer.from(secret, 'base64url'), 'Lineside enrolment: gateway');
}

function hubKey(secret: string): Buffer {
  return mac(Buffer.from(secret, 'base64url'), 'Lineside enrolment: hub');
}

/** JSON of a list: no field can run into the next one. */
function said({ token, gateway, csr, at }: Omit<EnrolRequest, 'proof'>): string {
  return JSON.stringify(['request', token, gateway, csr, at]);
}

function answered(request: EnrolRequest, answer: Omit<EnrolAnswer, 'signature'>): string {
  const { certificate, authority, at, broker } = answer;
  const place = [broker.url, broker.port, ...broker.names];
  return JSON.stringify(['answer', said(request), certificate, authority, at, ...place]);
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]!));
}

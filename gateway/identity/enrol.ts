/**
 * Asks the hub for this gateway's first certificate. What the token holds makes it safe on any line: it proves the
 * gateway to the hub and the hub to the gateway, so an answer that somebody has made up or changed is noticed.
 */
import { X509Certificate } from 'node:crypto';
import { type RequestOptions as HttpOptions, request as http } from 'node:http';
import { type RequestOptions as HttpsOptions, request as https } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { tlsReason } from '@lineside/shared/config/tls-client.ts';
import { Problem } from '@lineside/shared/contracts/api.ts';
import { EnrolAnswer, type EnrolRequest } from '@lineside/shared/contracts/enrolment.ts';
import { type EnrolmentToken, fingerprintOf, isHubs, prove } from '@lineside/shared/enrolment/token.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Value } from 'typebox/value';
import { type IdentityFiles, problemWith } from './identity-files.ts';

const PATIENCE_MS = 20_000;

export interface EnrolOptions {
  /** Address of the hub's pages, http or https. */
  hub: URL;
  token: EnrolmentToken;
  files: IdentityFiles;
  /** Certificates (PEM) that that of an https address must be signed by; absent: those that Node trusts. */
  ca?: string | undefined;
  now: number;
}

/**
 * @returns what the hub said, whose certificate is in use from now on
 * @throws LinesideError ENROLMENT_FAILED with what to do; IDENTITY_UNWRITABLE
 */
export async function enrol({ hub, token, files, ca, now }: EnrolOptions): Promise<EnrolAnswer> {
  const { gateway, secret } = token;
  const key = await files.pendingKey();
  const { requestFor } = await import('./key-and-request.ts');
  const open = { token: token.id, gateway, csr: await requestFor(gateway, key), at: now };
  const request: EnrolRequest = { ...open, proof: prove(secret, open) };
  const answer = await post(hub, request, { ca, fingerprint: token.fingerprint });
  // The fingerprint came with the token, by hand: it does not depend on the line.
  const authority = readCertificate(answer.authority, 'authority');
  if (!isHubs(secret, request, answer) || fingerprintOf(authority.raw) !== token.fingerprint) {
    throw failed(
      'the answer is not that of the hub which made the token: somebody is in between. Nothing was changed',
    );
  }
  const certificate = readCertificate(answer.certificate, 'certificate');
  const problem = problemWith(certificate, { gateway, key, authority, now });
  if (problem !== '') throw failed(`the hub's certificate cannot be used: ${problem}`);
  await files.take(key, answer.certificate, answer.authority);
  return answer;
}

async function post(
  hub: URL,
  body: EnrolRequest,
  trust: { ca: string | undefined; fingerprint: string },
): Promise<EnrolAnswer> {
  const address = new URL('/api/v1/enrol', hub);
  let status: number;
  let words: string;
  try {
    const ca = hub.protocol === 'https:' ? (trust.ca ?? (await knownAuthority(hub, trust.fingerprint))) : undefined;
    ({ status, words } = await send(address, JSON.stringify(body), ca));
  } catch (error) {
    throw failed(`cannot reach the hub at ${hub.origin}: ${reasonOf(error as Error)}`);
  }
  const said = parse(words);
  if (status === 200 && Value.Check(EnrolAnswer, said)) return said;
  if (Value.Check(Problem, said)) {
    const wait = status === 429 ? '; wait a minute' : '';
    throw failed(`the hub refuses it: ${said.detail}${wait} (${said.code})`);
  }
  throw failed(
    `there is no hub at ${hub.origin}, or one of another version: it answered ${status} to ${address.pathname}`,
  );
}

function send(address: URL, body: string, ca: string | undefined): Promise<{ status: number; words: string }> {
  const options: HttpOptions & HttpsOptions = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    timeout: PATIENCE_MS,
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const asked = (address.protocol === 'https:' ? https : http)(address, options, (answer) => {
      text(answer).then((words) => resolve({ status: answer.statusCode ?? 0, words }), reject);
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    asked.once('error', reject);
    asked.end(body);
  });
}

/**
 * The hub's own authority, when the address shows a certificate by it: it is known by the fingerprint in the token, and
 * the connection that is then made trusts it and nobody else. Undefined when the address shows another: then those that
 * Node trusts count.
 */
function knownAuthority(hub: URL, fingerprint: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const host = hub.hostname.replace(/^\[|\]$/g, '');
    // Nothing is sent on this connection; it only shows what chain there is.
    const socket = connect(
      { host, port: Number(hub.port || 443), rejectUnauthorized: false, timeout: PATIENCE_MS },
      () => {
        let each: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
        let found: string | undefined;
        for (let depth = 0; each?.raw && depth < 10; depth++) {
          if (fingerprintOf(each.raw) === fingerprint) found = new X509Certificate(each.raw).toString();
          each = each.issuerCertificate === each ? undefined : each.issuerCertificate;
        }
        socket.destroy();
        resolve(found);
      },
    );
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    socket.once('error', reject);
  });
}

/** As `tlsReason`, in the words of this command. */
function reasonOf(error: Error & { code?: unknown }): string {
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'its certificate is for another name; give one that it has with --hub, or add this one to http.tls.names at the hub';
  }
  if (error.code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'it does not speak TLS on this port; write http:// with --hub';
  if (error.code === 'ECONNRESET') return `${error.message}; if the hub speaks TLS there, write https:// with --hub`;
  return (tlsReason(error) ?? messageOf(error)).replace('set tls.caFile to', 'give with --ca-file');
}

function readCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw failed(`the ${what} in the hub's answer is none: ${messageOf(cause)}`);
  }
}

function parse(words: string): unknown {
  try {
    return JSON.parse(words);
  } catch {
    return undefined;
  }
}

function failed(words: string): LinesideError {
  return new LinesideError('ENROLMENT_FAILED', 'outside', words);
}

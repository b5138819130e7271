/** TLS of a broker of ours: what it shows, and what it wants to see of its clients. */
import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

/** A TLS handshake has to be over within this time, milliseconds. */
const HANDSHAKE_MS = 10_000;

/** Files in PEM. */
export interface ServerTls {
  certFile: string;
  keyFile: string;
  /** With it, a client needs a certificate that one of these has signed. */
  clientCaFile?: string | undefined;
}

export interface BrokerTls {
  /** PEM; asked at the start, and when it was renewed. @throws LinesideError TLS_FILE_UNREADABLE */
  read(): { cert: string; key: string; clientCa: string[] };
  /**
   * `ignored`: a client shows none. `asked`: it may show one, and what it is worth is decided later. `needed`: there is
   * no connection without one that `clientCa` has signed.
   */
  clients: 'ignored' | 'asked' | 'needed';
  /** A port of its own for it, beside the open one; without it the only port speaks nothing but TLS. 0: any free. */
  port?: number | undefined;
}

/** @param setting where it is set, for messages, such as `mqtt` */
export function tlsFromFiles({ certFile, keyFile, clientCaFile }: ServerTls, setting: string): BrokerTls {
  return {
    read: () => ({
      cert: readPem(certFile, `${setting}.tls.certFile`),
      key: readPem(keyFile, `${setting}.tls.keyFile`),
      clientCa: clientCaFile === undefined ? [] : [readPem(clientCaFile, `${setting}.tls.clientCaFile`)],
    }),
    clients: clientCaFile === undefined ? 'ignored' : 'needed',
  };
}

/** @throws LinesideError TLS_FILE_UNREADABLE naming the setting */
export function readPem(path: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LinesideError('TLS_FILE_UNREADABLE', 'config', `${setting} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

export function serverOptions({ read, clients }: BrokerTls): TlsOptions {
  const { cert, key, clientCa } = read();
  return {
    ...{ cert, key },
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_MS,
    // Without a list, those that Node trusts would count.
    ...(clients === 'ignored' ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: clients === 'needed' }),
  };
}

export function resolveTls<T extends Partial<ServerTls>>(tls: T, resolvePath: (path: string) => string): T {
  const resolved = { ...tls };
  for (const field of ['certFile', 'keyFile', 'clientCaFile'] as const) {
    const path = tls[field];
    if (path !== undefined) resolved[field] = resolvePath(path);
  }
  return resolved;
}

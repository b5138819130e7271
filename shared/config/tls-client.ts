/** TLS of a client: what it trusts, and how it shows who it is. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { type Static, Type } from 'typebox';
import { LinesideError, messageOf } from '../errors/lineside-error.ts';

const file = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));

export const TlsClient = Type.Object(
  {
    caFile: file(
      'Certificates (PEM) that the server’s must be signed by; without it, those that Node trusts. Path from the configuration’s folder',
    ),
    certFile: file('Own certificate (PEM), for a server that asks for one; together with keyFile'),
    keyFile: file('Private key (PEM) of certFile; readable by this program only'),
    serverName: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Name in the server’s certificate, where it is not the one in the address',
      }),
    ),
  },
  { additionalProperties: false, description: 'TLS, for an address that begins with mqtts' },
);
export type TlsClient = Static<typeof TlsClient>;

/** What does not go together; empty when all is well. */
export function checkTlsClient({
  certFile,
  keyFile,
}: TlsClient): { field: 'certFile' | 'keyFile'; message: string }[] {
  if ((certFile === undefined) === (keyFile === undefined)) return [];
  const [there, missing] =
    certFile === undefined ? (['keyFile', 'certFile'] as const) : (['certFile', 'keyFile'] as const);
  return [{ field: there, message: `a client certificate needs both files: add ${missing} or remove ${there}` }];
}

/**
 * Reads the files anew at each call, so that renewed ones need no restart. The server's certificate is always checked.
 *
 * @param host of the address
 * @throws LinesideError TLS_FILE_UNREADABLE naming the setting
 */
export function tlsOptions(
  settings: TlsClient,
  host: string,
  resolvePath: (path: string) => string,
): { ca?: Buffer; cert?: Buffer; key?: Buffer } & Pick<
  ConnectionOptions,
  'servername' | 'minVersion' | 'rejectUnauthorized' | 'checkServerIdentity'
> {
  const read = (field: 'caFile' | 'certFile' | 'keyFile'): Buffer | undefined => {
    const path = settings[field];
    if (path === undefined) return undefined;
    try {
      return readFileSync(resolvePath(path));
    } catch (cause) {
      throw new LinesideError('TLS_FILE_UNREADABLE', 'config', `tls.${field} cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    }
  };
  const name = settings.serverName ?? host;
  const [ca, cert, key] = [read('caFile'), read('certFile'), read('keyFile')];
  return {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    // An address is no server name (RFC 6066, 3).
    servername: isIP(name) ? '' : name,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

const REASONS: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted; set tls.caFile to it or to what signed it',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted; set tls.caFile to what signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted; set tls.caFile to what signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted; set tls.caFile to what signed it',
  CERT_HAS_EXPIRED: 'its certificate has expired; renew it, or set this machine’s clock',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; set this machine’s clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; set tls.serverName to the name in it',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a client certificate; set tls.certFile and tls.keyFile',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust this client’s certificate; check tls.certFile',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'it refuses the client certificate or all ciphers; check tls.certFile',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port; use mqtt:// or its TLS port',
};

/** What a failed TLS connection means for who runs the program; null when it has nothing to do with TLS. */
export function tlsReason(error: Error & { code?: unknown }): string | null {
  return REASONS[String(error.code)] ?? null;
}

/** Certificates for a test, made by openssl. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface Authority {
  /** PEM files. */
  cert: string;
  key: string;
}

/** Without the configuration that a library in this process may have set for an openssl of its own. */
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { stdio: 'pipe', env: { ...process.env, OPENSSL_CONF: undefined } });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate that signs others. */
export function authority(dir: string, name: string): Authority {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  openssl('req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert);
  return { cert, key };
}

/** A certificate signed by an authority, for the name that a device or a client has. */
export function signed(dir: string, by: Authority, name: string): Authority {
  const [cert, key, csr] = ['pem', 'key', 'csr'].map((ending) => join(dir, `${name}.${ending}`)) as [
    string,
    string,
    string,
  ];
  const alternative = `subjectAltName=DNS:${name}`;
  openssl('req', ...KEY, '-subj', `/CN=${name}`, '-addext', alternative, '-keyout', key, '-out', csr);
  const from = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial', '-copy_extensions', 'copy'];
  openssl('x509', '-req', '-in', csr, ...from, '-days', '2', '-out', cert);
  return { cert, key };
}

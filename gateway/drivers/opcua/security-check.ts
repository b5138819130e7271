/** What the schema cannot say of security and user. */
import type { ConfigProblem } from '../driver.ts';
import { OBSOLETE, type SecurityConfig, type UserConfig } from './security-config.ts';

const SECURE = 'security: { policy: Basic256Sha256, mode: SignAndEncrypt }';

export function checkSecurity(device: { security?: SecurityConfig; user?: UserConfig }): ConfigProblem[] {
  const { security, user } = device;
  const problems: ConfigProblem[] = [];
  if (security?.policy === 'None' && security.mode !== undefined) {
    problems.push({
      field: 'security',
      message: `policy None neither signs nor encrypts: remove mode ${security.mode}, or choose another policy such as Basic256Sha256`,
    });
  }
  if (security && OBSOLETE.includes(security.policy)) {
    problems.push({
      field: 'security',
      warning: true,
      message: `policy ${security.policy} is obsolete, its SHA-1 signatures can be forged: use Basic256Sha256 or newer as soon as the server can`,
    });
  }
  if (user) problems.push(...checkUser(user, security));
  return problems;
}

function checkUser(user: UserConfig, security: SecurityConfig | undefined): ConfigProblem[] {
  const { name, passwordFile, certFile, keyFile } = user;
  const byName = name !== undefined || passwordFile !== undefined;
  const byCertificate = certFile !== undefined || keyFile !== undefined;
  if (byName && byCertificate) {
    return [
      {
        field: 'user',
        message: 'both a name and a certificate: keep name and passwordFile, or certFile and keyFile',
      },
    ];
  }
  const missing = byCertificate
    ? certFile === undefined
      ? 'certFile'
      : keyFile === undefined && 'keyFile'
    : name === undefined
      ? 'name'
      : passwordFile === undefined && 'passwordFile';
  if (missing) {
    return [
      {
        field: 'user',
        message: `${missing} is missing: write name and passwordFile, or certFile and keyFile, or remove user to be anonymous`,
      },
    ];
  }
  if (security && security.policy !== 'None') return [];
  const exposed = byCertificate
    ? 'anyone on the network could take over what the certificate was shown for'
    : 'the password would cross the network where anyone can read it';
  return [{ field: 'user', message: `a user with security policy None: ${exposed}; add ${SECURE}` }];
}

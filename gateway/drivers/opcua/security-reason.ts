/** What a server says against the gateway's certificate or user, as a sentence for an operator. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Mode, Policy, UserConfig } from './security-config.ts';

export interface SecuritySituation {
  policy: Policy;
  mode: Mode;
  user: UserConfig | undefined;
  /** Of the gateway's own certificate. */
  thumbprint: string;
}

/** The same error, or one that says more: for what has to do with security. */
export function explainSecurity(error: unknown, situation: SecuritySituation): unknown {
  if (error instanceof LinesideError) return error;
  const said = /Bad[A-Z][A-Za-z]+/.exec(messageOf(error))?.[0] ?? '';
  const words = sentence(said, messageOf(error), situation);
  return words ? new LinesideError('SERVER_REFUSES', 'outside', words) : error;
}

function sentence(said: string, message: string, { policy, mode, user, thumbprint }: SecuritySituation): string {
  const who =
    user?.name !== undefined ? `the user "${user.name}"` : user ? 'the user certificate' : 'anonymous users';
  switch (said) {
    case 'BadIdentityTokenRejected':
    case 'BadIdentityTokenInvalid':
    case 'BadUserAccessDenied':
    case 'BadUserSignatureInvalid': {
      const act = user?.name
        ? 'check the name, the content of passwordFile and the rights at the server'
        : user
          ? 'trust it at the server, and check that keyFile belongs to certFile'
          : 'allow them there, or set user in the configuration';
      return `the server does not take ${who} (${said}); ${act}`;
    }
    case 'BadSecurityPolicyRejected':
    case 'BadSecurityModeRejected':
      return `the server does not take policy ${policy} with mode ${mode} (${said}); choose what it offers`;
    case 'BadCertificateTimeInvalid':
      return `the server finds the gateway's certificate expired or not yet valid (${said}); compare the clocks of both`;
    case 'BadSecurityChecksFailed':
    case 'BadCertificateUntrusted':
    case 'BadCertificateInvalid':
    case 'BadCertificateUriInvalid':
    case 'BadCertificateHostNameInvalid':
    case 'BadCertificateUseNotAllowed':
    case 'BadCertificateIssuerUseNotAllowed':
    case 'BadCertificateRevocationUnknown':
    case 'BadCertificateChainIncomplete':
    case 'BadCertificateRevoked':
    case 'BadApplicationSignatureInvalid':
      return `the server does not trust the gateway's certificate (${said}): look there among the rejected certificates for thumbprint ${thumbprint} and trust it`;
    default:
  }
  if (policy !== 'None' && /socket has been disconnected|ECONNRESET|EPIPE|Certificate not changed/i.test(message)) {
    return `the server closed the secured connection without a word; it may not trust the gateway's certificate: look there among the rejected certificates for thumbprint ${thumbprint} and trust it`;
  }
  return '';
}

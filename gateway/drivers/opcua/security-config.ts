/** How the connection to an OPC UA server is secured, and who the gateway is there. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

/** Withdrawn by the OPC Foundation: they rest on SHA-1. For servers that have nothing else. */
export const OBSOLETE: readonly Policy[] = ['Basic128Rsa15', 'Basic256'];

export const SecurityConfig = Type.Object(
  {
    policy: Type.Union(
      [
        Type.Literal('None'),
        Type.Literal('Basic128Rsa15'),
        Type.Literal('Basic256'),
        Type.Literal('Basic256Sha256'),
        Type.Literal('Aes128_Sha256_RsaOaep'),
        Type.Literal('Aes256_Sha256_RsaPss'),
      ],
      {
        default: 'Basic256Sha256',
        description: 'The security policy, which the server must offer. Basic128Rsa15 and Basic256 are obsolete.',
      },
    ),
    mode: Type.Optional(
      Type.Union([Type.Literal('Sign'), Type.Literal('SignAndEncrypt')], {
        description:
          'Sign: nobody can change what is sent; SignAndEncrypt: nor read it. SignAndEncrypt unless set; not with policy None.',
      }),
    ),
    checkHostName: Type.Boolean({
      default: true,
      description:
        'Whether the server’s certificate must name the host of the endpoint. False for a PLC whose certificate names none; the certificate must be trusted all the same.',
    }),
  },
  {
    ...closed,
    description:
      'Signing and encryption. Without it: none, and anonymous. The server’s certificate must be trusted first: `gateway trust list`.',
  },
);
export type SecurityConfig = Static<typeof SecurityConfig>;
export type Policy = SecurityConfig['policy'];

export const UserConfig = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, description: 'User name at the server; needs passwordFile' })),
    passwordFile: Type.Optional(
      Type.String({ minLength: 1, description: 'File with the password, from the configuration’s folder' }),
    ),
    certFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'X.509 certificate of the user, PEM or DER, from the configuration’s folder; needs keyFile',
      }),
    ),
    keyFile: Type.Optional(
      Type.String({ minLength: 1, description: 'Private key of that certificate, PEM, without a passphrase' }),
    ),
  },
  { ...closed, description: 'Who the gateway is at the server: a name or a certificate. Without it: anonymous.' },
);
export type UserConfig = Static<typeof UserConfig>;

export type Mode = 'None' | 'Sign' | 'SignAndEncrypt';

/** What holds when settings are left out. */
export function effectiveSecurity(security: SecurityConfig | undefined): {
  policy: Policy;
  mode: Mode;
  checkHostName: boolean;
} {
  if (!security || security.policy === 'None') return { policy: 'None', mode: 'None', checkHostName: false };
  return { ...security, mode: security.mode ?? 'SignAndEncrypt' };
}

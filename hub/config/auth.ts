/** How people come in, in the hub's configuration. */
import { Role } from '@lineside/shared/contracts/permissions.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

const RoleOfClaim = Type.Object(
  {
    value: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'What the claim says, such as the name of a group',
    }),
    role: Role,
    sites: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        maxItems: 100,
        description: 'Equipment paths that they are limited to; without it the whole plant',
      }),
    ),
  },
  closed,
);

const OidcConfig = Type.Object(
  {
    issuer: Type.String({
      pattern: '^https?://[^\\s?#]+$',
      description: 'Address of the provider, such as https://login.example.com/realms/plant',
    }),
    clientId: Type.String({ minLength: 1, maxLength: 200, description: 'Who this hub is at the provider' }),
    clientSecretFile: Type.Optional(
      Type.String({ description: 'File that holds the client’s secret; without it the client is a public one' }),
    ),
    publicUrl: Type.String({
      pattern: '^https?://[^\\s/?#]+$',
      description: 'Address by which browsers reach this hub; register it with /api/v1/oidc/callback behind it',
    }),
    label: Type.String({
      default: 'Sign in with your company account',
      minLength: 1,
      maxLength: 60,
      description: 'Words on the button of the sign-in page',
    }),
    scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$' }), {
      default: ['openid', 'profile', 'email'],
      maxItems: 20,
      description: 'What the provider is asked for',
    }),
    nameClaim: Type.String({
      default: 'preferred_username',
      minLength: 1,
      description: 'Claim that becomes the name of the user',
    }),
    roleClaim: Type.String({
      default: 'groups',
      minLength: 1,
      description: 'Claim that says what somebody is; dots lead into objects, such as realm_access.roles',
    }),
    roles: Type.Array(RoleOfClaim, {
      minItems: 1,
      maxItems: 100,
      description:
        'Which role a value of the claim stands for; the first that somebody has is taken. Without any nobody comes in',
    }),
    allowHttp: Type.Boolean({
      default: false,
      description:
        'Whether issuer may be http://. Anybody in between could come in as anyone: only for a provider on this machine',
    }),
  },
  { ...closed, description: 'Signing in at a provider of identities (OpenID Connect)' },
);
export type OidcConfig = Static<typeof OidcConfig>;

export const AuthConfig = Type.Object(
  {
    minPasswordLength: Type.Integer({
      default: 12,
      minimum: 8,
      maximum: 64,
      description: 'Characters that a new password has at least',
    }),
    oidc: Type.Optional(OidcConfig),
  },
  { ...closed, default: {}, description: 'How people come in' },
);
export type AuthConfig = Static<typeof AuthConfig>;

/** What the schema cannot say. Paths are those of the whole configuration. */
export function checkAuth(
  { oidc }: AuthConfig,
  places: ReadonlySet<string>,
): { path: (string | number)[]; message: string }[] {
  if (!oidc) return [];
  const problems: { path: (string | number)[]; message: string }[] = [];
  if (oidc.issuer.startsWith('http://') && !oidc.allowHttp) {
    const message =
      'a provider without TLS proves nothing: write https://, or allowHttp: true for one on this machine';
    problems.push({ path: ['auth', 'oidc', 'issuer'], message });
  }
  oidc.roles.forEach(({ role, sites }, index) => {
    const path = ['auth', 'oidc', 'roles', index, 'sites'];
    if (sites && role === 'admin')
      problems.push({ path, message: 'an administrator has the whole plant: remove sites' });
    const unknown = sites?.find((site) => !places.has(site));
    if (unknown !== undefined) problems.push({ path, message: `the plant has no ${unknown}` });
  });
  return problems;
}

/** Users, API keys, tokens and the audit log, as the hub's API speaks of them. */
import { type Static, type TSchema, Type } from 'typebox';
import { KeyScope, Role } from './permissions.ts';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false };

const USER_NAME_PATTERN = '^[a-z0-9][a-z0-9._@+-]{0,63}$';
/** In any script, and as long as somebody likes. Characters. */
const MAX_PASSWORD = 256;

export const UserName = Type.String({
  pattern: USER_NAME_PATTERN,
  description: 'small letters, digits and . _ @ + -, 64 at most',
  examples: ['m.weber'],
});

const Sites = Nullable(
  Type.Array(Type.String({ minLength: 1, maxLength: 500 }), {
    minItems: 1,
    maxItems: 100,
    description: 'equipment paths (ISA-95) that it is limited to, with what lies below them; null: the whole plant',
    examples: [['acme']],
  }),
);

export const UserAccount = Type.Object({
  name: UserName,
  fullName: Type.String(),
  role: Role,
  sites: Nullable(Type.Array(Type.String())),
  disabled: Type.Boolean({ description: 'may not come in; sessions and tokens are over' }),
  signsInBy: Type.Union([Type.Literal('password'), Type.Literal('provider')], {
    description: 'provider: by OpenID Connect, which also says the role',
  }),
  mustChangePassword: Type.Boolean(),
  createdAt: Ms,
  passwordChangedAt: Nullable(Ms),
  lastLoginAt: Nullable(Ms),
});
export type UserAccount = Static<typeof UserAccount>;

const FullName = Type.String({ maxLength: 200 });

export const NewUser = Type.Object(
  {
    name: UserName,
    fullName: Type.String({ maxLength: 200, default: '' }),
    role: Role,
    sites: Type.Union(Sites.anyOf, { default: null }),
  },
  closed,
);
export type NewUser = Static<typeof NewUser>;

export const UserChange = Type.Object(
  {
    fullName: Type.Optional(FullName),
    role: Type.Optional(Role),
    sites: Type.Optional(Sites),
    disabled: Type.Optional(Type.Boolean()),
  },
  { ...closed, minProperties: 1 },
);
export type UserChange = Static<typeof UserChange>;

export const UserWithPassword = Type.Object({
  user: UserAccount,
  password: Type.String({ description: 'told this once; to be changed at the first sign-in' }),
});
export type UserWithPassword = Static<typeof UserWithPassword>;

export const PasswordChange = Type.Object(
  {
    current: Type.String({ minLength: 1, maxLength: MAX_PASSWORD }),
    new: Type.String({ minLength: 1, maxLength: MAX_PASSWORD, examples: ['tractor seven moon'] }),
  },
  closed,
);

/** How one can come in: what the sign-in page shows. */
export const SignInWays = Type.Object({
  minPasswordLength: Type.Integer({ description: 'characters of a new password' }),
  provider: Nullable(
    Type.Object({
      label: Type.String({ description: 'words on the button' }),
      url: Type.String({ description: 'where the browser goes' }),
    }),
  ),
});
export type SignInWays = Static<typeof SignInWays>;

export const TokenPair = Type.Object({
  tokenType: Type.Literal('Bearer'),
  accessToken: Type.String({ description: 'for the header Authorization: Bearer …' }),
  expiresIn: Type.Integer({ description: 'seconds' }),
  refreshToken: Type.String({ description: 'good once, for the next pair' }),
  refreshExpiresIn: Type.Integer({ description: 'seconds' }),
});
export type TokenPair = Static<typeof TokenPair>;

export const RefreshBody = Type.Object({ refreshToken: Type.String({ minLength: 1, maxLength: 200 }) }, closed);

export const ApiKeyView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  prefix: Type.String({ description: 'how the key begins' }),
  scopes: Type.Array(KeyScope),
  sites: Nullable(Type.Array(Type.String())),
  createdBy: Type.String(),
  createdAt: Ms,
  expiresAt: Nullable(Ms),
  revokedAt: Nullable(Ms),
  revokedBy: Type.String(),
  lastUsedAt: Nullable(Ms),
  lastUsedFrom: Type.String({ description: 'address in the network' }),
});
export type ApiKeyView = Static<typeof ApiKeyView>;

export const NewApiKey = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$',
      description: 'of the program that uses it',
      examples: ['Grafana'],
    }),
    scopes: Type.Array(KeyScope, { minItems: 1, maxItems: 50, uniqueItems: true }),
    sites: Type.Union(Sites.anyOf, { default: null }),
    expiresAt: Nullable(Type.Integer({ description: 'milliseconds since 1970 UTC; null: never' })),
  },
  closed,
);
export type NewApiKey = Static<typeof NewApiKey>;

export const ApiKeyWithSecret = Type.Object({
  key: ApiKeyView,
  secret: Type.String({ description: 'the key itself, told this once' }),
});
export type ApiKeyWithSecret = Static<typeof ApiKeyWithSecret>;

export const ActorKind = Type.Union(
  [
    Type.Literal('user'),
    Type.Literal('key'),
    Type.Literal('account'),
    Type.Literal('gateway'),
    Type.Literal('command'),
    Type.Literal('hub'),
    Type.Literal('nobody'),
  ],
  {
    description:
      'key: of the API; account: at an MQTT broker; gateway: by itself, or somebody at its machine by the name given there; command: typed at the hub’s machine; hub: by itself; nobody: not signed in',
  },
);
export type ActorKind = Static<typeof ActorKind>;

/** `refused`: for want of a permission, or a wrong password. `failed`: it did not come about. `unknown`: nobody has told. */
export const AuditOutcome = Type.Union([
  Type.Literal('done'),
  Type.Literal('refused'),
  Type.Literal('failed'),
  Type.Literal('unknown'),
]);
export type AuditOutcome = Static<typeof AuditOutcome>;

export const AuditEntry = Type.Object({
  id: Type.Integer(),
  at: Ms,
  actor: Type.String({
    description: 'a user’s name; key: with the name of an API key; who else it was, by actorKind',
  }),
  actorKind: ActorKind,
  action: Type.String({
    description: 'such as user.create or tag.write; x-audit of an operation in the OpenAPI document',
  }),
  target: Type.String(),
  outcome: AuditOutcome,
  before: Type.Unknown({ description: 'what changed, as it was; null where there is nothing to tell' }),
  after: Type.Unknown({ description: 'what changed, as it became or was asked for; never a secret' }),
  address: Type.String({ description: 'of the network, or the gateway that tells of it; empty for the hub itself' }),
  requestId: Type.String(),
});
export type AuditEntry = Static<typeof AuditEntry>;

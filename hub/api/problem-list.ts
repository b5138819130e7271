/**
 * Every problem that the API answers with: one line a code, which never changes its meaning. What a route throws and is
 * not listed is a fault of the hub (INTERNAL). The list is shown at /docs/problems and stands in the OpenAPI document.
 */
interface ProblemKind {
  status: number;
  title: string;
  /** What it means, and what whoever asked can do. */
  means: string;
}

const KINDS = {
  REQUEST_INVALID: {
    status: 400,
    title: 'Request not understood',
    means: 'The address, the query, a header or the body is not as the document says; the detail names the part.',
  },
  CURSOR_INVALID: {
    status: 400,
    title: 'Cursor of another list',
    means: 'A cursor is `next` of the page before, with the same address, filters and sort. Begin without one.',
  },
  RANGE_INVALID: {
    status: 400,
    title: 'Range not possible',
    means: 'The begin must lie before the end, and the range must not be longer than the operation says.',
  },
  DAY_INVALID: { status: 400, title: 'No such day', means: 'A day is written as 2026-11-22 and does not lie ahead.' },
  VALUE_REFUSED: {
    status: 400,
    title: 'Value refused',
    means: 'The value does not fit the tag’s type, limits or names. Nothing was written.',
  },
  SITE_NOT_FOUND: { status: 400, title: 'No such site', means: 'The plant has no site with this id.' },
  CSR_INVALID: {
    status: 400,
    title: 'Certificate request not usable',
    means:
      'It is damaged, for another gateway, not signed by its own key, or its key is of a kind that is not taken.',
  },
  PASSWORD_REFUSED: {
    status: 400,
    title: 'Choose another password',
    means:
      'It is too short, one of the common ones, or made of the user’s name. Nothing else is asked of a password.',
  },
  EXPIRY_PAST: { status: 400, title: 'Expired already', means: 'The time at which a key ends must lie ahead.' },
  SITES_REFUSED: {
    status: 400,
    title: 'Sites not possible',
    means: 'A path is none of the plant’s, or an administrator was to be limited. Nothing was changed.',
  },
  LOGIN_REFUSED: {
    status: 401,
    title: 'Name or password is wrong',
    means: 'The hub does not say which of the two. After five attempts it makes whoever tries wait.',
  },
  SESSION_ENDED: {
    status: 401,
    title: 'Not signed in',
    means: 'There is no session or key, or it is over. Sign in again, or send a valid key.',
  },
  TOKEN_REFUSED: {
    status: 401,
    title: 'Refresh token not good',
    means: 'It has been used before, has expired, or its sign-in is over. Sign in again.',
  },
  ORIGIN_REFUSED: {
    status: 403,
    title: 'Page of another origin',
    means: 'A browser sent this from a page of another address than the hub’s. http.cors.origins lets others in.',
  },
  ENROLMENT_REFUSED: {
    status: 401,
    title: 'Token not known',
    means:
      'No such token was made at this hub, or the request was not made with it. Copy the token again as a whole.',
  },
  TOKEN_OTHER_GATEWAY: {
    status: 403,
    title: 'Token of another gateway',
    means: 'A token is for one gateway. Take the one that was made for this id, or set gateway.id.',
  },
  PERMISSION_MISSING: {
    status: 403,
    title: 'Not allowed',
    means: 'The role or key of whoever asks does not have the permission of this operation (x-permission).',
  },
  PASSWORD_CHANGE_REQUIRED: {
    status: 403,
    title: 'Choose a password first',
    means: 'The password was set by an administrator. Nothing else is possible before it is changed.',
  },
  ACCOUNT_NOT_FOUND: {
    status: 404,
    title: 'No such MQTT account',
    means: 'No account of this name was made through the API. Those of the hub’s configuration are changed there.',
  },
  PASSWORD_WRONG: {
    status: 403,
    title: 'Present password is wrong',
    means: 'To choose another password, the present one is asked for. After five attempts there is a wait.',
  },
  ALARM_NOT_FOUND: { status: 404, title: 'No such alarm', means: 'No alarm has this occurrence, or not for you.' },
  EQUIPMENT_NOT_FOUND: {
    status: 404,
    title: 'No such equipment',
    means: 'No node of the plant has this path and level, or not for you. GET /api/v1/equipment lists them.',
  },
  GATEWAY_NOT_FOUND: { status: 404, title: 'No such gateway', means: 'No gateway has this id, or not for you.' },
  MACHINE_NOT_FOUND: { status: 404, title: 'No such machine', means: 'No cell has this path, or not for you.' },
  NOT_FOUND: { status: 404, title: 'Nothing here', means: 'The hub knows no such address or method.' },
  NOT_ACCEPTABLE: {
    status: 406,
    title: 'No such form',
    means:
      'The operation cannot answer in any of the forms that Accept names; the detail lists those that there are.',
  },
  ROLLOUT_NOT_FOUND: { status: 404, title: 'No such rollout', means: 'No rollout with this id is running.' },
  TAG_NOT_FOUND: { status: 404, title: 'No such tag', means: 'No tag has this id, or not for you.' },
  ACCOUNT_NAME_TAKEN: {
    status: 409,
    title: 'Name is taken',
    means: 'Somebody else comes to the broker by this name.',
  },
  ACCOUNTS_HEAR_NOTHING: {
    status: 409,
    title: 'Nothing to hear',
    means: 'The hub does not publish the topics that such an account would hear. Set uns.enabled.',
  },
  TOO_MANY_ACCOUNTS: { status: 409, title: 'Too many MQTT accounts', means: 'Remove those that nobody uses.' },
  CERTIFICATE_NOT_FOUND: {
    status: 404,
    title: 'No such certificate',
    means: 'The gateway has no certificate that is valid, or not this one. Nothing was revoked.',
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    title: 'No such open token',
    means: 'No token to enrol has this id, or it was used, or its time is over. Nothing was withdrawn.',
  },
  USER_NOT_FOUND: { status: 404, title: 'No such user', means: 'No user has this name.' },
  KEY_NOT_FOUND: { status: 404, title: 'No such key', means: 'No API key in force has this id.' },
  PROVIDER_NOT_SET: {
    status: 404,
    title: 'No provider of identities',
    means: 'The hub’s configuration has no auth.oidc. Sign in with a password.',
  },
  USER_EXISTS: { status: 409, title: 'Name is taken', means: 'Another user has this name. Nothing was made.' },
  KEY_EXISTS: { status: 409, title: 'Name is taken', means: 'An API key in force has this name. Revoke it first.' },
  LAST_ADMIN: {
    status: 409,
    title: 'Last administrator',
    means: 'Nobody could manage users any more. Make another user an administrator first.',
  },
  USER_BY_PROVIDER: {
    status: 409,
    title: 'User of the provider',
    means: 'The user’s password and role are kept at the provider of identities. Change them there.',
  },
  ALARM_ACKNOWLEDGED: {
    status: 409,
    title: 'Nothing to acknowledge',
    means: 'The alarm has been acknowledged already, or is over.',
  },
  CONFIG_INVALID: {
    status: 400,
    title: 'No configuration',
    means: 'The text is no YAML mapping; the detail says why. Nothing was sent.',
  },
  CONFIG_PENDING: {
    status: 409,
    title: 'A configuration is on its way',
    means: 'The gateway is still busy with the one before. Wait for its answer.',
  },
  ENROLMENT_NEEDS_TLS: {
    status: 409,
    title: 'The broker speaks no TLS',
    means: 'Gateways show certificates over TLS. Add tls to mqtt in the hub’s configuration first.',
  },
  GATEWAY_CLOCK: {
    status: 409,
    title: 'The gateway’s clock is wrong',
    means:
      'It differs from the hub’s by more than half a day. Set the clock and enrol again; the token is still good.',
  },
  GATEWAY_NAME_TAKEN: {
    status: 409,
    title: 'Name is taken',
    means: 'Something else than a gateway comes to the broker by this name.',
  },
  TOKEN_USED: {
    status: 409,
    title: 'Token is used up',
    means:
      'A token lets a gateway enrol once. Make a new one; if nobody of yours has used it, revoke the certificate.',
  },
  GATEWAY_BUSY: {
    status: 409,
    title: 'Gateway is asked enough',
    means: 'Wait for the answers that it owes, and ask again. Nothing was done.',
  },
  GATEWAY_OFFLINE: {
    status: 409,
    title: 'Gateway is not there',
    means: 'What needs a gateway is not kept for later. Nothing was done; try again when it is online.',
  },
  ROLLOUT_RUNNING: {
    status: 409,
    title: 'A rollout is running',
    means: 'One at a time brings a configuration to several gateways. Wait for its end, or stop it.',
  },
  IDEMPOTENCY_ANSWER_GONE: {
    status: 409,
    title: 'Done, and its answer was not kept',
    means: 'This key was used and the request was done; its answer held a secret or was too long to be kept.',
  },
  IDEMPOTENCY_BUSY: {
    status: 409,
    title: 'The same request is at work',
    means: 'A request with this key is being answered now. Ask again after the seconds that Retry-After says.',
  },
  IDEMPOTENCY_UNKNOWN: {
    status: 409,
    title: 'Not known whether it was done',
    means:
      'The hub ended while it worked on the request with this key. Look whether it was done; then use another key.',
  },
  TAG_NOT_WRITABLE: {
    status: 409,
    title: 'Tag may not be set',
    means: 'The gateway’s configuration does not let this tag be written. Nothing was written.',
  },
  TOKEN_EXPIRED: { status: 410, title: 'Token has expired', means: 'Make a new one.' },
  BODY_TOO_LARGE: { status: 413, title: 'Body too large', means: 'The body is longer than this operation takes.' },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    title: 'Media type not supported',
    means: 'Bodies are JSON: send content-type: application/json.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'Key of another request',
    means: 'A key stands for one request, with its address and body, for a day. Use a new one.',
  },
  LOGIN_THROTTLED: {
    status: 429,
    title: 'Too many attempts',
    means: 'Wait for the seconds that Retry-After says, then try to sign in again.',
  },
  TOO_MANY_KEYS: {
    status: 429,
    title: 'Too many idempotency keys',
    means: 'One user or key has 10,000 of them within a day. Send the request without one, or wait.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests',
    means: 'This user, key or address has used up its requests. Wait for the seconds that Retry-After says.',
  },
  TOO_MANY_WRITES: {
    status: 429,
    title: 'Too many writes wait',
    means: 'The hub waits for the outcome of as many writes as it can. Nothing was written; try again.',
  },
  INTERNAL: {
    status: 500,
    title: 'The hub failed',
    means: 'The reason is in the hub’s log, under the request id of the answer.',
  },
  GATEWAY_REFUSED: {
    status: 502,
    title: 'The gateway says no',
    means:
      'The detail has its words: what hub.accept in its configuration does not name, or why it could not be done.',
  },
  STORE_BUSY: {
    status: 503,
    title: 'The hub’s store is busy',
    means: 'All connections to it were in use for too long. Try again in some seconds.',
  },
  STORE_UNREACHABLE: {
    status: 503,
    title: 'The hub’s store is away',
    means: 'PostgreSQL does not answer; /health says why. Nothing is lost. Try again in some seconds.',
  },
  CONFIG_UNKNOWN: {
    status: 504,
    title: 'No answer on the configuration',
    means: 'The gateway may have taken it over. Look at the hash of the configuration that it reports.',
  },
  GATEWAY_SILENT: {
    status: 504,
    title: 'No answer from the gateway',
    means: 'It may have done what it was asked. Look at it before you ask again.',
  },
  WRITE_UNKNOWN: {
    status: 504,
    title: 'No answer on the write',
    means: 'It may have been written. Look at the tag’s value and at GET /api/v1/writes before you try again.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof KINDS;

export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = KINDS;

/** Of what is thrown; undefined for what is not a problem of whoever asked. */
export function problemOf(code: string): ProblemKind | undefined {
  return Object.hasOwn(KINDS, code) ? KINDS[code as ProblemCode] : undefined;
}

/** Where a code is explained, from the root of the hub's address. */
export function typeOf(code: string): string {
  return `/docs/problems/${code}`;
}

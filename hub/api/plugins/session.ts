/** Session cookie and Authorization header, and the hook that lets only those in who may do what a route says. */
import cookie from '@fastify/cookie';
import type { User } from '@lineside/shared/contracts/api.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { Access } from '../../auth/access.ts';
import { SESSION_MS } from '../../auth/auth-service.ts';
import type { Identity } from '../../auth/identity.ts';
import type { Actor } from '../../store/postgres/audit.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking; null on the routes that anybody may call. */
    identity: Identity | null;
    /** Who is asking now; null when the session or key has ended meanwhile. For what stays open long. */
    identify(): Promise<Identity | null>;
  }
  interface FastifyContextConfig {
    /** What whoever calls this route must be allowed. Every route under /api has this or `open`. */
    permission?: Permission;
    /** Anybody may call this route. */
    open?: true;
  }
}

const COOKIE = 'lineside_session';
/** What somebody with a password that is not theirs yet may do. */
const BEFORE_OWN_PASSWORD: readonly Permission[] = ['account.read', 'account.change'];

export async function addSessions(app: FastifyInstance, access: Pick<Access, 'identify'>): Promise<void> {
  await app.register(cookie);
  app.decorateRequest('identity', null);
  app.decorateRequest('identify', function identify(this: FastifyRequest) {
    const bearer = bearerOf(this);
    return access.identify({ session: tokenOf(this), bearer, address: this.ip });
  });
  app.addHook('onRoute', holdRule);
  app.addHook('onRequest', async (request) => {
    // By the route and not by the address as written: /%61pi/v1/me leads to the same one.
    const { url, config } = request.routeOptions;
    if (config.open || !url?.startsWith('/api/')) return;
    await admit(request, config.permission!);
  });
}

/**
 * Lets a request in that has the permission, for routes that ask by themselves.
 * @throws LinesideError SESSION_ENDED, PASSWORD_CHANGE_REQUIRED, PERMISSION_MISSING
 */
export async function admit(request: FastifyRequest, permission: Permission): Promise<void> {
  request.identity = await request.identify();
  if (!request.identity)
    throw new LinesideError('SESSION_ENDED', 'peer', 'sign in first; the session or key is over or never was');
  check(request.identity, permission);
}

/** How somebody looks to themselves. */
export function userOf({ name, role, permissions, sites, signsInBy, mustChangePassword }: Identity): User {
  return { name, role, permissions: [...permissions], sites: sites && [...sites], signsInBy, mustChangePassword };
}

/** A route that nobody has thought about is open to nobody: the hub does not start with it. */
function holdRule({ url, method, config, schema }: RouteOptions): void {
  if (!url.startsWith('/api/') || config?.open) return;
  if (config?.permission) {
    // For whoever reads the OpenAPI document.
    if (schema) Object.assign(schema, { 'x-permission': config.permission });
    return;
  }
  const words = `${method} ${url} says neither which permission it needs nor that it is open`;
  throw new LinesideError('ROUTE_WITHOUT_RULE', 'bug', words);
}

/** @throws LinesideError PASSWORD_CHANGE_REQUIRED, PERMISSION_MISSING */
function check({ permissions, role, mustChangePassword }: Identity, permission: Permission): void {
  if (mustChangePassword && !BEFORE_OWN_PASSWORD.includes(permission)) {
    throw new LinesideError('PASSWORD_CHANGE_REQUIRED', 'peer', 'choose a password of your own first');
  }
  expectMay({ permissions, role }, permission);
}

/** For what a route does only on some wishes. @throws LinesideError PERMISSION_MISSING */
export function expectMay(
  { permissions, role }: Pick<Identity, 'permissions' | 'role'>,
  permission: Permission,
): void {
  if (permissions.has(permission)) return;
  const who = role ? `the role ${role}` : 'this API key';
  throw new LinesideError('PERMISSION_MISSING', 'peer', `${who} does not have the permission ${permission}`);
}

/** Whoever acts, for the audit log. */
export function actorOf({ identity, ip, id }: FastifyRequest): Actor {
  const { name, kind } = identity!;
  return { name, kind, address: ip, requestId: id };
}

/** An access token or an API key. */
function bearerOf(request: FastifyRequest): string | undefined {
  // Of another scheme, it is for a proxy in front.
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}

export function tokenOf(request: FastifyRequest): string | undefined {
  return request.cookies[COOKIE];
}

/** SameSite keeps other sites' pages out; `secure` where the request came over TLS. */
export function setToken(request: FastifyRequest, reply: FastifyReply, token: string): void {
  const secure = request.protocol === 'https';
  void reply.setCookie(COOKIE, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
    maxAge: SESSION_MS / 1000,
  });
}

export function clearToken(reply: FastifyReply): void {
  void reply.clearCookie(COOKIE, { path: '/' });
}

/** The session cookie, and the hook that lets only those with a session in. */
import cookie from '@fastify/cookie';
import type { User } from '@lineside/shared/contracts/api.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AuthService, SESSION_MS } from '../../auth/auth-service.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in; null on the routes that anybody may call. */
    user: User | null;
  }
  interface FastifyContextConfig {
    /** Anybody may call this route. */
    open?: boolean;
  }
}

const COOKIE = 'lineside_session';

export async function addSessions(app: FastifyInstance, auth: AuthService): Promise<void> {
  await app.register(cookie);
  app.decorateRequest('user', null);
  app.addHook('onRequest', async (request) => {
    refuseOtherOrigins(request);
    // By the route and not by the address as written: /%61pi/v1/me leads to the same one.
    if (request.routeOptions.config.open || !request.routeOptions.url?.startsWith('/api/')) return;
    request.user = await userOf(request, auth);
    if (!request.user)
      throw new LinesideError('SESSION_ENDED', 'peer', 'sign in first; the session is over or never was');
  });
}

async function userOf(request: FastifyRequest, auth: AuthService): Promise<User | null> {
  const token = tokenOf(request);
  return token ? auth.session(token) : null;
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

/** A browser names the page that a request comes from; a page of another origin has no business here. */
function refuseOtherOrigins(request: FastifyRequest): void {
  const { origin, host, upgrade } = request.headers;
  const harmless = request.method === 'GET' && upgrade === undefined;
  if (origin === undefined || harmless || hostOf(origin) === host) return;
  throw new LinesideError('ORIGIN_REFUSED', 'peer', `requests from pages of ${origin} are refused`);
}

/** Undefined for "null" and the like. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

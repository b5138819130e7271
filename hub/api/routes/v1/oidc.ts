/** To the provider of identities and back. Browsers come here, so what goes wrong is told at the sign-in page. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { takeProvenUser } from '../../../auth/provider-users.ts';
import { setToken } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const COOKIE = 'lineside_provider';
/** Whoever takes longer at the provider begins anew. */
const PENDING_S = 600;
const PATH = '/api/v1/oidc';

const Pending = Type.Object({ state: Type.String(), nonce: Type.String(), verifier: Type.String() });

export function oidcRoutes(app: Api, { access, now, log }: ApiServices): void {
  const { provider, sessions, db } = access;

  app.get(
    '/oidc/login',
    {
      config: { open: true },
      // For browsers: it answers with redirections only.
      schema: { hide: true },
    },
    async (request, reply) => {
      try {
        const { url, pending } = await known(provider).begin();
        const value = Buffer.from(JSON.stringify(pending)).toString('base64url');
        // Lax: the browser comes back from the page of another site.
        const options = { path: PATH, httpOnly: true, sameSite: 'lax', maxAge: PENDING_S } as const;
        void reply.setCookie(COOKIE, value, { ...options, secure: request.protocol === 'https' });
        return reply.redirect(url);
      } catch (error) {
        return reply.redirect(toldAtPage(error));
      }
    },
  );

  app.get(
    '/oidc/callback',
    {
      config: { open: true },
      // For browsers: it answers with redirections only.
      schema: { hide: true },
    },
    async (request, reply) => {
      void reply.clearCookie(COOKIE, { path: PATH });
      try {
        const pending = pendingOf(request.cookies[COOKIE]);
        const query = new URL(request.url, 'http://hub').searchParams;
        const proven = await known(provider).finish(query, pending);
        const origin = { address: request.ip, requestId: request.id };
        const { user, changed } = await takeProvenUser(db, proven, origin, now());
        if (changed) access.forget(user.name);
        setToken(request, reply, await sessions.open(user.name));
        return reply.redirect('/');
      } catch (error) {
        return reply.redirect(toldAtPage(error));
      }
    },
  );

  function toldAtPage(error: unknown): string {
    const code = error instanceof LinesideError ? error.code : 'INTERNAL';
    if (code === 'INTERNAL') log.error({ error: messageOf(error) }, 'sign-in at the provider failed');
    return `/?signIn=${code}`;
  }
}

function known<T>(provider: T | null): T {
  if (provider) return provider;
  throw new LinesideError(
    'PROVIDER_NOT_SET',
    'peer',
    'this hub has no provider of identities; sign in with a password',
  );
}

/** What the browser has brought back. */
function pendingOf(cookie: string | undefined) {
  try {
    const pending: unknown = JSON.parse(Buffer.from(cookie ?? '', 'base64url').toString('utf8'));
    if (Value.Check(Pending, pending)) return pending;
  } catch {
    // Told below.
  }
  const words = 'this sign-in was not begun in this browser, or longer than ten minutes ago; begin anew';
  throw new LinesideError('PROVIDER_EXPIRED', 'peer', words);
}

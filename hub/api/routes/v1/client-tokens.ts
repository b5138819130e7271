/** Tokens for clients that are no browsers. */
import { RefreshBody, TokenPair } from '@lineside/shared/contracts/accounts.ts';
import { Login } from '@lineside/shared/contracts/api.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

export function clientTokenRoutes(app: Api, { access }: ApiServices): void {
  const { sessions, tokens } = access;

  app.post(
    '/tokens',
    {
      config: {
        ...{ open: true, audit: 'user.sign-in', deskNotes: true },
        problems: ['LOGIN_REFUSED', 'LOGIN_THROTTLED', 'PASSWORD_CHANGE_REQUIRED'],
      },
      schema: {
        tags: ['session'],
        summary: 'Sign in with a client: an access token for 15 minutes, and a refresh token that is good once',
        description: 'A program that runs by itself has an API key instead, which needs no password of a person.',
        body: Login,
        response: { 200: TokenPair },
      },
    },
    async (request) => {
      const { name, password } = request.body;
      const origin = { address: request.ip, requestId: request.id };
      const user = await sessions.verify(name, password, origin, 'token');
      if (user.must_change_password) {
        const words = 'sign in at the page and choose a password of your own first';
        throw new LinesideError('PASSWORD_CHANGE_REQUIRED', 'peer', words);
      }
      return tokens.issue(user.name, request.ip, request.headers['user-agent'] ?? '');
    },
  );

  app.post(
    '/tokens/refresh',
    {
      // Goes on with a sign-in that stands there already; one that was copied is noted as token.reuse.
      config: { open: true, audit: null, problems: ['TOKEN_REFUSED'] },
      schema: {
        tags: ['session'],
        summary: 'The next pair of tokens for a refresh token',
        description:
          'Each refresh token is good once. One that comes again has been copied, and the whole sign-in ends: keep ' +
          'the new one before you use it.',
        body: RefreshBody,
        response: { 200: TokenPair },
      },
    },
    (request) => tokens.refresh(request.body.refreshToken, { address: request.ip, requestId: request.id }),
  );

  app.post(
    '/tokens/revoke',
    {
      config: { open: true, audit: 'user.sign-out', deskNotes: true },
      schema: {
        tags: ['session'],
        summary: 'Sign a client out: its access and refresh tokens end',
        body: RefreshBody,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await tokens.revoke(request.body.refreshToken, { address: request.ip, requestId: request.id });
      return reply.code(204).send(null);
    },
  );
}

/** Signing in and out. */
import { Login, Problem, User } from '@lineside/shared/contracts/api.ts';
import { Type } from 'typebox';
import { clearToken, setToken, tokenOf, userOf } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

export function sessionRoutes(app: Api, { auth }: ApiServices): void {
  app.post(
    '/login',
    {
      config: { open: true },
      schema: {
        tags: ['session'],
        operationId: 'signIn',
        summary: 'Sign in; the session is kept in a cookie',
        body: Login,
        response: { 200: User, 401: Problem, 429: Problem },
      },
    },
    async (request, reply) => {
      const { name, password } = request.body;
      const { identity, token } = await auth.login(name, password, request.ip);
      setToken(request, reply, token);
      return userOf(identity);
    },
  );

  app.post(
    '/logout',
    {
      config: { open: true },
      schema: { tags: ['session'], operationId: 'signOut', summary: 'Sign out', response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      const token = tokenOf(request);
      if (token) await auth.logout(token);
      clearToken(reply);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/me',
    {
      config: { permission: 'account.read' },
      schema: {
        tags: ['session'],
        operationId: 'getMe',
        summary: 'Who is signed in',
        response: { 200: User, 401: Problem },
      },
    },
    (request) => userOf(request.identity!),
  );
}

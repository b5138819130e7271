/** Signing in and out with a browser, and one's own account. */
import { PasswordChange, SignInWays } from '@lineside/shared/contracts/accounts.ts';
import { Login, User } from '@lineside/shared/contracts/api.ts';
import { Type } from 'typebox';
import { digest } from '../../../auth/digest.ts';
import { actorOf, clearToken, setToken, tokenOf, userOf } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

export function sessionRoutes(app: Api, { access }: ApiServices): void {
  const { sessions, users, provider } = access;

  app.get(
    '/sign-in',
    {
      config: { open: true },
      schema: { tags: ['session'], summary: 'How one can sign in here', response: { 200: SignInWays } },
    },
    () => ({
      minPasswordLength: users.minPasswordLength,
      provider: provider && { label: provider.label, url: '/api/v1/oidc/login' },
    }),
  );

  app.post(
    '/login',
    {
      config: { open: true, audit: 'user.sign-in', deskNotes: true, problems: ['LOGIN_REFUSED', 'LOGIN_THROTTLED'] },
      schema: {
        tags: ['session'],
        operationId: 'signIn',
        summary: 'Sign in; the session is kept in a cookie',
        body: Login,
        response: { 200: User },
      },
    },
    async (request, reply) => {
      const { name, password } = request.body;
      const origin = { address: request.ip, requestId: request.id };
      const { identity, token } = await sessions.login(name, password, origin);
      setToken(request, reply, token);
      return userOf(identity);
    },
  );

  app.post(
    '/logout',
    {
      config: { open: true, audit: 'user.sign-out', deskNotes: true },
      schema: { tags: ['session'], operationId: 'signOut', summary: 'Sign out', response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      const token = tokenOf(request);
      if (token) await access.logout(token, { address: request.ip, requestId: request.id });
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
        response: { 200: User },
      },
    },
    (request) => userOf(request.identity!),
  );

  app.post(
    '/me/password',
    {
      config: {
        ...{ permission: 'account.change', audit: 'user.change-password', deskNotes: true },
        problems: ['PASSWORD_WRONG', 'PASSWORD_REFUSED', 'USER_BY_PROVIDER', 'LOGIN_THROTTLED'],
      },
      schema: {
        tags: ['session'],
        summary: 'Choose another password; every other sign-in of yours ends',
        description:
          'Length is what counts; what is common is refused (PASSWORD_REFUSED). The present password is asked for ' +
          '(PASSWORD_WRONG), and guessing it is slowed down like signing in.',
        body: PasswordChange,
        response: { 200: User },
      },
    },
    async (request) => {
      const token = tokenOf(request);
      const { current, new: next } = request.body;
      await users.changeOwnPassword(actorOf(request), { current, next, session: token && digest(token) });
      await sessions.passwordChanged(request.identity!.name);
      return userOf({ ...request.identity!, mustChangePassword: false });
    },
  );

  app.post(
    '/me/end-sessions',
    {
      config: { permission: 'account.change', audit: 'user.end-sessions', deskNotes: true },
      schema: {
        tags: ['session'],
        summary: 'Sign out everywhere else: other browsers, and clients with tokens',
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const token = tokenOf(request);
      await users.endSessions(actorOf(request), request.identity!.name, token && digest(token));
      return reply.code(204).send(null);
    },
  );
}

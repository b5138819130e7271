/** Users, for administrators. */
import { NewUser, UserAccount, UserChange, UserName, UserWithPassword } from '@lineside/shared/contracts/accounts.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { Role } from '@lineside/shared/contracts/permissions.ts';
import { Type } from 'typebox';
import { actorOf } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const Name = Type.Object({ name: UserName });
const config = { permission: 'users.manage' } as const;
const changing = { ...config, deskNotes: true, problems: ['USER_NOT_FOUND'] } as const;

export function userRoutes(app: Api, { access }: ApiServices): void {
  const { users, sessions } = access;

  app.get(
    '/users',
    {
      config,
      schema: {
        tags: ['users'],
        summary: 'Users by name',
        querystring: pageQuery(['name'], { role: Type.Optional(Role) }),
        response: { 200: pageOf(UserAccount) },
      },
    },
    (request) => users.list(request.query),
  );

  app.post(
    '/users',
    {
      config: {
        ...{ ...changing, audit: 'user.create', secretAnswer: true },
        problems: ['USER_EXISTS', 'SITES_REFUSED'],
      },
      schema: {
        tags: ['users'],
        summary: 'Make a user; the answer has the first password, this once',
        body: NewUser,
        response: { 201: UserWithPassword },
      },
    },
    async (request, reply) => {
      const made = await users.create(actorOf(request), request.body);
      return reply.code(201).send(made);
    },
  );

  app.get(
    '/users/:name',
    {
      config: { ...config, problems: ['USER_NOT_FOUND'] },
      schema: { tags: ['users'], summary: 'One user', params: Name, response: { 200: UserAccount } },
    },
    (request) => users.get(request.params.name),
  );

  app.patch(
    '/users/:name',
    {
      config: {
        ...{ ...changing, audit: 'user.change' },
        problems: ['USER_NOT_FOUND', 'LAST_ADMIN', 'SITES_REFUSED', 'USER_BY_PROVIDER'],
      },
      schema: {
        tags: ['users'],
        summary: 'Change role, sites or name of a user, disable or enable one',
        description: 'What a user may do changes at once. Whoever is disabled is signed out everywhere.',
        params: Name,
        body: UserChange,
        response: { 200: UserAccount },
      },
    },
    (request) => users.change(actorOf(request), request.params.name, request.body),
  );

  app.post(
    '/users/:name/reset-password',
    {
      config: {
        ...{ ...changing, audit: 'user.reset-password', secretAnswer: true },
        problems: ['USER_NOT_FOUND', 'USER_BY_PROVIDER'],
      },
      schema: {
        tags: ['users'],
        summary: 'Give a user another password, told this once, to be changed at the next sign-in',
        params: Name,
        response: { 200: UserWithPassword },
      },
    },
    async (request) => {
      const { name } = request.params;
      const reset = await users.resetPassword(actorOf(request), name);
      await sessions.passwordChanged(name);
      return reset;
    },
  );

  app.post(
    '/users/:name/end-sessions',
    {
      config: { ...changing, audit: 'user.end-sessions' },
      schema: {
        tags: ['users'],
        summary: 'Sign a user out everywhere',
        params: Name,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await users.endSessions(actorOf(request), request.params.name);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/users/:name',
    {
      config: { ...changing, audit: 'user.delete', problems: ['USER_NOT_FOUND', 'LAST_ADMIN'] },
      schema: {
        tags: ['users'],
        summary: 'Delete a user; the name stays in what was written down',
        params: Name,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await users.remove(actorOf(request), request.params.name);
      return reply.code(204).send(null);
    },
  );
}

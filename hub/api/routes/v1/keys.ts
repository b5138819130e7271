/** API keys, for administrators. */
import { ApiKeyView, ApiKeyWithSecret, NewApiKey } from '@lineside/shared/contracts/accounts.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { Type } from 'typebox';
import { actorOf } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const permission = 'keys.manage';

export function keyRoutes(app: Api, { access }: ApiServices): void {
  const { keys } = access;

  app.get(
    '/keys',
    {
      config: { permission },
      schema: {
        tags: ['keys'],
        summary: 'API keys, newest first, those that are over too',
        querystring: pageQuery(['-createdAt'], {}),
        response: { 200: pageOf(ApiKeyView) },
      },
    },
    (request) => keys.list(request.query),
  );

  app.post(
    '/keys',
    {
      config: {
        ...{ permission, audit: 'key.create', deskNotes: true, secretAnswer: true },
        problems: ['KEY_EXISTS', 'SITES_REFUSED', 'EXPIRY_PAST'],
      },
      schema: {
        tags: ['keys'],
        summary: 'Make an API key; the answer has the key itself, this once',
        body: NewApiKey,
        response: { 201: ApiKeyWithSecret },
      },
    },
    async (request, reply) => {
      const made = await keys.create(actorOf(request), request.body);
      return reply.code(201).send(made);
    },
  );

  app.delete(
    '/keys/:id',
    {
      config: { permission, audit: 'key.revoke', deskNotes: true, problems: ['KEY_NOT_FOUND'] },
      schema: {
        tags: ['keys'],
        summary: 'Revoke an API key: it opens nothing from now on',
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) }),
        response: { 200: ApiKeyView },
      },
    },
    (request) => keys.revoke(actorOf(request), request.params.id),
  );
}

/** MQTT accounts of integrators. */
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { Type } from 'typebox';
import type { MqttAccount } from '../../../mqtt-accounts/mqtt-accounts.ts';
import { compareKeys, pageOfSorted } from '../../../store/page.ts';
import { actorOf } from '../../plugins/session.ts';
import type { ProblemCode } from '../../problem-list.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });
const Name = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$',
  description: 'User name by which a client comes to the broker',
  examples: ['energy-monitor'],
});
const Sites = Type.Union(
  [Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1, maxItems: 100 }), Type.Null()],
  {
    description: 'Ids of the sites whose topics it hears; null: the whole plant',
    examples: [['hamburg']],
  },
);
const AccountView = Type.Object({
  name: Name,
  sites: Sites,
  comment: Type.String(),
  createdAt: Ms,
  createdBy: Type.String(),
  passwordAt: Type.Integer({ description: 'since when it has its password, milliseconds since 1970 UTC' }),
});
const Password = Type.String({ description: 'shown now and never again' });
const Body = Type.Object(
  {
    name: Name,
    sites: Type.Optional(Sites),
    comment: Type.String({ default: '', maxLength: 200, description: 'Who it is for' }),
  },
  { additionalProperties: false },
);
const Params = Type.Object({ name: Name });
const rule = (audit: string | null, ...problems: ProblemCode[]) => ({
  config: { permission: 'integrators.manage', audit, deskNotes: true, secretAnswer: true, problems } as const,
});

export function mqttAccountRoutes(app: Api, { mqttAccounts }: ApiServices): void {
  app.get(
    '/mqtt-accounts',
    {
      ...rule(null),
      schema: {
        tags: ['integrators'],
        summary: 'MQTT accounts that were made here, by name; those of the hub’s configuration are not among them',
        querystring: pageQuery(['name'], {}),
        response: { 200: pageOf(AccountView) },
      },
    },
    (request) => {
      const { sort, ...asked } = request.query;
      const keysOf = ({ name }: MqttAccount) => [name];
      // A database may sort names by a language.
      const items = mqttAccounts.list().sort((a, b) => compareKeys(keysOf(a), keysOf(b)));
      const { items: rows, next } = pageOfSorted(
        { name: 'mqtt accounts', items, keysOf, turned: sort.startsWith('-') },
        asked,
      );
      return { items: rows.map(viewOf), next };
    },
  );

  app.post(
    '/mqtt-accounts',
    {
      ...rule(
        'mqtt-account.create',
        ...(['SITE_NOT_FOUND', 'ACCOUNT_NAME_TAKEN', 'ACCOUNTS_HEAR_NOTHING', 'TOO_MANY_ACCOUNTS'] as const),
      ),
      schema: {
        tags: ['integrators'],
        summary: 'Make an MQTT account that hears the topics of its sites, and sets nothing',
        body: Body,
        response: { 200: Type.Object({ account: AccountView, password: Password }) },
      },
    },
    async (request) => {
      const { name, sites = null, comment } = request.body;
      const made = await mqttAccounts.create({ name, sites, comment }, actorOf(request));
      return { account: viewOf(made.account), password: made.password };
    },
  );

  app.post(
    '/mqtt-accounts/:name/password',
    {
      ...rule('mqtt-account.reset-password', 'ACCOUNT_NOT_FOUND'),
      schema: {
        tags: ['integrators'],
        summary: 'Give an MQTT account another password: whoever is connected by the old one is disconnected',
        params: Params,
        response: { 200: Type.Object({ password: Password }) },
      },
    },
    async (request) => ({
      password: await mqttAccounts.renewPassword(request.params.name, actorOf(request)),
    }),
  );

  app.delete(
    '/mqtt-accounts/:name',
    {
      ...rule('mqtt-account.delete', 'ACCOUNT_NOT_FOUND'),
      schema: {
        tags: ['integrators'],
        summary: 'Remove an MQTT account: it is disconnected at once',
        params: Params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await mqttAccounts.remove(request.params.name, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

function viewOf({ name, sites, comment, created_at, created_by, password_at }: MqttAccount) {
  return { name, sites, comment, createdAt: created_at, createdBy: created_by, passwordAt: password_at };
}

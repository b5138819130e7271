/** The hub's live socket as an AsyncAPI 3 document, made of the schemas that hub and page themselves use. */
import { VERSION } from '@lineside/shared/config/version.ts';
import {
  LiveAlarmEvent,
  LiveClose,
  LiveError,
  LiveGateway,
  LiveHello,
  LiveJobEvent,
  LiveMachine,
  LiveSnapshot,
  LiveStateEvent,
  LiveSubscribed,
  LiveTags,
  LiveTime,
  LiveValues,
  Subscribe,
  Unsubscribe,
} from '@lineside/shared/contracts/live.ts';
import type { FastifyInstance } from 'fastify';
import type { TSchema } from 'typebox';

interface Message {
  id: string;
  schema: TSchema & { title?: string };
  /** The client says it. */
  asked?: true;
  example: unknown;
}

const AT = 1_795_337_589_000;
const EVENT = '5f2c9a1b7d3e.4711';
const PACKER = 'acme/hamburg/packaging/line-1/packer';
const LIVE = { status: 'live', since: null, reason: '' };
const EXECUTE = { name: 'Execute', category: 'producing', since: AT };
const NO_OEE = { availability: null, performance: null, quality: null, oee: null, good: null, reject: null };
const TIMES = { producingMs: 0, idleMs: 0, stoppedMs: 0, downMs: 0, unknownMs: 0 };

const ALARM = {
  ...{ occurrence: '9b1e2c44-6f0a-4d0e-9a51-2f1b7c3d8e90', gateway: 'line-1', rule: 'oil-hot', device: 'packer' },
  ...{ machine: PACKER, machineName: 'Packer', tag: 17, message: 'Oil too hot', priority: 'high' },
  ...{ state: 'unacknowledged', raisedAt: AT, returnedAt: null, acknowledgedAt: null, acknowledgedBy: '' },
  ...{ comment: '', acknowledgePending: false, value: 91.5, limit: 80, unit: 'Cel' },
};
const MACHINE = {
  ...{ path: PACKER, name: 'Packer', gateway: 'line-1', device: 'packer', state: EXECUTE, connection: LIVE },
  ...{ values: [], lastSeenAt: AT },
  oee: { shift: 'Early', from: AT, to: AT, ...NO_OEE, reason: 'no counter is configured', unit: 'parts', ...TIMES },
};
const JOB = {
  ...{ id: 'order-4711', kind: 'write', title: 'set packer/speed to 250', by: 'anna', gateway: 'line-1' },
  ...{ machine: PACKER, state: 'done', progress: null, detail: '', at: AT, changedAt: AT },
};
const GATEWAY = {
  ...{ id: 'line-1', online: true, since: AT, lastSeenAt: AT, version: VERSION, pendingSamples: 0 },
  ...{ quarantined: 0, samplesStored: 1_000_000, devices: [] },
};

export const MESSAGES: Message[] = [
  {
    id: 'subscribe',
    schema: Subscribe,
    asked: true,
    example: {
      ...{ type: 'subscribe', id: 'hamburg', kinds: ['values', 'alarms'], paths: ['acme/hamburg/**'] },
      ...{ tags: [], maxRate: 1, describe: true, after: EVENT },
    },
  },
  { id: 'unsubscribe', schema: Unsubscribe, asked: true, example: { type: 'unsubscribe', id: 'hamburg' } },
  {
    id: 'hello',
    schema: LiveHello,
    example: { type: 'hello', serverTime: AT, user: 'anna', enterprise: 'Acme', sites: null, event: EVENT },
  },
  {
    id: 'subscribed',
    schema: LiveSubscribed,
    example: { type: 'subscribed', id: 'hamburg', tags: 240, resumed: true, event: EVENT },
  },
  {
    id: 'snapshot',
    schema: LiveSnapshot,
    example: { type: 'snapshot', id: 'hamburg', event: EVENT, serverTime: AT, alarms: [ALARM] },
  },
  {
    id: 'tags',
    schema: LiveTags,
    example: {
      ...{ type: 'tags', id: 'hamburg' },
      tags: [{ tag: 17, path: `${PACKER}/oil/temperature`, type: 'float64', unit: 'Cel' }],
    },
  },
  { id: 'values', schema: LiveValues, example: { type: 'values', values: [[17, AT, 41.2, 0]] } },
  { id: 'machine', schema: LiveMachine, example: { type: 'machine', machine: MACHINE } },
  { id: 'gateway', schema: LiveGateway, example: { type: 'gateway', gateway: GATEWAY } },
  {
    id: 'state',
    schema: LiveStateEvent,
    example: { type: 'state', event: EVENT, at: AT, path: PACKER, name: 'Packer', state: EXECUTE, connection: LIVE },
  },
  { id: 'alarm', schema: LiveAlarmEvent, example: { type: 'alarm', event: EVENT, at: AT, alarm: ALARM } },
  { id: 'job', schema: LiveJobEvent, example: { type: 'job', event: EVENT, at: AT, job: JOB } },
  { id: 'time', schema: LiveTime, example: { type: 'time', serverTime: AT, event: EVENT } },
  {
    id: 'error',
    schema: LiveError,
    example: { type: 'error', id: 'hamburg', code: 'NOT_ALLOWED', detail: 'your rights do not include jobs' },
  },
];

export function addAsyncApi(app: FastifyInstance): void {
  app.get('/api/asyncapi.json', { config: { open: true }, schema: { hide: true } }, () => liveAsyncapi());
}

export function liveAsyncapi(): object {
  const ref = (...to: string[]) => ({ $ref: `#/${to.join('/')}` });
  const ids = (asked: boolean) =>
    MESSAGES.filter((message) => (message.asked === true) === asked).map(({ id }) => id);
  const entries = <T>(of: (message: Message) => T) =>
    Object.fromEntries(MESSAGES.map((message) => [message.id, of(message)]));
  const operation = (action: string, summary: string, list: string[]) => ({
    ...{ action, channel: ref('channels', 'live'), summary },
    messages: list.map((id) => ref('channels', 'live', 'messages', id)),
  });
  const codes = Object.entries(LiveClose).map(([name, code]) => `${code} ${name}`);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Lineside hub: the live socket',
      version: VERSION,
      description: `Values, states, alarms and jobs of the plant as they happen. docs/live.md explains it. Close codes: ${codes.join(', ')}.`,
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      hub: {
        ...{ host: 'hub.example', protocol: 'wss', description: 'The hub; ws without TLS' },
        security: [ref('components', 'securitySchemes', 'bearer'), ref('components', 'securitySchemes', 'session')],
      },
    },
    channels: {
      live: {
        address: '/api/v1/live',
        title: 'The live socket',
        messages: entries(({ id }) => ref('components', 'messages', id)),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      ask: operation('receive', 'What a client asks for', ids(true)),
      tell: operation('send', 'What the hub tells', ids(false)),
    },
    components: {
      messages: entries(({ id, schema, example }) => ({
        ...{ name: id, title: schema.title, contentType: 'application/json' },
        payload: ref('components', 'schemas', id),
        examples: [{ name: id, payload: example }],
      })),
      // Without what TypeBox keeps beside the JSON Schema.
      schemas: entries(({ schema }) => JSON.parse(JSON.stringify(schema)) as object),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key or an access token' },
        session: {
          ...{ type: 'httpApiKey', in: 'cookie', name: 'lineside_session' },
          description: 'The session of somebody who has signed in; from the hub’s own pages only',
        },
      },
    },
  };
}

/** The topics for integrators as an AsyncAPI 3 document, made of the schemas that the programs themselves use. */
import { VERSION } from '@lineside/shared/config/version.ts';
import {
  UmhValue,
  UnsAlarm,
  UnsDeviceState,
  UnsGateway,
  UnsHub,
  UnsSet,
  UnsSetResult,
  UnsValue,
} from '@lineside/shared/contracts/uns.ts';
import type { TSchema } from 'typebox';
import { stringify } from 'yaml';

interface Topic {
  /** Also of its operation and message. */
  id: string;
  address: string;
  summary: string;
  schema: TSchema;
  qos: 0 | 1;
  retain: boolean;
  /** Lineside hears it instead of saying it. */
  heard?: boolean;
  answeredBy?: string;
  examples: { summary: string; payload: unknown }[];
}

const AT = 1_795_337_589_000;

export const TOPICS: Topic[] = [
  {
    id: 'value',
    address: '{prefix}/{path}/{tag}',
    summary: 'Newest value of a tag',
    schema: UnsValue,
    ...{ qos: 0, retain: true },
    examples: [
      {
        summary: 'A good value',
        payload: { timestamp_ms: AT, value: 41.2, quality: 'Good', quality_code: 0, unit: 'Cel' },
      },
      {
        summary: 'The device does not answer',
        payload: {
          timestamp_ms: AT,
          value: null,
          quality: 'BadNotConnected',
          quality_code: 2_156_527_616,
          unit: 'Cel',
        },
      },
    ],
  },
  {
    id: 'umhValue',
    address: 'umh/v1/{path}/_historian/{tag}',
    summary: 'Newest value of a tag with style: umh; empty while it is Bad',
    schema: UmhValue,
    ...{ qos: 0, retain: true },
    examples: [{ summary: 'A value', payload: { timestamp_ms: AT, value: 41.2 } }],
  },
  {
    id: 'deviceState',
    address: '{prefix}/{path}/_state/{device}',
    summary: 'Whether a device answers, so whether its values may be believed',
    schema: UnsDeviceState,
    ...{ qos: 1, retain: true },
    examples: [
      {
        summary: 'It answers',
        payload: { timestamp_ms: AT, gateway: 'line-1', device: 'press', state: 'up', reason: '' },
      },
      {
        summary: 'It does not',
        payload: {
          ...{ timestamp_ms: AT, gateway: 'line-1', device: 'press', state: 'down' },
          reason: 'no answer within 1000 ms',
        },
      },
    ],
  },
  {
    id: 'alarm',
    address: '{prefix}/{path}/_alarm/{rule}',
    summary: 'An alarm while it is not normal; emptied afterwards',
    schema: UnsAlarm,
    ...{ qos: 1, retain: true },
    examples: [
      {
        summary: 'Somebody has to come',
        payload: {
          ...{
            timestamp_ms: AT,
            occurrence: '9b1e2c44-6f0a-4d0e-9a51-2f1b7c3d8e90',
            rule: 'oil-hot',
            device: 'press',
          },
          ...{ state: 'unacknowledged', priority: 'high', message: 'Oil too hot', value: 91.5, limit: 80 },
          ...{ unit: 'Cel', by: '' },
        },
      },
    ],
  },
  {
    id: 'gateway',
    address: '{prefix}/{path}/_gateway/{gateway}',
    summary: 'Whether a gateway is there; at a broker of the plant its will says that it is gone',
    schema: UnsGateway,
    ...{ qos: 1, retain: true },
    examples: [
      {
        summary: 'It is there',
        payload: { timestamp_ms: AT, gateway: 'line-1', online: true, version: VERSION },
      },
    ],
  },
  {
    id: 'hub',
    address: '{prefix}/{path}/_hub/state',
    summary: 'Whether the hub is there, of what the hub publishes; its will says that it is gone',
    schema: UnsHub,
    ...{ qos: 1, retain: true },
    examples: [{ summary: 'It is there', payload: { timestamp_ms: AT, online: true, version: VERSION } }],
  },
  {
    id: 'set',
    address: '{prefix}/{path}/{tag}/set',
    summary: 'Sets a tag that is writable; the bare value alone is taken as well. Never retained',
    schema: UnsSet,
    ...{ qos: 1, retain: false, heard: true, answeredBy: 'setResult' },
    examples: [
      { summary: 'With everything', payload: { value: 250, id: 'order-4711', comment: 'next order' } },
      { summary: 'The least', payload: { value: true } },
    ],
  },
  {
    id: 'setResult',
    address: '{prefix}/{path}/{tag}/set/result',
    summary: 'What became of a set',
    schema: UnsSetResult,
    ...{ qos: 1, retain: false },
    examples: [
      {
        summary: 'Done',
        payload: { timestamp_ms: AT, id: 'order-4711', ok: true, old: 100, new: 250, error: '' },
      },
      {
        summary: 'Refused',
        payload: {
          ...{ timestamp_ms: AT, id: 'order-4712', ok: false, old: null, new: null },
          error: '501 is beyond the limits of speed, 0 to 500',
        },
      },
    ],
  },
];

const PARAMETERS: Record<string, object> = {
  prefix: { description: 'One or more levels; uns.prefix', default: 'uns/v1', examples: ['uns/v1', 'umh/v1'] },
  path: {
    description: 'Levels of ISA-95 from the enterprise downwards; at the gateway by uns.template',
    examples: ['acme/hamburg/forming/line-1/press'],
  },
  tag: { description: 'The tag’s name; its dots are levels', examples: ['speed', 'oil/temperature'] },
  device: { description: 'The device’s id in the gateway’s configuration' },
  rule: { description: 'The alarm’s id in the gateway’s configuration' },
  gateway: { description: 'The gateway’s id' },
};

/** The document as text. */
export function asyncapi(): string {
  const ref = (...to: string[]) => ({ $ref: `#/${to.join('/')}` });
  const entries = <T>(of: (topic: Topic) => T) => Object.fromEntries(TOPICS.map((topic) => [topic.id, of(topic)]));
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Lineside: topics for integrators',
      version: VERSION,
      description:
        'The unified namespace as a gateway publishes it at its local broker, the hub at its own, and both at a broker of the plant. docs/mqtt.md explains it.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      gateway: server('gateway.example:1884', 'The local broker of a gateway (localBroker)'),
      hub: server('hub.example:1883', 'The embedded broker of the hub (mqtt.accounts)'),
    },
    channels: entries(({ address, summary, id }) => ({
      address,
      title: summary,
      messages: { [id]: ref('components', 'messages', id) },
      ...parametersOf(address),
    })),
    operations: entries(({ id, summary, heard, answeredBy, qos, retain }) => ({
      action: heard ? 'receive' : 'send',
      channel: ref('channels', id),
      summary,
      messages: [ref('channels', id, 'messages', id)],
      bindings: { mqtt: { qos, retain, bindingVersion: '0.2.0' } },
      ...(answeredBy
        ? {
            reply: {
              channel: ref('channels', answeredBy),
              messages: [ref('channels', answeredBy, 'messages', answeredBy)],
            },
          }
        : {}),
    })),
    components: {
      messages: entries(({ id, summary, examples }) => ({
        name: id,
        title: summary,
        contentType: 'application/json',
        payload: ref('components', 'schemas', id),
        examples,
      })),
      // Without what TypeBox keeps beside the JSON Schema.
      schemas: entries(({ schema }) => JSON.parse(JSON.stringify(schema)) as object),
      securitySchemes: { account: { type: 'userPassword', description: 'An account and its password' } },
    },
  };
  const head =
    '# Made by `npm run schemas` of shared/contracts/uns.ts and config/generate-asyncapi.ts; changes belong there.\n';
  return head + stringify(document, { lineWidth: 118, aliasDuplicateObjects: false });

  function server(host: string, description: string) {
    return {
      ...{ host, protocol: 'mqtt', protocolVersion: '3.1.1', description },
      security: [ref('components', 'securitySchemes', 'account')],
    };
  }
}

function parametersOf(address: string): { parameters?: Record<string, object> } {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return { parameters: Object.fromEntries(names.map((name) => [name, PARAMETERS[name]!])) };
}

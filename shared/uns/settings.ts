/** Settings of the unified namespace that the gateway and the hub have in common. */
import { type Static, Type } from 'typebox';
import { TlsClient } from '../config/tls-client.ts';
import { checkEndpoint } from '../mqtt/endpoint.ts';
import { TOPIC_PATTERN } from './topics.ts';

export const UnsCommon = {
  style: Type.Union([Type.Literal('lineside'), Type.Literal('umh')], {
    default: 'lineside',
    description:
      'lineside: value, quality and unit under {prefix}/{path}/{tag}; umh: strictly as UMH Core takes it, under umh/v1/{path}/_historian/{tag}',
  }),
  prefix: Type.Optional(
    Type.String({
      pattern: TOPIC_PATTERN,
      maxLength: 100,
      description: 'First levels of all topics; without it uns/v1, with style: umh always umh/v1',
    }),
  ),
  minIntervalMs: Type.Integer({
    minimum: 0,
    maximum: 3_600_000,
    default: 1000,
    description: 'Least time between two messages of one topic, ms; in between the newest value waits, older ones go',
  }),
};

export const UnsBroker = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description: 'Address of the broker, such as mqtts://broker.example:8883',
    }),
    username: Type.Optional(Type.String({ minLength: 1, description: 'User name at the broker' })),
    passwordFile: Type.Optional(
      Type.String({ description: 'File that holds the password, path from the configuration’s folder' }),
    ),
    clientId: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,64}$',
        description: 'Name of the connection at the broker, unique there; made of our own name without it',
      }),
    ),
    tls: Type.Optional(TlsClient),
    mqttVersion: Type.Union([Type.Literal('3.1.1'), Type.Literal('5')], {
      default: '3.1.1',
      description: 'What is spoken to the broker',
    }),
  },
  { additionalProperties: false, description: 'A broker of the plant that the topics are published to' },
);
export type UnsBroker = Static<typeof UnsBroker>;

/** What the schema lets pass and what cannot work. */
export function checkUnsCommon({ style, prefix }: { style?: string; prefix?: string | undefined }): {
  field: string;
  message: string;
}[] {
  if (prefix === undefined) return [];
  if (style === 'umh' && prefix !== 'umh/v1') {
    return [{ field: 'prefix', message: 'with style: umh all topics begin with umh/v1: remove prefix' }];
  }
  const reserved = /^(lineside|\$|spBv1\.0)/.exec(prefix)?.[0];
  if (reserved === undefined) return [];
  return [
    { field: 'prefix', message: `topics that begin with ${reserved} have another meaning; take another prefix` },
  ];
}

/** What the schema lets pass and what cannot work. */
export function checkUnsBroker(broker: UnsBroker): { path: string[]; message: string }[] {
  const problems = checkEndpoint(broker);
  if (broker.passwordFile !== undefined && broker.username === undefined) {
    problems.push({ path: ['passwordFile'], message: 'a password goes with a name: add username' });
  }
  return problems;
}

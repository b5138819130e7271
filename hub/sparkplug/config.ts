import { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { checkEndpoint } from '@lineside/shared/mqtt/endpoint.ts';
import { SPARKPLUG_ID_PATTERN } from '@lineside/shared/wire/sparkplug/topic.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const id = (description: string) =>
  Type.String({ pattern: SPARKPLUG_ID_PATTERN, minLength: 1, maxLength: 100, description });

const Account = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$',
      description: 'User name by which the edge node comes to the embedded broker',
    }),
    group: id('Its group'),
    node: Type.Optional(id('Its id within the group; without it the same as name')),
    passwordFile: Type.String({ description: 'File that holds its password, path from the configuration’s folder' }),
  },
  closed,
);
const Broker = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description: 'The broker that the edge nodes come to; without it that of mqtt.broker, else the embedded one',
    }),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Who the hub is there' })),
    passwordFile: Type.Optional(
      Type.String({ description: 'File that holds its password there, path from the configuration’s folder' }),
    ),
    tls: Type.Optional(TlsClient),
    mqttVersion: Type.Union([Type.Literal('3.1.1'), Type.Literal('5')], {
      default: '3.1.1',
      description: 'What is spoken there',
    }),
  },
  closed,
);

export const SparkplugHostConfig = Type.Object(
  {
    hostId: id('Id of this host application: it says at spBv1.0/STATE/{hostId} whether it is there'),
    groups: Type.Optional(
      Type.Array(id('A group'), {
        minItems: 1,
        maxItems: 100,
        description: 'The groups whose nodes are taken; without it all',
      }),
    ),
    broker: Type.Optional(Broker),
    reorderMs: Type.Integer({
      default: 2_000,
      minimum: 100,
      maximum: 60_000,
      description: 'How long a message that is missing is waited for, before the node is asked for its births',
    }),
    nodes: Type.Array(Account, {
      default: [],
      maxItems: 200,
      description: 'The edge nodes that may come to the embedded broker',
    }),
  },
  { ...closed, description: 'The hub as a Sparkplug B 3.0 host application: edge nodes of others become machines' },
);
export type SparkplugHostConfig = Static<typeof SparkplugHostConfig>;

interface Around {
  sparkplug?: SparkplugHostConfig;
  gateways: { id: string }[];
  mqtt: { broker?: unknown; accounts: { name: string }[] };
  sources: { name: string }[];
}

/** What the schema lets pass and what cannot work. */
export function checkSparkplug({ sparkplug, gateways, mqtt, sources }: Around): {
  path: (string | number)[];
  message: string;
}[] {
  if (!sparkplug) return [];
  const { nodes, broker, groups } = sparkplug;
  const problems: { path: (string | number)[]; message: string }[] = [];
  const add = (path: (string | number)[], message: string) =>
    problems.push({ path: ['sparkplug', ...path], message });
  const outside = broker ? 'sparkplug.broker' : mqtt.broker ? 'mqtt.broker' : '';
  if (outside === '' && nodes.length === 0) {
    add(['nodes'], 'nobody may come to the embedded broker: name the edge nodes, or set broker');
  }
  if (outside !== '' && nodes.length > 0) add(['nodes'], `accounts are those of ${outside}: remove them`);
  const wrong = broker ? checkEndpoint(broker, 'write mqtts:// in url, or remove tls') : [];
  for (const { path, message } of wrong) add(['broker', ...path], message);
  const taken = new Set([
    ...gateways.map(({ id }) => id),
    ...mqtt.accounts.map(({ name }) => name),
    ...sources.map(({ name }) => name),
  ]);
  const places = new Set<string>();
  nodes.forEach(({ name, group, node = name }, index) => {
    if (taken.has(name)) add(['nodes', index, 'name'], `the name "${name}" is taken; give it another`);
    taken.add(name);
    const place = `${group}/${node}`;
    if (places.has(place)) add(['nodes', index, 'node'], `the node ${place} is there already; remove one`);
    places.add(place);
    if (groups && !groups.includes(group)) {
      add(['nodes', index, 'group'], `"${group}" is none of the groups that are taken; add it to groups`);
    }
  });
  return problems;
}

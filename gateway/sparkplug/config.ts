/** What the YAML says of the Sparkplug edge node. */
import { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { checkEndpoint } from '@lineside/shared/mqtt/endpoint.ts';
import { SPARKPLUG_ID_PATTERN } from '@lineside/shared/wire/sparkplug/topic.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const ID = { pattern: SPARKPLUG_ID_PATTERN, maxLength: 128 };

export const SparkplugConfig = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description:
        'Address of the broker, such as mqtt://broker.example:1883 or mqtts://broker.example:8883; name and password go into username and passwordFile',
    }),
    group: Type.String({
      ...ID,
      description: 'The group id, such as the name of the plant; without /, + and #. The node’s id is gateway.id',
    }),
    username: Type.Optional(
      Type.String({ minLength: 1, description: 'User name at the broker; together with passwordFile' }),
    ),
    passwordFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'File that holds the password at the broker, path from the configuration’s folder',
      }),
    ),
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Client id at the broker, unique there; without it sparkplug- and gateway.id',
      }),
    ),
    tls: Type.Optional(TlsClient),
    mqttVersion: Type.Union([Type.Literal('3.1.1'), Type.Literal('5')], {
      default: '3.1.1',
      description: 'What is spoken to the broker',
    }),
    primaryHost: Type.Optional(
      Type.String({
        ...ID,
        description:
          'Id of the primary host application, without /, + and #: nothing is sent while it is not online, and what it has missed is sent afterwards. Without it, the node is online whenever the broker is',
      }),
    ),
    publishIntervalMs: Type.Integer({
      default: 200,
      minimum: 10,
      maximum: 60_000,
      description: 'A device’s changes are sent together once in this time, in milliseconds',
    }),
    history: Type.Object(
      {
        enabled: Type.Boolean({
          default: true,
          description: 'Whether what could not be sent in time is sent later, marked as historical',
        }),
        maxAgeHours: Type.Number({
          default: 72,
          exclusiveMinimum: 0,
          maximum: 8_760,
          description: 'What is older by then is left out, in hours',
        }),
        samplesPerSecond: Type.Integer({
          default: 5_000,
          minimum: 10,
          maximum: 100_000,
          description: 'Most that is sent of it in a second; live data does not wait for it',
        }),
        overlapMs: Type.Integer({
          default: 60_000,
          minimum: 0,
          maximum: 3_600_000,
          description:
            'So much from before the primary host was reported offline is sent again, in milliseconds: a broker takes that long to notice',
        }),
      },
      { ...closed, default: {}, description: 'Data of the time in which the broker or the primary host was away' },
    ),
  },
  { ...closed, description: 'A Sparkplug B 3.0 edge node, with each device as a device of it. Off without this' },
);
export type SparkplugConfig = Static<typeof SparkplugConfig>;

/** What the schema lets pass and what cannot work. */
export function checkSparkplug(sparkplug: SparkplugConfig): { path: string[]; message: string }[] {
  const problems = checkEndpoint(sparkplug);
  if (sparkplug.username === undefined && sparkplug.passwordFile !== undefined) {
    problems.push({ path: ['passwordFile'], message: 'a password goes with a user name: add username' });
  }
  return problems;
}

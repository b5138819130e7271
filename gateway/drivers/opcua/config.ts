/** The settings of an OPC UA server and of its tags. */
import { type Static, Type } from 'typebox';
import { ConditionsConfig } from './conditions-config.ts';
import { HistoryConfig } from './history-config.ts';
import { SecurityConfig, UserConfig } from './security-config.ts';

const closed = { additionalProperties: false };

export const OpcUaDevice = Type.Object(
  {
    endpoint: Type.String({
      pattern: '^opc\\.tcp://',
      description: 'Address of the server, such as opc.tcp://plc1:4840.',
    }),
    security: Type.Optional(SecurityConfig),
    user: Type.Optional(UserConfig),
    mode: Type.Union([Type.Literal('subscribe'), Type.Literal('poll')], {
      default: 'subscribe',
      description:
        'subscribe: the server sends what changes. poll: the gateway reads all values every pollMs, for servers that cannot subscribe.',
    }),
    pollMs: Type.Integer({
      minimum: 50,
      maximum: 86_400_000,
      default: 1000,
      description: 'How often all values are read with mode poll, in milliseconds.',
    }),
    profile: Type.Optional(
      Type.Union([Type.Literal('s7-1200')], {
        description:
          'Keeps to the limits of a small PLC. s7-1200: at most 1000 tags, no sampling under 100 ms and no publishing under 200 ms, 100 tags in one request.',
      }),
    ),
    maxPerRequest: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description:
          'Nodes in one request, at most, in nodes; less when the server says so, and halved when it refuses a request as too large. Without it: 1000.',
      }),
    ),
    timestamps: Type.Union([Type.Literal('source'), Type.Literal('server')], {
      default: 'source',
      description:
        "Whose time a value carries. source: the machine's, and the server's where the machine gives none. server: always the server's, for machines whose clock is wrong.",
    }),
    publishingMs: Type.Integer({
      minimum: 50,
      maximum: 3_600_000,
      default: 250,
      description: 'How often the server sends what has changed, in milliseconds.',
    }),
    samplingMs: Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 250,
      description: 'How often the server looks at each value, in milliseconds; 0 is as fast as it can.',
    }),
    queueSize: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 50,
      description: 'Samples that the server keeps for each tag while they cannot be sent, in samples.',
    }),
    discardOldest: Type.Boolean({
      default: true,
      description: 'When that queue is full the server throws away the oldest sample; false: the newest.',
    }),
    keepAliveCount: Type.Integer({
      minimum: 2,
      maximum: 10_000,
      default: 10,
      description:
        'After so many publishing intervals without a change the server says that it is alive, in intervals.',
    }),
    lifetimeCount: Type.Integer({
      minimum: 6,
      maximum: 1_000_000,
      default: 1200,
      description:
        'After so many publishing intervals without a sign of the gateway the server forgets the subscription, in intervals.',
    }),
    silenceMs: Type.Optional(
      Type.Integer({
        minimum: 500,
        maximum: 86_400_000,
        description:
          'After so long without a value or a sign of life the connection is built anew, in milliseconds. Without it: two keep-alives, at least 10 s.',
      }),
    ),
    timeoutMs: Type.Integer({
      minimum: 500,
      maximum: 60_000,
      default: 10_000,
      description: 'How long an answer of the server may take, in milliseconds.',
    }),
    retryMinMs: Type.Integer({
      minimum: 100,
      maximum: 600_000,
      default: 500,
      description:
        'First pause before a server that failed is tried again, in milliseconds. Doubles with each failure.',
    }),
    retryMaxMs: Type.Integer({
      minimum: 100,
      maximum: 600_000,
      default: 15_000,
      description: 'Longest pause before a server that failed is tried again, in milliseconds.',
    }),
    refusedRetryMs: Type.Integer({
      minimum: 1000,
      maximum: 86_400_000,
      default: 60_000,
      description: 'How often tags that the server refuses are asked for again, in milliseconds.',
    }),
    conditions: Type.Optional(ConditionsConfig),
    history: HistoryConfig,
    namespaces: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]*$' }), Type.String({ minLength: 1 }), {
        description:
          'Short names for namespace URIs: with `packer: urn:example:packer`, a nodeId may say nsu=packer;s=Speed.',
      }),
    ),
  },
  closed,
);
export type OpcUaDevice = Static<typeof OpcUaDevice>;

export const OpcUaTag = Type.Object(
  {
    nodeId: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The node, by namespace URI or its short name (nsu=urn:example:packer;s=Speed) or by namespace index (ns=2;s=Speed). The URI is the safer one: an index may change when the server restarts.',
      }),
    ),
    browsePath: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Instead of nodeId: the names from the root on, such as /Objects/packer:Machine/packer:Speed, each with the short name or index of its namespace; looked up at each connect.',
      }),
    ),
    type: Type.Union(
      [
        Type.Literal('float64'),
        Type.Literal('float32'),
        Type.Literal('integer'),
        Type.Literal('boolean'),
        Type.Literal('string'),
      ],
      {
        default: 'float64',
        description: 'Type of the values. A 64-bit integer beyond 2^53 − 1 becomes Bad rather than wrong.',
      },
    ),
    samplingMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3_600_000,
        description: 'How often the server looks at this value, in milliseconds, when other than for the device.',
      }),
    ),
    queueSize: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Samples that the server keeps of this tag, when other than for the device, in samples.',
      }),
    ),
    discardOldest: Type.Optional(
      Type.Boolean({ description: 'What the server throws away of this tag, when other than for the device.' }),
    ),
    serverDeadband: Type.Optional(
      Type.Union(
        [
          Type.Object(
            { absolute: Type.Number({ exclusiveMinimum: 0, description: 'In units of the raw value.' }) },
            closed,
          ),
          Type.Object(
            {
              percent: Type.Number({
                exclusiveMinimum: 0,
                maximum: 100,
                description: "Of the node's EURange, in %.",
              }),
            },
            closed,
          ),
        ],
        {
          description:
            'The server sends a value only when it differs by more than this: it spares the network, and alarms and models do not see the rest. A server that refuses it sends every change.',
        },
      ),
    ),
  },
  closed,
);
export type OpcUaTag = Static<typeof OpcUaTag>;

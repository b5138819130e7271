/** The settings of an OPC UA server and of its tags. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

export const OpcUaDevice = Type.Object(
  {
    endpoint: Type.String({
      pattern: '^opc\\.tcp://',
      description: 'Address of the server, such as opc.tcp://plc1:4840. Security policy None, anonymous.',
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
    nodeId: Type.String({
      minLength: 1,
      description:
        'The node, by namespace URI or its short name (nsu=urn:example:packer;s=Speed) or by namespace index (ns=2;s=Speed). The URI is the safer one: an index may change when the server restarts.',
    }),
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
  },
  closed,
);
export type OpcUaTag = Static<typeof OpcUaTag>;

/** A look at a device of a gateway through the connection that it collects by: what is there, and how it is now. */
import { type Static, Type } from 'typebox';

const Ms = Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC, by the gateway’s clock' });
const Device = Type.String({ minLength: 1, maxLength: 63, description: 'a device of its configuration' });

/** A level with more nodes than this is cut. */
export const MAX_NODES = 500;
/** What one request of Modbus gives at most. */
export const MAX_REGISTERS = 125;

export const ModbusTable = Type.Union(
  [Type.Literal('holding'), Type.Literal('input'), Type.Literal('coil'), Type.Literal('discrete')],
  { default: 'holding' },
);
export type ModbusTable = Static<typeof ModbusTable>;

export const NodesAsk = Type.Object({
  what: Type.Literal('look.nodes'),
  device: Device,
  node: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4_000,
      description: 'node id; absent: the folder Objects',
      examples: ['nsu=urn:example:press;s=Press4'],
    }),
  ),
});
export type NodesAsk = Static<typeof NodesAsk>;

export const RegistersAsk = Type.Object({
  what: Type.Literal('look.registers'),
  device: Device,
  table: ModbusTable,
  first: Type.Integer({ minimum: 0, maximum: 65_535, default: 0, description: 'address, counted from 0' }),
  count: Type.Integer({ minimum: 1, maximum: MAX_REGISTERS, default: 16 }),
});
export type RegistersAsk = Static<typeof RegistersAsk>;

const TagYaml = Type.String({
  description: 'an entry for `tags:` of the device, YAML',
  examples: ['- { name: oil, nodeId: "nsu=urn:example:press;s=Press4.Oil", type: float32 }'],
});

const Access = Type.Union([
  Type.Literal('read'),
  Type.Literal('readWrite'),
  Type.Literal('write'),
  Type.Literal('none'),
]);

const FoundNode = Type.Object({
  nodeId: Type.String({ description: 'by namespace URI', examples: ['nsu=urn:example:press;s=Press4.Oil'] }),
  name: Type.String({ description: 'display name' }),
  kind: Type.Union([Type.Literal('object'), Type.Literal('variable')]),
  inside: Type.Boolean({ description: 'something may lie below it' }),
  description: Type.String(),
  /** Of variables. */
  dataType: Type.Optional(
    Type.String({ description: 'its name; with [] behind it for an array', examples: ['Float'] }),
  ),
  unit: Type.Optional(Type.String()),
  access: Type.Optional(Access),
  value: Type.Optional(
    Type.Union([Type.String({ description: 'as text, cut to 300 characters', examples: ['61.5'] }), Type.Null()]),
  ),
  quality: Type.Optional(Type.Integer({ description: 'OPC UA status code of the value' })),
  tag: Type.Optional(TagYaml),
  noTag: Type.Optional(Type.String({ description: 'why it cannot be a tag', examples: ['an array'] })),
});
export type FoundNode = Static<typeof FoundNode>;

/** What lies right below one node. */
export const NodeLevel = Type.Object({
  at: Ms,
  nodes: Type.Array(FoundNode),
  left: Type.Integer({ description: 'nodes that are not in the list' }),
});
export type NodeLevel = Static<typeof NodeLevel>;

const Reading = Type.Object({
  words: Type.String({
    description: 'type and order of the words, such as float32 CDAB',
    examples: ['float32 CDAB'],
  }),
  registers: Type.Integer({ description: 'how many it takes' }),
  value: Type.String({ examples: ['21.5000'] }),
  tag: TagYaml,
});
export type Reading = Static<typeof Reading>;

const FoundRegister = Type.Object({
  address: Type.Integer({ description: 'counted from 0' }),
  raw: Type.Union([Type.Integer({ description: '16 bits; of a coil or discrete input 0 or 1' }), Type.Null()]),
  refused: Type.Optional(
    Type.String({
      description: 'why there is no value',
      examples: ['the device has no such address (exception 2)'],
    }),
  ),
  readings: Type.Array(Reading, { description: 'what may stand there, the likeliest first' }),
});

export const Registers = Type.Object({ at: Ms, table: ModbusTable, registers: Type.Array(FoundRegister) });
export type Registers = Static<typeof Registers>;

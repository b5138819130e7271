/**
 * What the hub may ask of a gateway besides data: its configuration, its last log lines, what a device has, a new
 * start. A gateway carries out what its own `hub.accept` names, and nothing else.
 */
import { type Static, Type } from 'typebox';
import { NodesAsk, RegistersAsk } from './device-look.ts';

/** What a gateway may let the hub do. */
export type FleetWord = 'config' | 'restart' | 'browse' | 'logs';

/** A configuration of 10,000 tags has a third of it. */
export const MAX_CONFIG_CHARACTERS = 2_000_000;
/** An answer is no longer than this, and travels in pieces. Characters. */
export const MAX_ANSWER_CHARACTERS = 4_000_000;
export const PIECE_CHARACTERS = 128 * 1024;
export const MAX_LOG_LINES = 2_000;

const Id = Type.String({ minLength: 1, maxLength: 100 });
const Config = Type.String({ maxLength: MAX_CONFIG_CHARACTERS, description: 'the whole file, YAML' });
const Globs = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 50, default: [] });
const Register = Type.Integer({ minimum: 0, maximum: 65_535 });

export const BrowseAsk = Type.Object({
  what: Type.Literal('browse.opcua'),
  device: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'a device of its configuration: server, security and user',
    }),
  ),
  endpoint: Type.Optional(
    Type.String({
      pattern: '^opc\\.tcp://[^/\\s]+\\S*$',
      maxLength: 300,
      description: 'or a server, with security None',
    }),
  ),
  root: Type.Optional(
    Type.String({ maxLength: 500, description: 'node id or browse path; absent: the folder Objects' }),
  ),
  include: Globs,
  exclude: Globs,
  max: Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000, description: 'so many variables at most' }),
  depth: Type.Integer({ minimum: 1, maximum: 20, default: 20 }),
});

export const ProbeAsk = Type.Object({
  what: Type.Literal('probe.modbus'),
  host: Type.String({ minLength: 1, maxLength: 253, description: 'Modbus TCP: name or address of the device' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535, default: 502 }),
  unit: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 255, description: 'absent: the first usual one that answers' }),
  ),
  from: Type.Integer({ ...Register, default: 0, description: 'first address, counted from 0' }),
  to: Type.Integer({ ...Register, default: 199 }),
});

const FleetAsk = Type.Union([
  Type.Object({ what: Type.Literal('config.read') }),
  Type.Object({ what: Type.Literal('config.check'), config: Config }),
  Type.Object({ what: Type.Literal('config.confirm'), push: Id }),
  Type.Object({ what: Type.Literal('restart') }),
  Type.Object({ what: Type.Literal('logs'), lines: Type.Integer({ minimum: 1, maximum: MAX_LOG_LINES }) }),
  BrowseAsk,
  ProbeAsk,
  NodesAsk,
  RegistersAsk,
]);
export type FleetAsk = Static<typeof FleetAsk>;

/** Which word of `hub.accept` lets it be. */
export function wordOf({ what }: FleetAsk): FleetWord {
  if (what === 'restart' || what === 'logs') return what;
  return what.startsWith('config.') ? 'config' : 'browse';
}

/** Hub → gateway. Sent once, never repeated and never kept for later. */
export const FleetCommand = Type.Object({
  id: Id,
  type: Type.Literal('fleet'),
  ask: FleetAsk,
  by: Type.String({ maxLength: 200 }),
  at: Type.Integer({ minimum: 0 }),
  expiresAt: Type.Integer({ minimum: 0, description: 'a gateway that gets it later does not carry it out' }),
});
export type FleetCommand = Static<typeof FleetCommand>;

/** Gateway → hub: a piece of the answer, which is JSON of a `FleetAnswer`; or how far it is. */
export const FleetReply = Type.Object({
  type: Type.Literal('fleet'),
  id: Id,
  piece: Type.Integer({ minimum: 0, maximum: 100 }),
  pieces: Type.Integer({ minimum: 1, maximum: 100 }),
  text: Type.String({ maxLength: PIECE_CHARACTERS }),
});
export type FleetReply = Static<typeof FleetReply>;

export const FleetProgress = Type.Object({
  type: Type.Literal('fleet.progress'),
  id: Id,
  words: Type.String({ maxLength: 500 }),
});
export type FleetProgress = Static<typeof FleetProgress>;

export type FleetAnswer = { ok: true; value: unknown } | { ok: false; error: string };

const Changes = Type.Object({
  added: Type.Array(Type.String()),
  changed: Type.Array(Type.String()),
  removed: Type.Array(Type.String()),
});

/** The file as it is: `${ENV}` and the names of secrets' files stand in it as they were written. */
export const ConfigText = Type.Object({
  config: Type.String(),
  sha256: Type.String({ description: 'of the text' }),
  running: Type.String({
    description: 'SHA-256 of the text that runs; another one while the file waits for a restart or a reload',
  }),
});
export type ConfigText = Static<typeof ConfigText>;

/** What a gateway says of a configuration that it has only looked at. */
export const ConfigCheck = Type.Object({
  sound: Type.Boolean(),
  problems: Type.Array(Type.String(), { description: 'with file and line' }),
  changes: Changes,
  needsRestart: Type.Array(Type.String(), { description: 'settings that are taken over at the next start' }),
  sha256: Type.String(),
});
export type ConfigCheck = Static<typeof ConfigCheck>;

export const LogLines = Type.Object({
  lines: Type.Array(Type.String(), { description: 'as the gateway has written them: JSON, oldest first' }),
  left: Type.Integer({ description: 'older lines that it still has' }),
});
export type LogLines = Static<typeof LogLines>;

/** A device to paste into a configuration. */
export const DeviceFound = Type.Object({
  yaml: Type.String(),
  account: Type.Array(Type.String(), { description: 'what was found and left out, in words' }),
});
export type DeviceFound = Static<typeof DeviceFound>;

/**
 * The JSON messages beside the data: who is there, what is committed, what to do. See topics.ts for where
 * each travels and lineside.proto for the data itself.
 */
import { type Static, Type } from 'typebox';
import { FleetCommand, FleetProgress, FleetReply, MAX_CONFIG_CHARACTERS } from './fleet.ts';
import { GATEWAY_ID_PATTERN } from './topics.ts';
import { WriteOutcome } from './write.ts';

const Ms = Type.Integer({ minimum: 0, description: 'milliseconds since 1970 UTC' });
const Seq = Type.Integer({ minimum: 0 });
const Epoch = Type.String({ pattern: '^[0-9a-f]{32}$', description: 'born with the buffer directory' });

/** Gateway → hub after each connect: asks how far the hub has committed this epoch. */
export const Hello = Type.Object({
  epoch: Epoch,
  /** Oldest and newest record on disk; 0 when the buffer is empty. */
  oldest: Seq,
  newest: Seq,
});
export type Hello = Static<typeof Hello>;

/** Hub → gateway: everything up to and including `seq` of `epoch` is on the hub's disk. */
export const Committed = Type.Object({
  epoch: Epoch,
  seq: Seq,
  /** Set when the hub missed something: send again from `seq + 1`. */
  resend: Type.Boolean({ default: false }),
  /** When the hub said it, by its own clock: so the gateway knows that clock when a command says how long it holds. */
  at: Type.Optional(Ms),
});
export type Committed = Static<typeof Committed>;

export const DeviceState = Type.Union([Type.Literal('connecting'), Type.Literal('up'), Type.Literal('down')]);
export type DeviceState = Static<typeof DeviceState>;

/** How well a device is collected from. Cycle and jitter are those of the newest 128 polls. */
export const DeviceHealth = Type.Object({
  cycles: Type.Integer({ minimum: 0, description: 'polls that came to their end since the driver began' }),
  cyclesTotalMs: Type.Number({ minimum: 0, description: 'how long they took together, milliseconds' }),
  /** From the first request of a poll to the last answer, milliseconds; null when nothing is polled. */
  cycleMs: Type.Union([Type.Object({ last: Type.Number(), mean: Type.Number(), max: Type.Number() }), Type.Null()]),
  /** Mean lateness of the begin of a poll, milliseconds; null when nothing is polled. */
  jitterMs: Type.Union([Type.Number(), Type.Null()]),
  /** Such as `timeout: 3`; together they are `errors`. */
  errorsByKind: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
  /** Whether the device is asked as usual, left alone, or tried with one request. Absent when there is none. */
  breaker: Type.Optional(Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('halfOpen')])),
});
export type DeviceHealth = Static<typeof DeviceHealth>;

/** How one device is, as its driver sees it. */
export const DeviceStatus = Type.Object({
  device: Type.String(),
  driver: Type.String(),
  endpoint: Type.String({ description: 'address without credentials' }),
  state: DeviceState,
  since: Ms,
  /** Why it is not up: what happened and what to do. While up: what it does not give, or empty. */
  reason: Type.String(),
  lastGoodAt: Type.Union([Ms, Type.Null()]),
  requests: Type.Integer({ minimum: 0 }),
  errors: Type.Integer({ minimum: 0 }),
  /** Polls that were due but skipped, because the device could not keep up. */
  missed: Type.Integer({ minimum: 0 }),
  health: Type.Optional(DeviceHealth),
});
export type DeviceStatus = Static<typeof DeviceStatus>;

/** The client certificate by which a gateway comes in at the hub. It renews it by itself; see docs/operations/enrolment.md. */
export const CertificateStatus = Type.Object({
  serial: Type.String({ pattern: '^[0-9a-f]{1,40}$', description: 'hexadecimal' }),
  notBefore: Ms,
  notAfter: Ms,
  /** Why it could not be renewed when it was time; absent while there is nothing to say. */
  problem: Type.Optional(Type.String({ maxLength: 500 })),
});
export type CertificateStatus = Static<typeof CertificateStatus>;

/** Gateway → hub, retained, every few seconds; the will carries `online: false`. */
export const GatewayStatus = Type.Object({
  gateway: Type.String({ pattern: GATEWAY_ID_PATTERN }),
  online: Type.Boolean(),
  at: Ms,
  version: Type.String(),
  startedAt: Ms,
  buffer: Type.Object({
    epoch: Epoch,
    pendingRecords: Seq,
    pendingSamples: Seq,
    bytes: Seq,
    fault: Type.Optional(Type.String({ description: 'why the disk does not take data; absent while it does' })),
  }),
  devices: Type.Array(DeviceStatus),
  /** Absent when it comes in by a password. */
  certificate: Type.Optional(CertificateStatus),
  /** SHA-256 of the configuration that runs. */
  configSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  /** What the hub may do there: words of `hub.accept`. */
  accepts: Type.Optional(Type.Array(Type.String({ maxLength: 30 }), { maxItems: 20 })),
  /** A configuration of the hub is on trial. */
  trial: Type.Optional(
    Type.Object({
      by: Type.String({ maxLength: 200 }),
      endsInMs: Type.Integer({ minimum: 0, description: 'from `at` on: then it goes back, unless it is confirmed' }),
    }),
  ),
});
export type GatewayStatus = Static<typeof GatewayStatus>;

/** Sent again after each hello until its effect has come back as an event. */
export const AcknowledgeCommand = Type.Object({
  id: Type.String(),
  type: Type.Literal('alarm.acknowledge'),
  occurrence: Type.String(),
  by: Type.String(),
  comment: Type.String(),
  at: Ms,
});
export type AcknowledgeCommand = Static<typeof AcknowledgeCommand>;

/**
 * Set a tag now. Sent once, never repeated and never kept for later: a machine must not move because a message
 * arrived at last. Times are by the hub's clock.
 */
export const TagWriteCommand = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  type: Type.Literal('tag.write'),
  device: Type.String({ minLength: 1, maxLength: 200 }),
  tag: Type.String({ minLength: 1, maxLength: 200 }),
  /** In engineering units; a name where the tag has an enumeration. */
  value: Type.Union([Type.Number(), Type.Boolean(), Type.String({ maxLength: 1_000 })]),
  by: Type.String({ maxLength: 200 }),
  comment: Type.String({ maxLength: 1_000 }),
  at: Ms,
  /** A gateway that gets it later does not carry it out. */
  expiresAt: Ms,
});
export type TagWriteCommand = Static<typeof TagWriteCommand>;

/** Take over another configuration, now. Sent once, as a write. */
export const ConfigPushCommand = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  type: Type.Literal('config.push'),
  config: Type.String({ maxLength: MAX_CONFIG_CHARACTERS, description: 'the whole file, YAML' }),
  /** It goes back to what it had when the hub has not confirmed it so long after it was taken over. Milliseconds. */
  confirmWithinMs: Type.Integer({ minimum: 500, maximum: 600_000 }),
  /** Where settings need a restart: start anew with it, and have it on trial from then on. */
  restart: Type.Optional(Type.Boolean()),
  by: Type.String({ maxLength: 200 }),
  at: Ms,
  expiresAt: Ms,
});
export type ConfigPushCommand = Static<typeof ConfigPushCommand>;

/** Hub → gateway. */
export const Command = Type.Union([AcknowledgeCommand, TagWriteCommand, ConfigPushCommand, FleetCommand]);
export type Command = Static<typeof Command>;

const WriteReply = Type.Object({ type: Type.Literal('tag.write'), outcome: WriteOutcome });
export type WriteReply = Static<typeof WriteReply>;

/** An alarm lives in a device, and the device does not take the acknowledgement: it is not on its way any more. */
const RefusalReply = Type.Object({
  type: Type.Literal('alarm.acknowledge'),
  occurrence: Type.String({ minLength: 1, maxLength: 200 }),
  error: Type.String({ minLength: 1, maxLength: 1_000 }),
});
export type RefusalReply = Static<typeof RefusalReply>;

/** What a gateway made of a configuration. */
export const ConfigPushResult = Type.Object({
  result: Type.Union(
    [Type.Literal('applied'), Type.Literal('unchanged'), Type.Literal('refused'), Type.Literal('rolledBack')],
    { description: 'refused: nothing was touched; rolledBack: what ran before was stopped and runs again' },
  ),
  problems: Type.Array(Type.String(), { description: 'with file and line; why it was refused, or what is not well' }),
  changes: Type.Object({
    added: Type.Array(Type.String()),
    changed: Type.Array(Type.String()),
    removed: Type.Array(Type.String()),
  }),
  needsRestart: Type.Array(Type.String(), { description: 'settings that are taken over at the next start' }),
  sha256: Type.String({ description: 'of the text that was looked at; empty when none was' }),
  trial: Type.Optional(
    Type.Boolean({ description: 'it runs, and takes the place of the file only when the hub confirms it' }),
  ),
  restarted: Type.Optional(
    Type.Boolean({ description: 'the gateway starts anew with it, so that what needs a restart is tried as well' }),
  ),
});
export type ConfigPushResult = Static<typeof ConfigPushResult>;

const ConfigReply = Type.Object({
  type: Type.Literal('config.push'),
  id: Type.String({ minLength: 1, maxLength: 100 }),
  result: ConfigPushResult,
});
export type ConfigReply = Static<typeof ConfigReply>;

/** Gateway → hub: what became of a command, for whoever waits. What remains of it is the event in the data. */
export const CommandReply = Type.Union([WriteReply, RefusalReply, ConfigReply, FleetReply, FleetProgress]);
export type CommandReply = Static<typeof CommandReply>;

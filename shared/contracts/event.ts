/**
 * What happened at a gateway besides samples and alarms. Events travel in the buffer, in order, and are as durable as
 * samples: they are what remains when somebody asks later who did it, or why something is missing.
 */
import { type Static, Type } from 'typebox';
import { WriteWay } from './write.ts';

const At = Type.Number({ minimum: -8.64e15, maximum: 8.64e15, description: 'milliseconds since 1970 UTC' });
const Seq = Type.Integer({ minimum: 1 });
const Value = Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()]);
const orNull = <T extends typeof At | typeof Seq>(schema: T) => Type.Union([schema, Type.Null()]);

/** Somebody wrote a tag, or tried to. Values are in engineering units. */
export const WriteEvent = Type.Object({
  kind: Type.Literal('write'),
  /** By the gateway's clock, as in every event. */
  at: At,
  id: Type.String({ minLength: 1, maxLength: 100 }),
  device: Type.String(),
  tag: Type.String(),
  by: Type.String(),
  via: WriteWay,
  comment: Type.String(),
  requested: Type.Union([Type.Number(), Type.Boolean(), Type.String()]),
  old: Value,
  new: Value,
  ok: Type.Boolean(),
  error: Type.String(),
});
export type WriteEvent = Static<typeof WriteEvent>;

/**
 * Samples that the gateway had and gave up. Such an event is on disk before what it speaks of is given up. When the
 * power goes in between it may come twice, with the same epoch, reason and records; and the hub may have committed
 * some of the records when its answer had not arrived yet.
 */
export const DropEvent = Type.Object({
  kind: Type.Literal('drop'),
  at: At,
  reason: Type.String({
    minLength: 1,
    description:
      'bufferFull, tooOld, damaged, directoryRemoved: records went. thinned, diskFault, malformed: samples that never were in one. alarmsLost: alarms and events for which a failing disk had left no room in memory',
  }),
  /** Of the records; the event itself travels in another one. Absent when the samples never were in a record. */
  epoch: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
  /** 0 where it cannot be told, as of a damaged place at the end of the log. */
  samples: Type.Integer({ minimum: 0 }),
  /** Alarms and events that went, where it was these and not samples. */
  alarms: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Records that went, both included; null when the samples never were in one. */
  fromSeq: orNull(Seq),
  toSeq: orNull(Seq),
  /** From when to when the samples came, by the gateway's clock; null when that is not known. */
  fromAt: orNull(At),
  toAt: orNull(At),
});
export type DropEvent = Static<typeof DropEvent>;

/** The gateway's wall clock was set. */
const ClockEvent = Type.Object({
  kind: Type.Literal('clock'),
  at: At,
  /** How far it jumped, milliseconds; negative when it was set back. */
  stepMs: Type.Number(),
});
type ClockEvent = Static<typeof ClockEvent>;

/** How `by` of a configuration begins that the hub has sent; behind it stands for whom. */
export const SENT_BY_HUB = 'the hub, for ';

/** Somebody had the gateway take over a configuration, or tried to. */
const ConfigEvent = Type.Object({
  kind: Type.Literal('config'),
  at: At,
  by: Type.String(),
  result: Type.String({ description: 'applied, unchanged, refused, rolledBack' }),
  /** The first of them. */
  problems: Type.Array(Type.String()),
  added: Type.Array(Type.String()),
  changed: Type.Array(Type.String()),
  removed: Type.Array(Type.String()),
});
type ConfigEvent = Static<typeof ConfigEvent>;

export const GATEWAY_EVENTS = { write: WriteEvent, drop: DropEvent, clock: ClockEvent, config: ConfigEvent } as const;
export type GatewayEvent = WriteEvent | DropEvent | ClockEvent | ConfigEvent;

/** As a hub may read it: a later gateway knows kinds that it does not, and keeps them all the same. */
export type AnyEvent = GatewayEvent | { kind: 'other'; at: number; body: Record<string, unknown> };

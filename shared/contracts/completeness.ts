/** What a hub can say of a day of a gateway: all of it is there, or what is not, with the cause. */
import { type Static, type TSchema, Type } from 'typebox';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

/** A range of time in which nothing was collected from a device. */
export const Silence = Type.Object({
  from: Ms,
  to: Ms,
  cause: Type.Union([Type.Literal('deviceDown'), Type.Literal('gatewayAway')], {
    description:
      'deviceDown: the gateway was there, and the device did not answer it. gatewayAway: the gateway was off, or what it measured has not come (yet)',
  }),
});
export type Silence = Static<typeof Silence>;

export const DeviceCompleteness = Type.Object({
  device: Type.String(),
  samples: Count,
  /** Source times; null when there is none. */
  firstAt: Nullable(Ms),
  lastAt: Nullable(Ms),
  /** Milliseconds of the day in which the device answered, of those in which it could have. */
  collectedMs: Count,
  expectedMs: Count,
  silent: Type.Array(Silence, { description: 'the longest 200, by time' }),
});
export type DeviceCompleteness = Static<typeof DeviceCompleteness>;

/** Something that the gateway had and the hub will not get. */
export const Missing = Type.Object({
  cause: Type.String(),
  /** Of the gateway's buffer. */
  epoch: Nullable(Type.String()),
  fromSeq: Nullable(Count),
  toSeq: Nullable(Count),
  /** null when nobody knows how many. */
  samples: Nullable(Count),
  /** Alarms and events, where it was these and not samples. */
  alarms: Type.Optional(Count),
  fromAt: Nullable(Ms),
  toAt: Nullable(Ms),
});
export type Missing = Static<typeof Missing>;

export const CompletenessStatement = Type.Object({
  gateway: Type.String(),
  day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'in the time zone of the plant' }),
  timeZone: Type.String(),
  from: Ms,
  to: Ms,
  delivery: Type.Union([Type.Literal('complete'), Type.Literal('incomplete'), Type.Literal('open')], {
    description:
      'complete: all that the gateway buffered of this day is stored. incomplete: something is missing, and listed. open: the day is not over, or the gateway may still have something of it',
  }),
  samples: Count,
  missing: Type.Array(Missing),
  /** By how many milliseconds the gateway's clock was set, and when. */
  clockSteps: Type.Array(Type.Object({ at: Ms, stepMs: Type.Number() })),
  devices: Type.Array(DeviceCompleteness),
  /** When this was said. */
  at: Ms,
});
export type CompletenessStatement = Static<typeof CompletenessStatement>;

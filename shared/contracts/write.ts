/** Setting a tag of a device to a value: what is asked, what became of it, and the record that remains of it. */
import { type Static, Type } from 'typebox';

/** By which way a write came. */
export const WriteWay = Type.Union([Type.Literal('hub'), Type.Literal('mqtt'), Type.Literal('sparkplug')]);
export type WriteWay = Static<typeof WriteWay>;

export interface WriteRequest {
  /** Names this attempt, and its record: never used for another one that comes by the same way. */
  id: string;
  device: string;
  /** Name of the tag within its device. */
  tag: string;
  /** In engineering units; a name where the tag has an enumeration. */
  value: number | boolean | string;
  /** Who wants it: a user of the hub, an account of a broker. */
  by: string;
  via: WriteWay;
  comment: string;
}

const orNull = (options: { description: string }) =>
  Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()], options);

/** Values are in engineering units. */
export const WriteOutcome = Type.Object({
  id: Type.String(),
  ok: Type.Boolean({ description: 'the device took the value, and it was read back' }),
  old: orNull({ description: 'what it held before; null when that is not known' }),
  new: orNull({ description: 'what it holds now, as read back; null when that is not known' }),
  at: Type.Number({ description: 'when it was decided by the gateway’s clock, milliseconds since 1970 UTC' }),
  error: Type.String({ description: 'why it is not well and what to look at; empty when it is' }),
});
export type WriteOutcome = Static<typeof WriteOutcome>;

/** Setting a tag of a device to a value: what is asked, what became of it, and the record that remains of it. */
import { type Static, Type } from 'typebox';
import type { Value } from './frame.ts';

/** By which way a write came. */
export const WriteWay = Type.Union([Type.Literal('hub'), Type.Literal('mqtt'), Type.Literal('sparkplug')]);
export type WriteWay = Static<typeof WriteWay>;

export interface WriteRequest {
  /** Names this attempt, and its record. */
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

/** Values are in engineering units. */
export interface WriteOutcome {
  id: string;
  /** The device took the value, and it was read back. */
  ok: boolean;
  /** What it held before; null when that is not known. */
  old: Value;
  /** What it holds now, as read back; null when that is not known. */
  new: Value;
  /** When it was decided, milliseconds since 1970 UTC. */
  at: number;
  /** Why it is not well and what to look at; empty when it is. */
  error: string;
}

/**
 * The one unit that flows from a driver to the hub's store.
 *
 * Parallel arrays, not an object a sample: at 10,000 samples a second the objects alone cost more than the
 * Modbus requests that produced them.
 */

/** A value as it leaves a driver. `null` only together with a quality that is not Good. */
export type Value = number | boolean | string | null;

/** The type of a tag's values after decoding. Integers are exact up to 2^53 − 1. */
export type ValueType = 'float64' | 'float32' | 'integer' | 'boolean' | 'string';

/** The result of one poll or one notification of one device. All arrays have the same length. */
export interface Frame {
  /** Device id, as in the configuration. */
  device: string;
  /** When the gateway received it, milliseconds since 1970 UTC. */
  receivedAt: number;
  /** Tag ids, as assigned by the tag registry for this buffer's epoch. */
  tags: number[];
  /** When the source says that the value was true, milliseconds since 1970 UTC. */
  sourceAt: number[];
  values: Value[];
  /** OPC UA StatusCode of each sample (OPC 10000-4, 7.39); 0 is Good. */
  quality: number[];
  /** Read out of the device's own history after a gap: true of its time, and no news of the present. */
  historical?: true;
}

/** What the hub must know of a tag to understand its samples. */
export interface TagInfo {
  /** Never reused for another meaning within an epoch. */
  id: number;
  device: string;
  /** Unique within its device. */
  name: string;
  type: ValueType;
  /** UCUM or plain unit, empty when there is none. */
  unit: string;
  description: string;
  /** A command may write it. What follows is only said of such tags. */
  writable?: true;
  /** Limits of a number that is written, in engineering units. */
  min?: number;
  max?: number;
  /** The values that it takes, where they are names. */
  names?: string[];
}

/** Makes an empty frame that samples can be pushed to. */
export function emptyFrame(device: string, receivedAt: number): Frame {
  return { device, receivedAt, tags: [], sourceAt: [], values: [], quality: [] };
}

/** Appends one sample to a frame. */
export function pushSample(frame: Frame, tag: number, sourceAt: number, value: Value, quality: number): void {
  frame.tags.push(tag);
  frame.sourceAt.push(sourceAt);
  frame.values.push(value);
  frame.quality.push(quality);
}

/** Every device has this tag of the gateway's own: 1 while the device answers, 0 while it does not. */
export const LINK_TAG = '$link';

/** The link tag is repeated this often, so that silence can be told from "nothing changed". Milliseconds. */
export const LINK_HEARTBEAT_MS = 5_000;

/**
 * What every driver is to the pipeline. A driver is one folder: it owns its configuration schema, its protocol
 * and its recovery; it knows nothing of tags' meaning, buffers or the hub.
 */

import type { AcknowledgeResult, ConditionNews } from '@lineside/shared/contracts/condition.ts';
import type { ModbusTable, NodeLevel, Registers } from '@lineside/shared/contracts/device-look.ts';
import type { Frame, Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { TObject } from 'typebox';
import type { Clock } from './clock.ts';
import type { RecordingEntry } from './recording/recording.ts';
import type { TagPast } from './tag-past.ts';

/** One tag as a driver sees it: the id that goes into frames, and the driver's own settings. */
export interface DriverTag<Settings> {
  id: number;
  name: string;
  settings: Settings;
}

/** Where a driver writes down what it hears from its device, when somebody has asked for a recording. */
export interface Recorder {
  /**
   * Takes one entry, which gets the present time. Never throws and is never awaited: what cannot be written in time
   * is dropped.
   *
   * @param agoMs how long ago it happened, milliseconds
   */
  write(entry: Record<string, unknown>, agoMs?: number): void;
}

export interface DriverContext {
  /**
   * Takes a frame. Must not throw and must not be awaited. Frames are read-only for everyone behind the driver:
   * consecutive frames share their `tags` and `quality` arrays, so a stage that changes something makes an array
   * of its own.
   */
  onFrame(frame: Frame): void;
  /** Called at each change of state, and never for anything else. */
  onStatus(status: DeviceStatus): void;
  /** Takes what the device says of its own alarms, in order. Must not throw and must not be awaited. */
  onConditions?(news: ConditionNews): void;
  log: Logger;
  /** Wall clock, milliseconds since 1970 UTC. */
  now(): number;
  /** The gateway's data directory, for what a driver must remember (certificates). */
  dataDir: string;
  /** A file that the configuration names: relative paths count from the folder of the configuration. */
  resolvePath(path: string): string;
  /**
   * What is kept over a restart of how far tags have come, by their ids. A driver puts in those whose device has a
   * history to ask, and goes on changing them.
   */
  pasts?: Map<number, TagPast> | undefined;
  /** The device is to be recorded. */
  recorder?: Recorder | undefined;
}

/** A recording to be played back instead of speaking to a device. */
export interface Playback {
  /** What the driver has recorded, by time. */
  entries: readonly RecordingEntry[];
  /** The only time that there is; its monotonic time is that of the recording. */
  clock: Clock;
  /** Something of the recording does not fit the configuration: told to whoever replays it, once for each text. */
  note(text: string): void;
}

/** What became of a write. */
export interface WriteResult {
  /** The device took the value, and it was read back. */
  ok: boolean;
  /** What the device held before; null when that could not be read. Raw, as in frames. */
  old: Value;
  /** What the device holds after it, as read back; null when that could not be read. Raw, as in frames. */
  new: Value;
  /** Empty when it is well, else what happened and what to look at, for an operator. */
  error: string;
}

export interface Driver {
  /**
   * Begins to collect and returns at once: a device that is down is a state, not an error. From then on the
   * driver recovers by itself, for ever, until `stop`.
   */
  start(): void;
  /** Idempotent, safe before `start`; after it resolves no more frames come. Ends within 3 s. */
  stop(): Promise<void>;
  status(): DeviceStatus;
  /**
   * Writes one value now, ahead of the polls, and reads it back. A device that is down is an error at once or
   * within its timeout: nothing is kept for later. Never rejects. Whether the tag may be written, and within which
   * limits, was decided before (gateway/tags/write-rules.ts).
   *
   * @param tag its id in frames
   * @param value raw, as the device has it: before scale and offset
   */
  write?(tag: number, value: Value): Promise<WriteResult>;
  /**
   * Acknowledges an alarm that lives in the device, or a former state of it. Nothing is kept for later. Never rejects.
   *
   * @param key as of `conditionKey`
   */
  acknowledge?(key: string, comment: string): Promise<AcknowledgeResult>;
  /**
   * What lies right below a node of the device now, over the connection that it collects by.
   *
   * @param node node id; null: where one begins
   * @throws LinesideError DEVICE_LOOK in words for an operator
   */
  nodesBelow?(node: string | null): Promise<NodeLevel>;
  /**
   * What registers or bits hold now, over the connection that it collects by. Changes nothing, also not whether the
   * device counts as up.
   *
   * @throws LinesideError DEVICE_LOOK in words for an operator
   */
  registers?(table: ModbusTable, first: number, count: number): Promise<Registers>;
}

/** A setting that has the right form and still cannot work. */
export interface ConfigProblem {
  /** Position in the list of tags that was checked; absent when it is a setting of the device. */
  tag?: number;
  /** Name of the setting, such as `address`. */
  field: string;
  /** What is wrong and what to write instead. */
  message: string;
  /** It can work all the same: `gateway check` tells it and does not fail. */
  warning?: boolean;
}

/** One of the tags that a configured tag stands for. */
export interface ExpandedTag {
  /** What its name has behind the configured one, such as `[3]`. */
  suffix: string;
  settings: unknown;
}

/** A device that has passed `check`, for what concerns several devices at once. */
export interface CheckedDevice<Device, Tag> {
  id: string;
  settings: Device;
  /** Expanded. */
  tags: { name: string; settings: Tag }[];
}

/** What a driver folder exports under this type and `registry.ts` lists. */
export interface DriverModule<Device, Tag> {
  /** The `driver:` word in the configuration. */
  kind: string;
  /** Settings of a device beside the common ones (`id`, `driver`, `equipment`, `tags`). */
  deviceSchema: TObject;
  /** Settings of a tag beside the common ones (name, scale, unit and the like). */
  tagSchema: TObject;
  /** Finds what a schema cannot: both arguments have passed the schemas, defaults filled in. Never throws. */
  check(device: Device, tags: { name: string; settings: Tag }[]): ConfigProblem[];
  /**
   * What can work and is to be doubted of all devices of this driver together, such as periods that their common bus
   * cannot keep. `device` is a position in the list. Never throws.
   */
  doubts?(devices: CheckedDevice<Device, Tag>[]): { device: number; field: string; message: string }[];
  /** The tags that one stands for, such as the elements of an array; empty when it stands for itself. */
  expand?(tag: Tag): ExpandedTag[];
  /** The type of the values that this tag will have, for the hub's catalogue. */
  valueType(tag: Tag): ValueType;
  /** Both arguments have passed `check`. Opens nothing yet. */
  create(device: Device & { id: string }, tags: DriverTag<Tag>[], context: DriverContext): Driver;
  /** The same with a recording in place of the device: what the driver makes of it is what it would have made then. */
  replay(device: Device & { id: string }, tags: DriverTag<Tag>[], context: DriverContext, playback: Playback): Driver;
}

/** A recording in place of a server: what it said goes through the same conversion, at the time at which it came. */
import type { ConditionState } from '@lineside/shared/contracts/condition.ts';
import type { DeviceState, DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import type { DataValue } from 'node-opcua-client';
import type { Driver, DriverContext, DriverTag, Playback } from '../driver.ts';
import type { RecordingEntry } from '../recording/recording.ts';
import { addressText } from './address.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import { TagSamples } from './tag-samples.ts';

export class OpcUaReplay implements Driver {
  readonly #device: OpcUaDevice & { id: string };
  readonly #context: DriverContext;
  readonly #playback: Playback;
  readonly #samples: TagSamples;
  readonly #byNode: Map<string, number[]>;
  readonly #byName: Map<string, number[]>;
  #next = 0;
  #stopped = false;
  #state: DeviceState = 'connecting';
  #since: number;
  #reason = '';

  constructor(
    device: OpcUaDevice & { id: string },
    tags: DriverTag<OpcUaTag>[],
    context: DriverContext,
    playback: Playback,
  ) {
    this.#device = device;
    this.#context = context;
    this.#playback = playback;
    this.#since = context.now();
    this.#samples = new TagSamples(device.id, tags, context, device.timestamps);
    this.#byNode = grouped(tags.map(({ settings }) => addressText(settings)));
    this.#byName = grouped(tags.map(({ name }) => name));
  }

  start(): void {
    this.#wait();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#samples.stop();
  }

  status(): DeviceStatus {
    return {
      device: this.#device.id,
      driver: 'opcua',
      endpoint: this.#device.endpoint,
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      lastGoodAt: this.#samples.lastGoodAt,
      requests: 0,
      errors: 0,
      missed: this.#samples.missed,
    };
  }

  #wait(): void {
    const entry = this.#playback.entries[this.#next];
    if (!entry || this.#stopped) return;
    this.#next++;
    const { clock } = this.#playback;
    clock.setTimeout(() => {
      if (this.#stopped) return;
      this.#play(entry);
      const { entries } = this.#playback;
      for (; entries[this.#next]?.same === true; this.#next++) this.#play(entries[this.#next]!);
      this.#wait();
    }, entry.t - clock.monotonic());
  }

  #play(entry: RecordingEntry): void {
    if (entry.event === 'present') this.#samples.expectPresent();
    else if (entry.event === 'up') this.#setState('up', '');
    else if (entry.event === 'lost') {
      this.#samples.outage(Quality.BadNoCommunication);
      this.#setState('down', String(entry.reason ?? ''));
    } else if (typeof entry.node === 'string') {
      this.#playTag(entry, entry.node);
    } else if (entry.condition) {
      this.#tell([entry.condition as ConditionState]);
    } else if (Array.isArray(entry.account)) {
      this.#tell([], new Set(entry.account.map(String)));
    }
  }

  #tell(states: ConditionState[], all?: ReadonlySet<string>): void {
    if (!this.#device.conditions?.enabled)
      this.#playback.note('the configuration leaves the alarms of the server out');
    else this.#context.onConditions?.({ device: this.#device.id, states, ...(all ? { all } : {}) });
  }

  /** By its address, so that a tag may have another name now; by its name where only that is the same. */
  #playTag(entry: RecordingEntry, node: string): void {
    const indexes = this.#byNode.get(node) ?? this.#byName.get(String(entry.tag));
    if (!indexes) {
      this.#playback.note(`no tag of the configuration has ${node}, which the recording has as "${entry.tag}"`);
      return;
    }
    for (const index of indexes) {
      if (typeof entry.refused === 'number') this.#samples.refuse(index, entry.refused, String(entry.reason));
      else if (entry.historical === true) this.#samples.takePast(index, dataValue(entry));
      else this.#samples.take(index, dataValue(entry));
    }
  }

  #setState(state: DeviceState, reason: string): void {
    this.#reason = reason;
    if (this.#state === state) return;
    this.#state = state;
    this.#since = this.#context.now();
    this.#context.onStatus(this.status());
  }
}

function grouped(keys: string[]): Map<string, number[]> {
  const map = new Map<string, number[]>();
  keys.forEach((key, index) => {
    map.set(key, [...(map.get(key) ?? []), index]);
  });
  return map;
}

/** As much of it as is made use of. */
function dataValue({ type, array, value, status, source, server }: RecordingEntry): DataValue {
  const time = (ms: unknown) => (typeof ms === 'number' ? new Date(ms) : null);
  return {
    value: type === undefined ? null : { dataType: type, arrayType: array ?? 0, value: revived(value) },
    statusCode: { value: Number(status ?? 0) },
    sourceTimestamp: time(source),
    serverTimestamp: time(server),
  } as unknown as DataValue;
}

function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { number, time } = value as { number?: string; time?: number };
  if (number !== undefined) return Number(number);
  return time !== undefined ? new Date(time) : value;
}

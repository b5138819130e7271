/** Writes down what a server says of each tag, as it came: docs/recording.md has the format. */
import type { ConditionNews } from '@lineside/shared/contracts/condition.ts';
import type { DataValue } from 'node-opcua-client';
import type { Recorder } from '../driver.ts';

export interface Named {
  tag: string;
  node: string;
}

export class EventRecorder {
  readonly #recorder: Recorder;
  /** A tag's name and address by its position. */
  readonly #naming: (index: number) => Named;
  #inTurn = false;

  constructor(recorder: Recorder, naming: (index: number) => Named) {
    this.#recorder = recorder;
    this.#naming = naming;
  }

  /** @param historical it was read out of the server's history */
  value(index: number, data: DataValue, historical = false): void {
    const { value, statusCode, sourceTimestamp, serverTimestamp } = data;
    const status = statusCode.value >>> 0;
    this.#recorder.write({
      ...this.#naming(index),
      ...(this.#continues() ? { same: true } : {}),
      ...(historical ? { historical } : {}),
      ...(value ? { type: value.dataType, array: value.arrayType, value: plain(value.value) } : {}),
      status,
      source: sourceTimestamp?.getTime() ?? null,
      server: serverTimestamp?.getTime() ?? null,
    });
  }

  /** Whether it came together with the one before, in one turn of the event loop: then they are of one frame. */
  #continues(): boolean {
    if (this.#inTurn) return true;
    this.#inTurn = true;
    queueMicrotask(() => {
      this.#inTurn = false;
    });
    return false;
  }

  refused(index: number, quality: number, status: string): void {
    this.#recorder.write({ ...this.#naming(index), refused: quality, reason: status });
  }

  /** What the server says of its own alarms, without those that the configuration leaves out. */
  conditions({ states, all }: Pick<ConditionNews, 'states' | 'all'>): void {
    for (const condition of states) this.#recorder.write({ ...(this.#continues() ? { same: true } : {}), condition });
    if (all) this.#recorder.write({ ...(this.#continues() ? { same: true } : {}), account: [...all] });
  }

  /**
   * `present`: the next value of each tag is what the server has now, however old. `up`: the server gives its values.
   * `lost`: nothing is known from here on.
   */
  event(event: 'present' | 'up' | 'lost', reason?: string): void {
    this.#recorder.write(reason === undefined ? { event } : { event, reason });
  }
}

/** JSON has no word for numbers that are none, and none for times. */
function plain(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
  if (value instanceof Date) return { time: value.getTime() };
  if (value instanceof Uint32Array) return [...value];
  if (ArrayBuffer.isView(value)) return null;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const { text, name } = value as { text?: unknown; name?: unknown };
    if (text !== undefined) return { text };
    return name !== undefined ? { name } : null;
  }
  return value ?? null;
}

/** What an OPC UA server and its outages say of each tag, as samples in frames. */
import { emptyFrame, type Frame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { isBad, overflowed, Quality } from '@lineside/shared/contracts/quality.ts';
import type { DataValue } from 'node-opcua-client';
import type { DriverContext, DriverTag } from '../driver.ts';
import { addressText } from './address.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import { convert } from './convert.ts';

interface TagState {
  readonly tag: DriverTag<OpcUaTag>;
  /** Its last sample was a Bad one of the driver's own. */
  bad: boolean;
  /** Time of the last Bad sample of the driver's own, milliseconds since 1970; 0 when there was none. */
  outageAt: number;
  /** Time of its last sample in a frame. */
  lastAt: number;
  /** Its last sample from the server, as the server had it. */
  sourceAt: number;
  value: Value;
  quality: number;
  /** The next sample is the server's present value, however old: the first of a subscription, or read. */
  present: boolean;
  refused: boolean;
  /** It has been said already that the type does not fit. */
  warned: boolean;
}

/** A tag that the server does not give. */
export interface Refusal {
  tag: string;
  node: string;
  status: string;
}

/** Milliseconds since 1970 UTC; some servers leave a time unset, which is the year 1601. */
function timeOf(date: Date | null | undefined): number | null {
  const time = date?.getTime() ?? 0;
  return time > 0 ? time : null;
}

export class TagSamples {
  readonly #device: string;
  readonly #tags: TagState[];
  readonly #context: DriverContext;
  readonly #timestamps: OpcUaDevice['timestamps'];
  /** Samples of this turn of the event loop. */
  #frame: Frame | null = null;
  /** The same of the past. */
  #past: Frame | null = null;
  #stopped = false;
  #lastGoodAt: number | null = null;
  #missed = 0;

  constructor(
    device: string,
    tags: DriverTag<OpcUaTag>[],
    context: DriverContext,
    timestamps: OpcUaDevice['timestamps'],
  ) {
    this.#timestamps = timestamps;
    this.#device = device;
    this.#context = context;
    this.#tags = tags.map((tag) => ({
      tag,
      bad: false,
      outageAt: 0,
      lastAt: 0,
      sourceAt: 0,
      value: null,
      quality: Quality.Good,
      present: true,
      refused: false,
      warned: false,
    }));
  }

  /** When a Good sample came last, milliseconds since 1970 UTC. */
  get lastGoodAt(): number | null {
    return this.#lastGoodAt;
  }

  /** How often the server had to throw samples away. */
  get missed(): number {
    return this.#missed;
  }

  /** No frame comes after this. */
  stop(): void {
    this.#stopped = true;
    this.#frame = null;
    this.#past = null;
  }

  /** The next sample of each tag is the server's present value. */
  expectPresent(): void {
    for (const state of this.#tags) state.present = true;
  }

  /** One Bad sample, at once, for each tag that does not have one already. */
  outage(quality: number): void {
    this.#flush();
    const frame = emptyFrame(this.#device, this.#context.now());
    for (const state of this.#tags) {
      if (state.bad) continue;
      state.bad = true;
      state.outageAt = frame.receivedAt;
      pushSample(frame, state.tag.id, frame.receivedAt, null, quality);
    }
    if (frame.tags.length > 0 && !this.#stopped) this.#context.onFrame(frame);
  }

  /**
   * A value of the server.
   *
   * After an outage a server tells its present values once more, and those that have not changed carry a time
   * before the outage. Such a value is no new sample; but that it holds now is news, and gets the time of now. Else
   * the last sample of the tag, by time, would stay the Bad one of the outage.
   *
   * @returns its source time, milliseconds since 1970 UTC; null when the server gives none
   */
  take(index: number, data: DataValue): number | null {
    const state = this.#tags[index]!;
    const now = this.#context.now();
    const { value, quality, mismatch } = convert(data, state.tag.settings.type);
    if (mismatch !== null) this.#warnMismatch(state, mismatch);
    if (overflowed(quality)) this.#missed++;
    const time = this.time(data);
    const at = time ?? now;
    // A Bad without a time of the source's own is the same one for as long as it lasts, however often it is read.
    const lasting = isBad(quality) && timeOf(data.sourceTimestamp) === null;
    const repeated =
      value === state.value &&
      quality === state.quality &&
      state.sourceAt !== 0 &&
      (lasting || at === state.sourceAt);
    if (!repeated) {
      state.sourceAt = at;
      state.value = value;
      state.quality = quality;
      this.#pushFor(state, at);
    }
    if ((repeated || state.present) && state.lastAt <= state.outageAt) this.#pushFor(state, now);
    state.present = false;
    state.bad = false;
    state.refused = false;
    if (quality === Quality.Good) this.#lastGoodAt = now;
    return lasting ? null : time;
  }

  /** A value out of the server's history: no news of the present. */
  takePast(index: number, data: DataValue): void {
    const { tag } = this.#tags[index]!;
    const { value, quality } = convert(data, tag.settings.type);
    if (!this.#past) {
      this.#past = { ...emptyFrame(this.#device, this.#context.now()), historical: true };
      queueMicrotask(() => {
        const frame = this.#past;
        this.#past = null;
        if (frame && !this.#stopped) this.#context.onFrame(frame);
      });
    }
    pushSample(this.#past, tag.id, this.time(data)!, value, quality);
  }

  /** Whether the last word on the tag is the driver's own, that there is none. */
  awaited(index: number): boolean {
    return this.#tags[index]!.bad;
  }

  /** Whether this is newer than what the server has sent last of the tag. */
  newer(index: number, data: DataValue): boolean {
    return (this.time(data) ?? 0) > this.#tags[index]!.sourceAt;
  }

  /** Source time, milliseconds since 1970 UTC; null when the server gives none. */
  time({ sourceTimestamp, serverTimestamp }: DataValue): number | null {
    const source = timeOf(sourceTimestamp);
    const server = timeOf(serverTimestamp);
    return this.#timestamps === 'server' ? (server ?? source) : (source ?? server);
  }

  #pushFor(state: TagState, at: number): void {
    state.lastAt = at;
    this.#push(state.tag.id, at, state.value, state.quality);
  }

  /** Collects the samples of one turn of the event loop, which are those of one publish response, in one frame. */
  #push(tag: number, at: number, value: Value, quality: number): void {
    if (!this.#frame) {
      this.#frame = emptyFrame(this.#device, this.#context.now());
      queueMicrotask(() => this.#flush());
    }
    pushSample(this.#frame, tag, at, value, quality);
  }

  #flush(): void {
    const frame = this.#frame;
    this.#frame = null;
    if (frame && !this.#stopped) this.#context.onFrame(frame);
  }

  /**
   * The server does not give this tag: Bad, once, until it does.
   *
   * @returns null when that has been said already
   */
  refuse(index: number, quality: number, status: string): Refusal | null {
    const state = this.#tags[index]!;
    if (state.refused) return null;
    state.refused = true;
    const now = this.#context.now();
    state.bad = true;
    state.outageAt = now;
    this.#push(state.tag.id, now, null, quality);
    return { ...this.naming(index), status };
  }

  /** A tag and its address, as in the configuration. */
  naming(index: number): { tag: string; node: string } {
    const { name, settings } = this.#tags[index]!.tag;
    return { tag: name, node: addressText(settings) };
  }

  #warnMismatch(state: TagState, served: string): void {
    if (state.warned) return;
    state.warned = true;
    const { name, settings } = state.tag;
    const node = addressText(settings);
    this.#context.log.warn(
      { device: this.#device, tag: name, node },
      `device "${this.#device}", tag "${name}" (${node}): the server gives ${served}, the configuration says ${settings.type}; correct type`,
    );
  }
}

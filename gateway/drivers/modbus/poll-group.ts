/**
 * The tags of one device that are read together: planned once, then one frame a poll.
 *
 * A block that the device refuses is taken apart: its tags are read one by one, those that are refused alone are
 * kept out of the blocks from then on, and the others go on together.
 */
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { isBitTable, READ_CODE } from './address.ts';
import type { Job } from './connection.ts';
import { bitReader, qualityOf, type Reader } from './decode.ts';
import type { DeviceTag } from './device-tag.ts';
import { type Failure, refusal, scopeOf, unitUnreachable } from './failure.ts';
import { type PlanLimits, type PlannedBlock, plan } from './plan.ts';
import { type Request, readRequest } from './request.ts';

/** What a group needs of its device. */
export interface GroupHost {
  readonly device: string;
  readonly unitId: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly limits: PlanLimits;
  now(): number;
  submit(job: Job): void;
  emit(frame: Frame): void;
  /** The device answered, be it with a refusal. */
  alive(good: boolean): void;
  /** The device as a whole does not answer. */
  fail(failure: Failure): void;
  /** The device is too busy to answer this read now. */
  busy(): void;
  /** A tag that the device refuses alone: it is Bad from now on, and out of the polls. */
  isolate(tag: DeviceTag, failure: Failure): void;
}

/** One request of a poll, with what it takes to decode its answer. */
class Block implements Job {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly tags: DeviceTag[];
  /** Position of the first tag in the frame; the others follow. */
  readonly start: number;
  /** Some of the tags are Bad since a failure of the device. */
  stale: boolean;
  readonly readers: Reader[];
  /** Byte offsets in the answer. */
  readonly offsets: number[];
  readonly #group: PollGroup;

  constructor(group: PollGroup, host: GroupHost, block: PlannedBlock<DeviceTag>, start: number) {
    const bits = isBitTable(block.table);
    this.request = readRequest(host.unitId, READ_CODE[block.table], block.offset, block.count);
    this.timeoutMs = host.timeoutMs;
    this.retries = host.retries;
    this.tags = block.items;
    this.start = start;
    this.stale = block.items.some((tag) => tag.bad);
    this.readers = block.items.map((tag) => (bits ? bitReader(tag.offset - block.offset) : tag.read));
    this.offsets = block.items.map((tag) =>
      bits ? (tag.offset - block.offset) >> 3 : 2 * (tag.offset - block.offset),
    );
    this.#group = group;
  }

  answered(view: DataView, at: number): void {
    this.#group.answered(this, view, at);
  }

  refused(exception: number): void {
    this.#group.refused(this, exception);
  }

  failed(failure: Failure): void {
    this.#group.failed(failure);
  }
}

/** One tag of a refused block, read alone. */
class Probe extends Block {
  readonly whole: Whole;

  constructor(group: PollGroup, host: GroupHost, tag: DeviceTag, start: number, whole: Whole) {
    super(group, host, { table: tag.table, offset: tag.offset, count: tag.width, items: [tag] }, start);
    this.whole = whole;
  }
}

interface Whole {
  tags: DeviceTag[];
  left: number;
  guilty: number;
}

export class PollGroup {
  readonly pollMs: number;
  /** Monotonic time of the next poll, milliseconds. */
  dueAt = 0;
  readonly #host: GroupHost;
  readonly #tags: DeviceTag[];
  #blocks: Block[] = [];
  /** Ids in the order of the blocks, shared by all frames until the next planning. */
  #ids: number[] = [];
  #allGood: number[] = [];
  #planned = false;
  /** Requests of this poll without an outcome. */
  #outstanding = 0;
  #filled = 0;
  #values: Value[] = [];
  #sourceAt: number[] = [];
  #quality: number[] | null = null;

  constructor(host: GroupHost, pollMs: number, tags: DeviceTag[]) {
    this.#host = host;
    this.pollMs = pollMs;
    this.#tags = tags;
  }

  /** The poll before has not come to its end. */
  get busy(): boolean {
    return this.#outstanding > 0;
  }

  /** The set of tags that can be read has changed. */
  replan(): void {
    this.#planned = false;
  }

  /** Asks for all blocks. */
  poll(): void {
    if (!this.#planned) this.#plan();
    if (this.#blocks.length === 0) return;
    const count = this.#ids.length;
    this.#values = new Array(count);
    this.#sourceAt = new Array(count);
    this.#quality = null;
    this.#filled = 0;
    this.#outstanding = this.#blocks.length;
    for (const block of this.#blocks) this.#host.submit(block);
  }

  /** The device failed: what has come of this poll goes out, the rest does not come. */
  abandon(): void {
    this.#outstanding = 0;
    this.#emit();
  }

  /** Adds to a frame one sample for each tag that is not Bad yet. */
  appendBad(frame: Frame, quality: number): void {
    for (const tag of this.#tags) {
      if (tag.bad) continue;
      tag.bad = true;
      frame.tags.push(tag.id);
      frame.sourceAt.push(frame.receivedAt);
      frame.values.push(null);
      frame.quality.push(quality);
    }
    for (const block of this.#blocks) block.stale = true;
  }

  answered(block: Block, view: DataView, at: number): void {
    const now = this.#host.now();
    const { readers, offsets, start } = block;
    const values = this.#values;
    const sourceAt = this.#sourceAt;
    for (let i = 0; i < readers.length; i++) {
      const value = readers[i]!(view, at + offsets[i]!);
      const slot = start + i;
      sourceAt[slot] = now;
      if (typeof value === 'number' ? value - value === 0 : value !== null) values[slot] = value;
      else this.#unusable(slot, value);
    }
    this.#filled += readers.length;
    if (block.stale) {
      block.stale = false;
      for (const tag of block.tags) tag.bad = false;
    }
    this.#host.alive(true);
    this.#settle(block, false);
  }

  refused(block: Block, exception: number): void {
    const scope = scopeOf(exception);
    if (scope === 'device') {
      this.#host.fail(unitUnreachable(block.request.unit, exception));
      return;
    }
    if (scope === 'moment') {
      this.#host.busy();
      this.#settle(block, false);
      return;
    }
    this.#host.alive(false);
    if (block.tags.length === 1) {
      this.#host.isolate(block.tags[0]!, refusal(exception));
      this.replan();
      this.#settle(block, true);
      return;
    }
    const whole: Whole = { tags: block.tags, left: block.tags.length, guilty: 0 };
    this.#outstanding += block.tags.length;
    block.tags.forEach((tag, i) => {
      this.#host.submit(new Probe(this, this.#host, tag, block.start + i, whole));
    });
    this.#settle(block, false);
  }

  failed(failure: Failure): void {
    this.#host.fail(failure);
  }

  #plan(): void {
    this.#planned = true;
    const readable = this.#tags.filter((tag) => !tag.isolated);
    let start = 0;
    this.#blocks = plan(readable, this.#host.limits).map((block) => {
      const made = new Block(this, this.#host, block, start);
      start += block.items.length;
      return made;
    });
    this.#ids = this.#blocks.flatMap((block) => block.tags.map((tag) => tag.id));
    this.#allGood = new Array<number>(this.#ids.length).fill(Quality.Good);
  }

  #unusable(slot: number, value: ReturnType<Reader>): void {
    this.#quality ??= this.#allGood.slice();
    this.#values[slot] = null;
    this.#quality[slot] = qualityOf(value);
  }

  #settle(block: Block, guilty: boolean): void {
    if (block instanceof Probe) this.#settleProbe(block.whole, guilty);
    // The device may have failed, and this poll with it, in one of the calls before.
    if (this.#outstanding === 0) return;
    if (--this.#outstanding === 0) this.#emit();
  }

  /**
   * When each tag of a refused block can be read alone, their company is the cause: first the registers between
   * them that nobody asked for, then the length of the block.
   */
  #settleProbe(whole: Whole, guilty: boolean): void {
    if (guilty) whole.guilty++;
    if (--whole.left > 0 || whole.guilty > 0) return;
    for (const tag of whole.tags) tag.merge = tag.merge === 'gap' ? 'adjacent' : 'alone';
    this.replan();
  }

  #emit(): void {
    if (this.#filled === 0) return;
    const receivedAt = this.#host.now();
    const quality = this.#quality ?? this.#allGood;
    const frame: Frame =
      this.#filled === this.#ids.length
        ? {
            device: this.#host.device,
            receivedAt,
            tags: this.#ids,
            sourceAt: this.#sourceAt,
            values: this.#values,
            quality,
          }
        : this.#partial(receivedAt, quality);
    this.#filled = 0;
    this.#host.emit(frame);
  }

  /** Only the tags that this poll has brought. */
  #partial(receivedAt: number, quality: number[]): Frame {
    const frame: Frame = { device: this.#host.device, receivedAt, tags: [], sourceAt: [], values: [], quality: [] };
    for (let i = 0; i < this.#ids.length; i++) {
      const at = this.#sourceAt[i];
      if (at === undefined) continue;
      frame.tags.push(this.#ids[i]!);
      frame.sourceAt.push(at);
      frame.values.push(this.#values[i]!);
      frame.quality.push(quality[i]!);
    }
    return frame;
  }
}

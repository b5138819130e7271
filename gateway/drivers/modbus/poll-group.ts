/**
 * The tags of one device that are read together: planned once, then one frame a poll.
 *
 * A block that the device refuses is halved until the guilty tag is found: among n tags that takes 2 log2(n)
 * requests. It is kept out of the blocks from then on, and the others go on together. When both halves of a refused
 * block can be read, what joined them is the cause: the hole between them, or else the length.
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

/**
 * Requests of one poll that wait for their turn at once. The next one follows when one has its outcome: so the line is
 * never idle, and a poll of another period need not wait until all of a long one are through.
 */
const AHEAD = 2;

/** What a group needs of its device. */
export interface GroupHost {
  readonly device: string;
  readonly unitId: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly limits: PlanLimits;
  /** Wall clock, milliseconds. */
  now(): number;
  /** Monotonic clock, milliseconds. */
  monotonic(): number;
  submit(job: Job): void;
  emit(frame: Frame): void;
  /** The device answered, be it with a refusal. */
  alive(good: boolean): void;
  /** The device as a whole does not answer. */
  fail(failure: Failure): void;
  /** The device is too busy to answer this read now. */
  busy(): void;
  /** A poll has come to its end `cycleMs` after its begin. */
  ended(pollMs: number, cycleMs: number, requests: number): void;
  /** The device refuses this length and takes the half of it; in units of `limits.maxBlock`. */
  shorten(maxBlock: number): void;
  /** A tag that the device refuses alone: it is Bad from now on, and out of the polls. */
  isolate(tag: DeviceTag, failure: Failure): void;
}

/** One request of a poll, with what it takes to decode its answer. */
class Block implements Job {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Registers or bits. */
  readonly count: number;
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
    this.count = block.count;
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

/** A refused block and what becomes of its halves. */
interface Split {
  exception: number;
  left: Half | null;
  right: Half | null;
  /** Halves without an outcome. */
  open: number;
  /** Both were read so far. */
  innocent: boolean;
}

class Half extends Block {
  readonly split: Split;

  constructor(group: PollGroup, host: GroupHost, items: DeviceTag[], start: number, split: Split) {
    const { table, offset } = items[0]!;
    const end = Math.max(...items.map((tag) => tag.offset + tag.width));
    super(group, host, { table, offset, count: end - offset, items }, start);
    this.split = split;
  }
}

/** Where to halve: tags that begin at one address stay together. 0 when there is nothing to divide. */
function middleOf(tags: DeviceTag[]): number {
  const half = tags.length >> 1;
  for (let step = 0; step <= half; step++) {
    for (const at of [half + step, half - step]) {
      if (at > 0 && at < tags.length && tags[at - 1]!.offset < tags[at]!.offset) return at;
    }
  }
  return 0;
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
  /** Position of the block that is asked for next. */
  #next = 0;
  /** Monotonic time, milliseconds. */
  #startedAt = 0;
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
    this.#startedAt = this.#host.monotonic();
    this.#next = 0;
    for (let i = 0; i < AHEAD; i++) this.#submitNext();
  }

  #submitNext(): void {
    const block = this.#blocks[this.#next];
    if (!block) return;
    this.#next++;
    this.#host.submit(block);
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
      this.#settle(block, true);
      return;
    }
    this.#host.alive(false);
    const middle = exception === 1 ? 0 : middleOf(block.tags);
    if (middle === 0) {
      for (const tag of block.tags) this.#host.isolate(tag, refusal(exception));
      this.replan();
    } else {
      const split: Split = { exception, left: null, right: null, open: 2, innocent: true };
      split.left = new Half(this, this.#host, block.tags.slice(0, middle), block.start, split);
      split.right = new Half(this, this.#host, block.tags.slice(middle), block.start + middle, split);
      this.#outstanding += 2;
      this.#host.submit(split.left);
      this.#host.submit(split.right);
    }
    this.#settle(block, true);
  }

  failed(failure: Failure): void {
    this.#host.fail(failure);
  }

  #plan(): void {
    this.#planned = true;
    const readable = this.#tags.filter((tag) => !tag.isolated);
    // What the device refuses is not read along either.
    const refused = this.#tags
      .filter((tag) => tag.isolated)
      .map(({ table, offset, width }) => ({ table, first: offset, last: offset + width - 1 }));
    const { limits } = this.#host;
    const bounds = refused.length > 0 ? { ...limits, forbidden: [...(limits.forbidden ?? []), ...refused] } : limits;
    let start = 0;
    this.#blocks = plan(readable, bounds).map((block) => {
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

  #settle(block: Block, refused: boolean): void {
    if (block instanceof Half) this.#settleHalf(block.split, refused);
    // The device may have failed, and this poll with it, in one of the calls before.
    if (this.#outstanding === 0) return;
    this.#submitNext();
    if (--this.#outstanding > 0) return;
    this.#emit();
    this.#host.ended(this.pollMs, this.#host.monotonic() - this.#startedAt, this.#blocks.length);
  }

  #settleHalf(split: Split, refused: boolean): void {
    if (refused) split.innocent = false;
    if (--split.open > 0 || !split.innocent) return;
    const left = split.left!;
    const right = split.right!;
    const end = Math.max(...left.tags.map((tag) => tag.offset + tag.width));
    const first = right.tags[0]!;
    if (first.offset <= end && split.exception !== 2) {
      const unit = isBitTable(first.table) ? 16 : 1;
      this.#host.shorten(Math.ceil(Math.max(left.count, right.count) / unit));
    } else {
      for (const tag of right.tags) {
        if (tag.offset === first.offset) tag.merge = first.offset > end && tag.merge === 'gap' ? 'adjacent' : 'alone';
      }
    }
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

/**
 * The records of gateways that collect for ever, made in advance: only the times are put into the bytes before these are
 * compressed, as often as a gateway would. Gateways that are in step share what was compressed.
 */
import type { TagInfo, Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import type { SampleColumns } from '../../hub/store/timeseries/time-series.ts';

/** So many different records follow each other, and then come again with other times. */
const VARIANTS = 32;
/** Compressed records that are kept for gateways in step. */
const KEPT = 512;
/** Its varint has six bytes, as those of all times from 2005 to 2039. */
const PLACE_HOLDER_MS = 1_234_567_890_123;
const DEVICE = 'machine';

/** Of a hundred tags, as a machine of the demo has them: slow temperatures, noisy forces, counters, states, bits. */
const KINDS: [share: number, type: ValueType, next: (last: number, random: number) => number][] = [
  [40, 'float32', (last, random) => round(last + (random < 0.3 ? random - 0.15 : 0), 10)],
  [24, 'float32', (_, random) => round(100 + 20 * random, 100)],
  [16, 'integer', (last, random) => last + (random < 0.05 ? 1 : 0)],
  [12, 'integer', (last, random) => (random < 0.01 ? Math.floor(random * 1_000) : last)],
  [8, 'boolean', (last, random) => (random < 0.02 ? 1 - last : last)],
];

interface Variant {
  /** Encoded, not compressed. */
  batch: Buffer;
  timeAt: number;
}

export class LoadRecords {
  /** A gateway's, by its own numbers from 1. */
  readonly tags: TagInfo[];
  readonly periodMs: number;
  /** Polls of all tags in one record. */
  readonly polls: number;
  readonly #variants: Variant[] = [];
  /** The same with the meaning of the tags before them. */
  readonly #first: Variant[] = [];
  readonly #compressed = new Map<string, Buffer>();
  #seed = 1;

  /**
   * @param hz polls of every tag a second
   * @param commitMs a gateway closes a record so long after its first frame (its buffer's setting). Milliseconds
   */
  constructor(tags: number, hz: number, commitMs = 200) {
    this.periodMs = Math.max(1, Math.round(1_000 / hz));
    this.polls = Math.max(1, Math.round(commitMs / this.periodMs));
    const kinds = Array.from({ length: tags }, (_, i) => kindOf(i % 100));
    this.tags = kinds.map(([, type], i) => ({
      id: i + 1,
      device: DEVICE,
      name: `t${String(i + 1).padStart(3, '0')}`,
      type,
      unit: '',
      description: '',
    }));
    const last: number[] = kinds.map(([, type]) => (type === 'float32' ? 40 : 0));
    for (let variant = 0; variant < VARIANTS; variant++) {
      const rows = Array.from({ length: this.polls }, () =>
        kinds.map(([, type, next], i): Value => {
          last[i] = next(last[i]!, this.#random());
          return type === 'boolean' ? last[i] === 1 : last[i]!;
        }),
      );
      this.#variants.push(this.#encode(rows, false));
      this.#first.push(this.#encode(rows, true));
    }
  }

  get samples(): number {
    return this.tags.length * this.polls;
  }

  /** From the time of a record to that of the next one. Milliseconds. */
  get stepMs(): number {
    return this.polls * this.periodMs;
  }

  /**
   * A record's payload.
   *
   * @param at of its first poll, milliseconds since 1970 UTC
   * @param number any; those of one gateway follow each other
   */
  payload(number: number, at: number, described: boolean): Buffer {
    const key = `${number % VARIANTS} ${at} ${described}`;
    let compressed = this.#compressed.get(key);
    if (!compressed) {
      compressed = compressBatch(this.#batch(number, at, described));
      this.#compressed.set(key, compressed);
      if (this.#compressed.size > KEPT) this.#compressed.delete(this.#compressed.keys().next().value!);
    }
    return compressed;
  }

  /** The samples of the same record, for a store. @param firstTag the store's id of the gateway's first tag */
  columns(number: number, at: number, firstTag: number): SampleColumns {
    const { tags, sourceAt, values, quality } = readBatch(this.#batch(number, at, false));
    return { tags: tags.map((tag) => tag - 1 + firstTag), at: sourceAt, values, quality };
  }

  #batch(number: number, at: number, described: boolean): Buffer {
    const { batch, timeAt } = (described ? this.#first : this.#variants)[number % VARIANTS]!;
    writeTime(batch, timeAt, at);
    return batch;
  }

  #encode(rows: Value[][], described: boolean): Variant {
    const writer = new BatchWriter(new Map(this.tags.map(({ id, type }) => [id, type])));
    if (described) writer.addTags(this.tags);
    for (const [poll, values] of rows.entries()) {
      const receivedAt = PLACE_HOLDER_MS + poll * this.periodMs;
      writer.addFrame({
        device: DEVICE,
        receivedAt,
        tags: this.tags.map(({ id }) => id),
        sourceAt: values.map(() => receivedAt),
        values,
        quality: values.map(() => 0),
      });
    }
    const batch = writer.finish();
    const wanted = Buffer.alloc(6);
    writeTime(wanted, 0, PLACE_HOLDER_MS);
    const timeAt = batch.indexOf(wanted);
    if (timeAt < 0 || batch.indexOf(wanted, timeAt + 1) >= 0) throw new Error('the time is not found in the record');
    return { batch, timeAt };
  }

  /** Of Park and Miller, so that each run has the same data. */
  #random(): number {
    this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
    return this.#seed / 0x7fff_ffff;
  }
}

/** As a zigzag varint of six bytes. */
function writeTime(bytes: Buffer, at: number, ms: number): void {
  let rest = ms * 2;
  for (let i = 0; i < 6; i++) {
    bytes[at + i] = (rest % 128) | (i < 5 ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
}

function kindOf(place: number) {
  let before = 0;
  for (const kind of KINDS) {
    before += kind[0];
    if (place < before) return kind;
  }
  return KINDS[0]!;
}

function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}

/**
 * Data of programs that are no gateways of ours. It is made into records of a sequence that is born here, so that it
 * goes the same way as everything else: committed once, and sent again by this class until it is. Nobody behind it
 * keeps anything, so what finds no room here is lost; it is counted, and the loss is a record itself.
 */
import { randomBytes } from 'node:crypto';
import type { DropEvent } from '@lineside/shared/contracts/event.ts';
import {
  emptyFrame,
  LINK_HEARTBEAT_MS,
  LINK_TAG,
  pushSample,
  type Value,
  type ValueType,
} from '@lineside/shared/contracts/frame.ts';
import type { Committed } from '@lineside/shared/contracts/link.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch, writeEnvelope } from '@lineside/shared/wire/envelope.ts';

export interface ForeignSample {
  tag: string;
  /** Of its first sample; what comes later in another type is kept all the same. */
  type: ValueType;
  unit?: string;
  description?: string;
  /** Source time, milliseconds since 1970 UTC. */
  at: number;
  value: Value;
  /** OPC UA StatusCode. */
  quality: number;
}

export interface ForeignSourceOptions {
  /** Stands where otherwise the gateway's id stands; has a character that no such id has. */
  name: string;
  /** Takes a record as from a gateway. */
  take(name: string, envelope: Buffer): Promise<void>;
  log: Logger;
  now(): number;
}

/** A record is made at most so long after its first sample. Milliseconds. */
const RECORD_MS = 250;
const MAX_RECORD_BYTES = 512 * 1024;
/** Records that the hub has not committed; with more, what comes is lost. */
const MAX_UNCOMMITTED = 256;
const MAX_UNCOMMITTED_BYTES = 32 * 1024 * 1024;
/** With nothing committed for so long, all is sent again. Milliseconds. */
const SILENCE_MS = 10_000;
/** Tags of one source; a publisher that makes up names must not fill the catalogue. */
const MAX_TAGS = 100_000;

export class ForeignSource {
  readonly name: string;
  readonly #options: ForeignSourceOptions;
  readonly #epoch = randomBytes(16).toString('hex');
  readonly #types = new Map<number, ValueType>();
  readonly #tags = new Map<string, number>();
  /** Whether each device is there, for its link tag. */
  readonly #links = new Map<string, boolean>();
  readonly #writer: BatchWriter;
  #uncommitted: { seq: number; envelope: Buffer }[] = [];
  #uncommittedBytes = 0;
  #seq = 0;
  #drop: DropEvent | undefined;
  #progressAt = 0;
  #sending: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Samples lost since the start, because the hub could not commit for long. */
  dropped = 0;

  constructor(options: ForeignSourceOptions) {
    this.#options = options;
    this.name = options.name;
    this.#writer = new BatchWriter(this.#types);
  }

  start(): void {
    this.#heartbeat = setInterval(() => this.#beat(), LINK_HEARTBEAT_MS);
  }

  /** Hands over what has come. Its devices are unknown from now on. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const device of this.#links.keys()) this.#link(device, false);
    this.#close();
    await this.#sending;
  }

  /**
   * Takes samples of one device that came together.
   *
   * @throws LinesideError TOO_MANY_TAGS; then nothing of it is taken
   */
  add(device: string, samples: readonly ForeignSample[], historical = false): void {
    if (samples.length === 0) return;
    if (!this.#hasRoom()) {
      this.#lose(samples.length);
      return;
    }
    const frame = emptyFrame(device, this.#options.now());
    const ids = samples.map((sample) => this.#tagOf(device, sample));
    samples.forEach(({ at, value, quality }, i) => void pushSample(frame, ids[i]!, at, value, quality));
    if (historical) frame.historical = true;
    this.#writer.addFrame(frame);
    if (this.#writer.bytes > MAX_RECORD_BYTES) this.#close();
    else this.#timer ??= setTimeout(() => this.#close(), RECORD_MS);
  }

  /** Whether a device is there: said now, and again every few seconds, as a gateway does. */
  setLink(device: string, up: boolean): void {
    if (this.#links.get(device) === up) return;
    this.#links.set(device, up);
    this.#link(device, up);
  }

  /** The hub has committed, or asks again. */
  answered({ epoch, seq, resend }: Committed): void {
    if (epoch !== this.#epoch) return;
    while (this.#uncommitted.length > 0 && this.#uncommitted[0]!.seq <= seq) {
      this.#uncommittedBytes -= this.#uncommitted.shift()!.envelope.length;
      this.#progressAt = performance.now();
    }
    if (resend) this.#again();
  }

  #beat(): void {
    for (const [device, up] of this.#links) this.#link(device, up);
    if (this.#uncommitted.length > 0 && performance.now() - this.#progressAt > SILENCE_MS) this.#again();
  }

  #link(device: string, up: boolean): void {
    const at = this.#options.now();
    this.add(device, [{ tag: LINK_TAG, type: 'integer', at, value: up ? 1 : 0, quality: 0 }]);
  }

  #tagOf(device: string, { tag, type, unit = '', description = '' }: ForeignSample): number {
    const key = `${device}\n${tag}`;
    const known = this.#tags.get(key);
    if (known !== undefined) return known;
    if (this.#tags.size >= MAX_TAGS) {
      const words = `${this.name} has ${MAX_TAGS} tags already, and "${device}/${tag}" is one more; do its topics carry serial numbers?`;
      throw new LinesideError('TOO_MANY_TAGS', 'peer', words);
    }
    const id = this.#tags.size + 1;
    this.#tags.set(key, id);
    this.#types.set(id, type);
    this.#writer.addTags([{ id, device, name: tag, type, unit, description }]);
    return id;
  }

  #hasRoom(): boolean {
    return this.#uncommitted.length < MAX_UNCOMMITTED && this.#uncommittedBytes < MAX_UNCOMMITTED_BYTES;
  }

  #lose(samples: number): void {
    this.dropped += samples;
    const at = this.#options.now();
    const { log } = this.#options;
    if (!this.#drop) log.error({ source: this.name }, 'the hub does not commit; what others send now is lost');
    this.#drop ??= {
      ...{ kind: 'drop', at, reason: 'hubBehind', samples: 0, fromSeq: null, toSeq: null },
      ...{ fromAt: at, toAt: at },
    };
    this.#drop.samples += samples;
    this.#drop.toAt = at;
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#drop) {
      this.#writer.addEvent(this.#drop);
      this.#drop = undefined;
    }
    if (this.#writer.empty) return;
    const seq = ++this.#seq;
    const batch = compressBatch(this.#writer.finish());
    const envelope = Buffer.from(writeEnvelope({ epoch: this.#epoch, seq, prev: seq - 1, batch }));
    if (this.#uncommitted.length === 0) this.#progressAt = performance.now();
    this.#uncommitted.push({ seq, envelope });
    this.#uncommittedBytes += envelope.length;
    this.#send(envelope);
  }

  #again(): void {
    this.#progressAt = performance.now();
    for (const { envelope } of this.#uncommitted) this.#send(envelope);
  }

  /** One after the other, so that they arrive in order. */
  #send(envelope: Buffer): void {
    this.#sending = this.#sending.then(() => this.#options.take(this.name, envelope)).catch(() => undefined);
  }
}

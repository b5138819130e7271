/**
 * Keeps over a restart how far the tags have come whose devices have a history to ask: what the driver then asks for
 * begins behind the last value that is durable, and nothing comes twice.
 *
 * A note of it is written now and then, and at a stop. After a crash the note is behind what the buffer has, so the
 * buffer's records since then are read once more; as one of the buffer's readers it keeps them there that long.
 */
import { readFile } from 'node:fs/promises';
import { isBad, overflowed } from '@lineside/shared/contracts/quality.ts';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import type { GatewayBuffer } from './buffer/buffer.ts';
import { cameAt, readAt, type TagPast } from './drivers/tag-past.ts';

/** Name as one of the buffer's readers. */
export const PASTS_READER = 'history';

/** How often a note is written, when something has changed; of tags that are new, at the next look. Milliseconds. */
const NOTE_MS = 30_000;
const LOOK_MS = 1_000;

interface Note {
  epoch: string;
  /** Newest record of the buffer that the note knows of for sure. */
  seq: number;
  /** Tag, its newest source time, and begin and end of each gap. Times in milliseconds since 1970 UTC. */
  tags: number[][];
}

export interface TagPastsOptions {
  path: string;
  buffer: GatewayBuffer;
  log: Logger;
}

export class TagPasts {
  readonly #options: TagPastsOptions;
  /** By tag. Drivers put in what is to be kept, and change it. */
  readonly map = new Map<number, TagPast>();
  #timer: NodeJS.Timeout | undefined;
  #written = '';
  #saving: Promise<void> | undefined;

  constructor(options: TagPastsOptions) {
    this.#options = options;
  }

  /** After the buffer was opened, and before any driver starts. Never rejects: what is lost is only not asked for. */
  async start(): Promise<void> {
    const { path, buffer, log } = this.#options;
    try {
      const note = JSON.parse(await readFile(path, 'utf8')) as Note;
      if (note.epoch === buffer.epoch) {
        for (const [tag, at, ...ends] of note.tags) this.map.set(tag!, { at: at!, gaps: gapsOf(ends) });
        await this.#catchUp(note.seq + 1);
        // The records from here on are those of another run, which begins with a gap.
        await this.save();
      }
    } catch (error) {
      this.map.clear();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        log.warn({ path, error: messageOf(error) }, 'cannot tell what came before the restart: it is not read back');
      }
    }
    let [known, notedAt] = [this.map.size, performance.now()];
    this.#timer = setInterval(() => {
      if (this.map.size === known && performance.now() - notedAt < NOTE_MS) return;
      [known, notedAt] = [this.map.size, performance.now()];
      void this.save();
    }, LOOK_MS);
  }

  /** After the drivers, and before the buffer is closed. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
    await this.save();
  }

  /** Never rejects: the note before stays, and so do the records since. */
  save(): Promise<void> {
    this.#saving ??= this.#save()
      .catch((error: unknown) => {
        this.#options.log.warn({ error: messageOf(error) }, 'could not note how far the tags have come');
      })
      .finally(() => {
        this.#saving = undefined;
      });
    return this.#saving;
  }

  async #save(): Promise<void> {
    const { path, buffer } = this.#options;
    // What a driver has counted in this turn reaches the buffer at its end.
    await new Promise((resolve) => setImmediate(resolve));
    const { epoch, newestSeq: seq } = buffer;
    const tags = [...this.map].map(([tag, { at, gaps }]) => [tag, at, ...gaps.flatMap(({ from, to }) => [from, to])]);
    const content = JSON.stringify({ epoch, tags });
    if (content !== this.#written && (tags.length > 0 || this.#written !== '')) {
      // Nothing may be noted as having come that a crash would still lose.
      await buffer.flush();
      await writeDurably(path, JSON.stringify({ epoch, seq, tags } satisfies Note));
      this.#written = content;
    }
    if (buffer.epoch === epoch) buffer.reader(PASTS_READER).advance(seq);
  }

  async #catchUp(from: number): Promise<void> {
    const { buffer } = this.#options;
    // Between the note and the first value after it there may have been the end of a run.
    const lost = new Set(this.map.keys());
    for (let record = await buffer.read(from); record; record = await buffer.read(record.seq + 1)) {
      const batch = readBatch(decompressBatch(record.payload));
      for (const frame of batch.frames) {
        for (let i = frame.from; i < frame.to; i++) this.#follow(batch, i, frame, lost);
      }
    }
  }

  /** What the driver did when it gave this sample. `lost`: tags that the driver knew nothing of then. */
  #follow(batch: Batch, i: number, { receivedAt, historical }: Batch['frames'][number], lost: Set<number>): void {
    const tag = batch.tags[i]!;
    const past = this.map.get(tag);
    if (!past) return;
    const at = batch.sourceAt[i]!;
    const quality = batch.quality[i]!;
    if (historical) readAt(past, at);
    // The driver's own word at an outage is none of the device's.
    else if (batch.values.at(i) === null && isBad(quality) && at === receivedAt) lost.add(tag);
    else cameAt(past, at, lost.delete(tag) || overflowed(quality), Number.POSITIVE_INFINITY);
  }
}

function gapsOf(ends: number[]): TagPast['gaps'] {
  const gaps: TagPast['gaps'] = [];
  for (let i = 0; i + 1 < ends.length; i += 2) gaps.push({ from: ends[i]!, to: ends[i + 1]! });
  return gaps;
}

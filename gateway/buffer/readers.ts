/**
 * Who reads the buffer besides the hub's link. Each reader has a cursor of its own and keeps records on the disk
 * until it is done with them; only the byte limit goes before that, and then the reader's loss is counted.
 *
 * A cursor is written a second after it moved and not synced: losing it costs nothing but reading again.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { CursorFile } from './cursor-file.ts';
import type { LogRecord } from './disk-log.ts';

const CURSOR_WRITE_MS = 1_000;
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** One reader's view of the buffer. */
export interface BufferReader {
  readonly name: string;
  /** The reader is done with everything up to here; 0 before its first record, and when the buffer was born anew. */
  readonly cursor: number;
  /** Samples that this process dropped before the reader was done with them. */
  readonly droppedSamples: number;
  /**
   * The first record from `seq` on, or undefined when there is none yet. Where records are gone its seq is larger,
   * and its `prev` is not the record that was read before. May give a record again after a restart.
   */
  read(seq: number): Promise<LogRecord | undefined>;
  /** Done with everything up to `seq`. A lower number than before is passed over. */
  advance(seq: number): void;
}

export interface ReaderSetOptions {
  dir: string;
  names: readonly string[];
  log: Logger;
  read(seq: number): Promise<LogRecord | undefined>;
  /** A cursor has moved: records may have become free. */
  onAdvance(): void;
}

class Reader implements BufferReader {
  readonly name: string;
  readonly #options: ReaderSetOptions;
  readonly #file: CursorFile;
  readonly #epoch: () => string;
  #timer: NodeJS.Timeout | undefined;
  cursor = 0;
  droppedSamples = 0;

  constructor(name: string, options: ReaderSetOptions, epoch: () => string) {
    this.name = name;
    this.#options = options;
    this.#epoch = epoch;
    this.#file = new CursorFile(join(options.dir, `cursor.${name}`));
  }

  async open(): Promise<void> {
    this.cursor = await this.#file.read(this.#epoch());
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#file.write(this.#epoch(), this.cursor).catch(() => undefined);
  }

  read(seq: number): Promise<LogRecord | undefined> {
    return this.#options.read(seq);
  }

  advance(seq: number): void {
    if (seq <= this.cursor) return;
    this.cursor = seq;
    this.#timer ??= setTimeout(() => this.#keep(), CURSOR_WRITE_MS);
    this.#options.onAdvance();
  }

  #keep(): void {
    this.#timer = undefined;
    this.#file.write(this.#epoch(), this.cursor).catch((error: unknown) => {
      this.#options.log.warn({ reader: this.name, error: messageOf(error) }, 'could not write the cursor file');
    });
  }
}

export class ReaderSet {
  readonly #options: ReaderSetOptions;
  readonly #readers: Reader[];
  #epoch = '';

  /** Throws when a name is none: it becomes part of a file's name. */
  constructor(options: ReaderSetOptions) {
    this.#options = options;
    this.#readers = options.names.map((name) => {
      if (!NAME.test(name)) throw new Error(`"${name}" is no name of a reader`);
      return new Reader(name, options, () => this.#epoch);
    });
  }

  /** Reads the cursors, and forgets those of readers that are no more: they hold nothing back. */
  async open(epoch: string): Promise<void> {
    this.#epoch = epoch;
    for (const reader of this.#readers) await reader.open();
    const kept = new Set(this.#readers.map(({ name }) => `cursor.${name}`));
    for (const file of await readdir(this.#options.dir)) {
      if (!file.startsWith('cursor.') || kept.has(file.replace(/\.new$/, ''))) continue;
      await rm(join(this.#options.dir, file), { force: true }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close();
  }

  /** @throws Error when the buffer was not told of such a reader when it was made. */
  get(name: string): BufferReader {
    const reader = this.#readers.find((candidate) => candidate.name === name);
    if (!reader) throw new Error(`the buffer has no reader "${name}"`);
    return reader;
  }

  all(): readonly BufferReader[] {
    return this.#readers;
  }

  /** All readers are done with everything up to here; infinite when there are none. */
  get done(): number {
    return Math.min(...this.#readers.map(({ cursor }) => cursor));
  }

  /**
   * The records from `fromSeq` to `toSeq` are about to go. `samplesUpTo` says how many samples came up to a record.
   * Returns what to call when they are gone: each reader then counts what it had not read.
   */
  async aboutToDrop(
    fromSeq: number,
    toSeq: number,
    samplesUpTo: (seq: number) => Promise<number>,
  ): Promise<() => void> {
    const behind = this.#readers.filter(({ cursor }) => cursor < toSeq);
    if (behind.length === 0) return () => undefined;
    const last = await samplesUpTo(toSeq);
    const losses: { reader: Reader; samples: number }[] = [];
    for (const reader of behind) {
      losses.push({ reader, samples: last - (await samplesUpTo(Math.max(reader.cursor, fromSeq - 1))) });
    }
    return () => {
      for (const { reader, samples } of losses) {
        if (samples <= 0 || reader.cursor >= toSeq) continue;
        reader.droppedSamples += samples;
        this.#options.log.warn(
          { reader: reader.name, samples, toSeq },
          'buffer full: samples dropped before this reader had them',
        );
      }
    };
  }
}

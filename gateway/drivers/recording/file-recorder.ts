/**
 * A recording in a file of bounded size. Entries wait in memory and are written behind the polls; what the disk does
 * not take in time is dropped and counted, never awaited.
 */
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Recorder } from '../driver.ts';
import { olderHalf, RECORDING_VERSION } from './recording.ts';

/** How often what waits is written, milliseconds. */
const FLUSH_MS = 500;

/** Most that waits for the disk, characters. */
const MAX_WAITING = 4 * 1024 * 1024;

export interface FileRecorderOptions {
  file: string;
  /** Of both halves together, bytes. */
  maxBytes: number;
  device: string;
  driver: string;
  log: Logger;
  /** Wall clock, milliseconds since 1970 UTC. */
  now(): number;
}

export class FileRecorder implements Recorder {
  readonly #options: FileRecorderOptions;
  readonly #run = randomUUID();
  #waiting: string[] = [];
  #size = 0;
  #dropped = 0;
  /** Bytes in the present file; null before it has been begun. */
  #written: number | null = null;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #trouble = '';
  #entries = 0;

  constructor(options: FileRecorderOptions) {
    this.#options = options;
  }

  /** Entries on disk so far. */
  get entries(): number {
    return this.#entries;
  }

  /** Begins to write; what an earlier run has recorded becomes the older half. */
  start(): void {
    this.#timer ??= setInterval(() => void this.flush(), FLUSH_MS);
  }

  /** Idempotent. What waits is written before it resolves. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    await this.#writing;
    await this.flush();
  }

  write(entry: Record<string, unknown>, agoMs = 0): void {
    const t = Math.round(1000 * (performance.now() - agoMs)) / 1000;
    const line = `${JSON.stringify({ t, at: Math.round(this.#options.now() - agoMs), ...entry })}\n`;
    if (this.#size + line.length > MAX_WAITING || line.length > this.#half) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#size += line.length;
  }

  /** Never rejects. */
  flush(): Promise<void> {
    this.#writing ??= this.#flush().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#size = 0;
    if (this.#dropped > 0) {
      const t = performance.now();
      lines.push(`${JSON.stringify({ t, at: this.#options.now(), dropped: this.#dropped })}\n`);
      this.#dropped = 0;
    }
    try {
      for (const text of this.#pieces(lines)) await this.#append(text);
      this.#trouble = '';
    } catch (error) {
      const trouble = messageOf(error);
      const { device, file, log } = this.#options;
      if (trouble !== this.#trouble) log.warn({ device, file, error: trouble }, 'the recording cannot be written');
      this.#trouble = trouble;
      this.#dropped += lines.length;
    }
  }

  /** Pieces that each fit into a half. */
  *#pieces(lines: string[]): Generator<{ text: string; count: number }> {
    const most = Math.min(256 * 1024, this.#half);
    let text = '';
    let count = 0;
    for (const line of lines) {
      if (text !== '' && text.length + line.length > most) {
        yield { text, count };
        text = '';
        count = 0;
      }
      text += line;
      count++;
    }
    if (text !== '' || this.#written === null) yield { text, count };
  }

  get #half(): number {
    return this.#options.maxBytes / 2;
  }

  async #append({ text, count }: { text: string; count: number }): Promise<void> {
    const { file } = this.#options;
    const bytes = Buffer.byteLength(text);
    if (this.#written === null || this.#written + bytes > this.#half) {
      await mkdir(dirname(file), { recursive: true });
      const present = await stat(file).catch(() => null);
      if (present && present.size > 0) await rename(file, olderHalf(file));
      const head = this.#head();
      await appendFile(file, head, { mode: 0o640 });
      this.#written = Buffer.byteLength(head);
    }
    await appendFile(file, text);
    this.#written += bytes;
    this.#entries += count;
  }

  #head(): string {
    const { device, driver, now } = this.#options;
    const t = Math.round(1000 * performance.now()) / 1000;
    return `${JSON.stringify({ recording: 'lineside', version: RECORDING_VERSION, device, driver, run: this.#run, t, at: now() })}\n`;
  }
}

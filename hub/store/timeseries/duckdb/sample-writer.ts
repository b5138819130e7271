/**
 * Samples into DuckDB's appender, a data chunk (2,048 rows) at a time.
 *
 * Measured per million samples: appending value by value costs several times the CPU of chunks; a chunk whose `at`
 * is a DOUBLE that DuckDB casts to BIGINT while it copies is cheaper than a million BigInts made here.
 */
import {
  BIGINT,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  INTEGER,
  UINTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { SampleColumns } from '../time-series.ts';

const ROWS = 2_048;
/** Chunks appended before other work of the event loop gets a turn: about 10 ms. */
const CHUNKS_A_TURN = 8;
const COLUMN = { tag: 0, at: 1, value: 2, text: 3, kind: 4, quality: 5 } as const;
const TYPES = [INTEGER, DOUBLE, DOUBLE, VARCHAR, UTINYINT, UINTEGER];

/** What `kind` says of a row. `value` is 0 or 1 for a boolean and 0 for a string or null. */
export const KIND = { null: 0, number: 1, boolean: 2, string: 3 } as const;

/** The samples table; `at_ms` because `at` is a reserved word in DuckDB. No index: zone maps do its work. */
export const CREATE_SAMPLES = `
  CREATE TABLE IF NOT EXISTS samples (
    tag INTEGER NOT NULL,
    at_ms ${BIGINT} NOT NULL,
    value DOUBLE NOT NULL,
    text VARCHAR,
    kind UTINYINT NOT NULL,
    quality UINTEGER NOT NULL
  )`;

export class SampleWriter {
  readonly #appender: DuckDBAppender;
  /** Its text column is null for good, so that rows without text need not say so one by one. */
  readonly #plain: DuckDBDataChunk;
  readonly #tag = new Int32Array(ROWS);
  readonly #at = new Float64Array(ROWS);
  readonly #value = new Float64Array(ROWS);
  readonly #kind = new Uint8Array(ROWS);
  readonly #quality = new Uint32Array(ROWS);
  readonly #text: (string | null)[] = new Array(ROWS).fill(null);
  #rows = 0;
  #hasText = false;

  private constructor(appender: DuckDBAppender) {
    this.#appender = appender;
    this.#plain = DuckDBDataChunk.create(TYPES, ROWS);
    this.#plain.setColumnValues(COLUMN.text, this.#text);
  }

  static async create(connection: DuckDBConnection): Promise<SampleWriter> {
    return new SampleWriter(await connection.createAppender('samples'));
  }

  /**
   * Appends samples within the connection's transaction; they are in the table after `flush`.
   *
   * @throws LinesideError `STORE_BAD_SAMPLES` for columns of unequal length and for tags, times or qualities that
   *   the table cannot hold. What was appended before stays: roll back and `discard`.
   */
  async append(samples: SampleColumns): Promise<void> {
    const { tags, at, values, quality } = samples;
    const count = tags.length;
    if (at.length !== count || values.length !== count || quality.length !== count) {
      throw bad(
        `tags, at, values and quality have ${count}, ${at.length}, ${values.length} and ${quality.length} items`,
      );
    }
    let chunks = 0;
    for (let i = 0; i < count; i++) {
      const tag = tags[i] as number;
      const time = at[i] as number;
      if ((tag | 0) !== tag) throw bad(`sample ${i} has the tag id ${tag}, which is not a 32-bit integer`);
      if (!Number.isSafeInteger(time))
        throw bad(`sample ${i} (tag ${tag}) has the time ${time}, not whole milliseconds`);
      const row = this.#rows;
      this.#tag[row] = tag;
      this.#at[row] = time;
      this.#quality[row] = quality[i] as number;
      this.#setValue(row, values[i] as Value, tag, i);
      if (++this.#rows === ROWS) {
        this.#appendChunk();
        if (++chunks % CHUNKS_A_TURN === 0) await new Promise(setImmediate);
      }
    }
  }

  #setValue(row: number, value: Value, tag: number, index: number): void {
    if (typeof value === 'number') {
      this.#value[row] = value;
      this.#kind[row] = KIND.number;
    } else if (typeof value === 'boolean') {
      this.#value[row] = value ? 1 : 0;
      this.#kind[row] = KIND.boolean;
    } else if (typeof value === 'string') {
      this.#value[row] = 0;
      this.#kind[row] = KIND.string;
      this.#text[row] = value;
      this.#hasText = true;
    } else if (value === null) {
      this.#value[row] = 0;
      this.#kind[row] = KIND.null;
    } else {
      throw bad(`sample ${index} (tag ${tag}) has a value of type ${typeof value}`);
    }
  }

  /** Hands the rows that are left to the transaction. */
  flush(): void {
    if (this.#rows > 0) this.#appendChunk();
    this.#appender.flushSync();
  }

  /** Forgets everything not flushed. The writer must not be used after it. */
  discard(): void {
    this.#appender.clear();
    this.#appender.closeSync();
  }

  close(): void {
    this.#appender.closeSync();
  }

  #appendChunk(): void {
    const rows = this.#rows;
    const chunk = this.#hasText ? DuckDBDataChunk.create(TYPES, rows) : this.#plain;
    if (chunk.rowCount !== rows) chunk.rowCount = rows;
    // One loop a column, each with one kind of vector: a shared helper would see five and run at half the speed.
    const tag = chunk.getColumnVector(COLUMN.tag);
    for (let i = 0; i < rows; i++) tag.setItem(i, this.#tag[i] as number);
    tag.flush();
    const at = chunk.getColumnVector(COLUMN.at);
    for (let i = 0; i < rows; i++) at.setItem(i, this.#at[i] as number);
    at.flush();
    const value = chunk.getColumnVector(COLUMN.value);
    for (let i = 0; i < rows; i++) value.setItem(i, this.#value[i] as number);
    value.flush();
    const kind = chunk.getColumnVector(COLUMN.kind);
    for (let i = 0; i < rows; i++) kind.setItem(i, this.#kind[i] as number);
    kind.flush();
    const quality = chunk.getColumnVector(COLUMN.quality);
    for (let i = 0; i < rows; i++) quality.setItem(i, this.#quality[i] as number);
    quality.flush();
    if (this.#hasText) {
      chunk.setColumnValues(COLUMN.text, this.#text.slice(0, rows));
      this.#text.fill(null);
      this.#hasText = false;
    }
    this.#rows = 0;
    this.#appender.appendDataChunk(chunk);
  }
}

function bad(what: string): LinesideError {
  return new LinesideError(
    'STORE_BAD_SAMPLES',
    'peer',
    `Samples refused, nothing of this append was stored: ${what}.`,
  );
}

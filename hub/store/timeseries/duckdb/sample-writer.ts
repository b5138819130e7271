/**
 * Samples into DuckDB's appender, a data chunk (2,048 rows) at a time.
 *
 * Whole columns are copied: through the vectors' own setItem, and from arrays of mixed values, the same took three times
 * the CPU, and value by value several times that. `at` goes in as a DOUBLE that DuckDB casts to BIGINT while it copies,
 * which is cheaper than a million BigInts made here.
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
import duckdb from '@duckdb/node-bindings';
import { ValueKind } from '@lineside/shared/wire/value-column.ts';
import { checkSamples } from '../check-samples.ts';
import type { SampleColumns } from '../time-series.ts';

const ROWS = 2_048;
/** Chunks appended before other work of the event loop gets a turn: a few milliseconds. */
const CHUNKS_A_TURN = 8;
const TEXT_COLUMN = 3;
const TYPES = [INTEGER, DOUBLE, DOUBLE, VARCHAR, UTINYINT, UINTEGER];

/** What `kind` says of a row. `value` is 0 or 1 for a boolean and 0 for a string or null. Stored, so never to change. */
export const KIND = { null: 0, number: 1, boolean: 2, string: 3 } as const satisfies typeof ValueKind;

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

/** A chunk's rows, column by column; text apart. */
type Columns = readonly [Int32Array, Float64Array, Float64Array, null, Uint8Array, Uint32Array];

export class SampleWriter {
  readonly #appender: DuckDBAppender;
  /** Its text column is null for good, so that rows without text need not say so one by one. */
  readonly #plain: DuckDBDataChunk;
  readonly #columns: Columns = [
    new Int32Array(ROWS),
    new Float64Array(ROWS),
    new Float64Array(ROWS),
    null,
    new Uint8Array(ROWS),
    new Uint32Array(ROWS),
  ];
  readonly #text: (string | null)[] = new Array(ROWS).fill(null);
  #rows = 0;
  #hasText = false;
  #chunks = 0;

  private constructor(appender: DuckDBAppender) {
    this.#appender = appender;
    this.#plain = DuckDBDataChunk.create(TYPES, ROWS);
    this.#plain.setColumnValues(TEXT_COLUMN, this.#text);
  }

  static async create(connection: DuckDBConnection): Promise<SampleWriter> {
    return new SampleWriter(await connection.createAppender('samples'));
  }

  /**
   * Appends samples within the connection's transaction; they are in the table after `flush`.
   *
   * @throws LinesideError `STORE_BAD_SAMPLES` for columns of unequal length and for times that the table cannot hold.
   *   What was appended before stays: roll back and `discard`.
   */
  async append(samples: SampleColumns): Promise<void> {
    checkSamples(samples);
    const count = samples.tags.length;
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + ROWS - this.#rows);
      this.#take(samples, from, to);
      from = to;
      if (this.#rows < ROWS) continue;
      this.#appendChunk();
      if (this.#chunks % CHUNKS_A_TURN === 0) await new Promise(setImmediate);
    }
  }

  #take({ tags, at, values, quality }: SampleColumns, from: number, to: number): void {
    const row = this.#rows;
    const [tag, time, number, , kind, code] = this.#columns;
    tag.set(tags.subarray(from, to), row);
    time.set(at.subarray(from, to), row);
    number.set(values.numbers.subarray(from, to), row);
    kind.set(values.kinds.subarray(from, to), row);
    code.set(quality.subarray(from, to), row);
    for (let i = from; values.texts && i < to; i++) {
      if (values.kinds[i] !== ValueKind.string) continue;
      this.#text[row + i - from] = values.texts.get(i)!;
      this.#hasText = true;
    }
    this.#rows += to - from;
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
    for (const [column, items] of this.#columns.entries()) {
      if (!items) continue;
      const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
      duckdb.copy_data_to_vector(vector, 0, items.buffer as ArrayBuffer, 0, rows * items.BYTES_PER_ELEMENT);
    }
    if (this.#hasText) {
      chunk.setColumnValues(TEXT_COLUMN, this.#text.slice(0, rows));
      this.#text.fill(null);
      this.#hasText = false;
    }
    this.#rows = 0;
    this.#chunks++;
    this.#appender.appendDataChunk(chunk);
  }
}

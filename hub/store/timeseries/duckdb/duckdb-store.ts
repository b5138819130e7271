/**
 * The embedded time-series store: one DuckDB file.
 *
 * Samples and watermarks change in one transaction, so what a gateway is told is committed is exactly what is on
 * disk, and a record that comes again after a crash is recognised. Durable when `append` resolves: DuckDB syncs
 * its write-ahead log before COMMIT returns.
 */
import {
  BIGINT,
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { lateHoursAround, lateHoursOf } from '../late-hours.ts';
import { MAX_RANGE, rangeLimit } from '../query-bounds.ts';
import { RangeBatch } from '../range-batch.ts';
import { RecentSamples } from '../recent-samples.ts';
import type { Summary } from '../summary.ts';
import type { LastSample, RecordId, SampleColumns, StoredSample, TagCount, TimeSeriesStore } from '../time-series.ts';
import { copyDatabase } from './copy-database.ts';
import { LongRangeBatch } from './long-range-batch.ts';
import { type Database, openDatabase } from './open-database.ts';
import {
  countPerTag,
  countRanges,
  countSamples,
  deleteBefore,
  deleteRange,
  lastSamples,
  oldestFrom,
  sampleRange,
  sampleRanges,
  samplesBefore,
  summaryRanges,
} from './queries.ts';
import { ReaderPool } from './reader-pool.ts';
import { CREATE_ROLLUPS, DuckDbRollups, dropRollups, markLate } from './rollups.ts';
import { CREATE_SAMPLES, SampleWriter } from './sample-writer.ts';

/**
 * No key, no index: appends are serialised here, so a row is unique because the map says so. With a primary key
 * the same upsert costs 0.4 CPU-seconds more per million samples.
 */
const CREATE_WATERMARKS = `
  CREATE TABLE IF NOT EXISTS watermarks (gateway VARCHAR NOT NULL, epoch VARCHAR NOT NULL, seq BIGINT NOT NULL)`;
const MAX_WAITING = 1_000;
/**
 * Samples after which the file is closed and opened again. DuckDB keeps a description of each part of a table that it has
 * written since it opened the file, a third of a byte a sample, and knows no other way to let go of them: a hub that
 * stores 20,000 samples a second would grow by half a gigabyte a day. Appends and reads wait for some tenths of a second.
 */
const REOPEN_AFTER = 100_000_000;

export interface DuckDbStoreOptions {
  file: string;
  /** DuckDB's limit for its own memory, as it writes it. */
  memoryLimit?: string;
  /**
   * Threads for one query. With more than one, DuckDB's workers spin while a commit waits for the disk: a third
   * more CPU for small commits. Queries of different connections run side by side in any case.
   */
  threads?: number;
  /** A folder into which the store may be copied; without it, into none. */
  copyDir?: string;
  /** Samples after which the file is opened anew. */
  reopenAfter?: number;
  log?: Logger;
  now?(): number;
}

interface OpenStore {
  database: Database;
  connection: DuckDBConnection;
  writer: SampleWriter;
  update: DuckDBPreparedStatement;
  insert: DuckDBPreparedStatement;
  readers: ReaderPool;
}

type Records = { id: RecordId; samples: SampleColumns }[];

export class DuckDbStore implements TimeSeriesStore {
  readonly #file: string;
  readonly #memoryLimit: string;
  readonly #threads: number;
  readonly #copyDir: string | undefined;
  readonly #reopenAfter: number;
  readonly #log: Logger | undefined;
  readonly #now: () => number;
  #open: OpenStore | undefined;
  /** Open, as far as the caller goes; `#open` may be gone while a failed disk is being retried. */
  #wanted = false;
  #watermarks = new Map<string, number>();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Since the file was opened. */
  #samplesWritten = 0;
  #copies = 0;
  /** Reads wait for it. */
  #reopening: Promise<void> | undefined;
  readonly #short = new RangeBatch((tags, from, to) =>
    this.#read((connection) => sampleRanges(connection, tags, from, to)),
  );

  readonly #long = new LongRangeBatch({
    before: (tags, at) => this.#read((connection) => samplesBefore(connection, tags, at)),
    count: (tags, from, to) => this.#read((connection) => countRanges(connection, tags, from, to)),
    read: (tags, from, to) => this.#read((connection) => sampleRanges(connection, tags, from, to)),
  });

  readonly #recent = new RecentSamples({
    read: (tags, from, limit, begins) =>
      this.#read((connection) => {
        begins();
        return sampleRanges(connection, tags, from, Number.MAX_SAFE_INTEGER, limit);
      }),
    now: () => this.#now(),
  });

  readonly rollups = new DuckDbRollups({
    read: (query) => this.#read(query),
    change: (work) => this.#change(work),
  });

  constructor(options: DuckDbStoreOptions) {
    this.#file = options.file;
    this.#memoryLimit = options.memoryLimit ?? '512MB';
    this.#threads = options.threads ?? 1;
    this.#copyDir = options.copyDir;
    this.#reopenAfter = options.reopenAfter ?? REOPEN_AFTER;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  async open(): Promise<void> {
    if (this.#wanted) return;
    this.#wanted = true;
    try {
      await this.#serially(() => this.#start());
    } catch (error) {
      this.#wanted = false;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#recent.clear();
    await this.#serially(async () => {
      const open = this.#open;
      this.#open = undefined;
      if (!open) return;
      await open.readers.close();
      try {
        await open.connection.run('CHECKPOINT');
      } catch (error) {
        this.#log?.warn(
          { file: this.#file, reason: messageOf(error) },
          'checkpoint failed; the log is replayed at the next start',
        );
      }
      await shut(open);
    });
  }

  /** @throws LinesideError `STORE_APPEND` when nothing was stored; the store stays usable and the call may be repeated. */
  async append(records: Records, handedOver?: () => void): Promise<void> {
    if (!this.#wanted) throw closed();
    if (this.#waiting >= MAX_WAITING) {
      throw new LinesideError('STORE_BUSY', 'outside', `${MAX_WAITING} appends already wait for ${this.#file}.`);
    }
    this.#waiting++;
    try {
      await this.#serially(() => this.#append(records, handedOver));
    } finally {
      this.#waiting--;
    }
  }

  async watermark(gateway: string, epoch: string): Promise<number> {
    return this.#watermarks.get(keyOf(gateway, epoch)) ?? 0;
  }

  /** Nobody else writes to the file. */
  forget(): void {}

  /** A file that cannot be written fails each append, which says so. */
  get fault(): string {
    return '';
  }

  async last(): Promise<LastSample[]> {
    return this.#read(lastSamples);
  }

  /** At most a million samples, whatever `limit` says. The sample before the range counts as one of them. */
  async range(
    tag: number,
    from: number,
    to: number,
    options: { before?: boolean; limit?: number } = {},
  ): Promise<StoredSample[]> {
    const limit = rangeLimit(options.limit);
    if (limit === 0) return [];
    if (!options.before) {
      const short = RangeBatch.takes(from, to);
      const recent = short && !this.#recent.covers(tag, from, to) ? null : await this.#recent.range(tag, from, to);
      if (recent) return recent.length > limit ? recent.slice(0, limit) : recent;
      if (short) return (await this.#short.range(tag, from, to)).slice(0, limit);
    }
    if (options.before && limit === MAX_RANGE && from < to) return this.#long.range(tag, from, to);
    return this.#read(async (connection) => {
      const before = options.before ? (await samplesBefore(connection, [tag], from)).get(tag) : undefined;
      const rest = limit - (before ? 1 : 0);
      const samples = rest > 0 ? await sampleRange(connection, tag, from, to, rest) : [];
      if (before) samples.unshift(before);
      return samples;
    });
  }

  async ranges(tags: number[], from: number, to: number, limit: number): Promise<Map<number, StoredSample[]>> {
    const most = rangeLimit(limit);
    if (tags.length === 1) {
      const samples = await this.range(tags[0]!, from, to, { limit: most });
      return samples.length > 0 ? new Map([[tags[0]!, samples]]) : new Map();
    }
    return this.#read((connection) => sampleRanges(connection, tags, from, to, most));
  }

  async summaries(
    tags: number[],
    from: number,
    to: number,
    stepMs: number,
    timeWeighted: boolean,
  ): Promise<Map<number, Summary[]>> {
    if (tags.length === 0) return new Map();
    return this.#read((connection) => summaryRanges(connection, tags, from, to, stepMs, timeWeighted));
  }

  async firstAt(from: number): Promise<number | undefined> {
    return this.#read((connection) => oldestFrom(connection, from));
  }

  async delete(tags: number[], from: number, to: number): Promise<void> {
    if (tags.length === 0 || from >= to) return;
    await this.#change(async (connection) => {
      await deleteRange(connection, tags, from, to);
      await dropRollups(connection, tags, from, to);
      await markLate(connection, lateHoursAround(tags, from, to));
    }).finally(() => this.#recent.drop(tags));
  }

  async expire(before: number): Promise<void> {
    await this.#change((connection) => deleteBefore(connection, before)).finally(() => this.#recent.clear());
  }

  async perTag(from: number, to: number): Promise<TagCount[]> {
    return this.#read((connection) => countPerTag(connection, from, to));
  }

  async count(tags?: number[]): Promise<number> {
    return this.#read((connection) => countSamples(connection, tags));
  }

  /**
   * Copies the store into a new file of `copyDir`, while appends go on.
   *
   * @param whileStill done while nothing is appended, when it is settled what is copied: appends wait for it
   */
  async copyTo(file: string, whileStill: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const settle = (begin: () => Promise<void>) =>
      this.#serially(async () => {
        await begin();
        await whileStill();
      });
    this.#copies++;
    try {
      await this.#read((connection) => copyDatabase(connection, file, settle, signal));
    } finally {
      this.#copies--;
    }
  }

  async #start(): Promise<void> {
    const database = await openDatabase(this.#file, this.#memoryLimit, this.#threads, this.#copyDir);
    try {
      const connection = await database.instance.connect();
      await connection.run(CREATE_SAMPLES);
      await connection.run(CREATE_WATERMARKS);
      for (const table of CREATE_ROLLUPS) await connection.run(table);
      this.#watermarks = await readWatermarks(connection);
      const writer = await SampleWriter.create(connection);
      const update = await connection.prepare(UPDATE_WATERMARKS);
      const insert = await connection.prepare(INSERT_WATERMARKS);
      this.#open = { database, connection, writer, update, insert, readers: new ReaderPool(database.instance) };
    } catch (error) {
      database.close();
      throw new LinesideError(
        'STORE_DAMAGED',
        'outside',
        `The time-series file ${this.#file} opens, but its tables cannot be used: ${messageOf(error)}. ` +
          'It has been left as it is. Move it aside and put a backup in its place.',
        { cause: error },
      );
    }
  }

  async #append(records: Records, handedOver?: () => void): Promise<void> {
    // Gone only after an append failed so badly that DuckDB had to be reopened, and that failed too.
    if (!this.#open) await this.#start();
    const open = this.#open as OpenStore;
    const raised = new Map<string, RecordId>();
    const fresh = records.filter(({ id }) => {
      const key = keyOf(id.gateway, id.epoch);
      const stored = raised.get(key)?.seq ?? this.#watermarks.get(key) ?? 0;
      if (id.seq <= stored) return false;
      raised.set(key, id);
      return true;
    });
    if (fresh.length === 0) return;
    this.#recent.appending(fresh.filter(({ samples }) => samples.tags.length > 0));
    try {
      await open.connection.run('BEGIN');
      for (const { samples } of fresh) await open.writer.append(samples);
      open.writer.flush();
      await markLate(open.connection, lateHoursOf(fresh, this.#now()));
      const known = Map.groupBy(raised, ([key]) => this.#watermarks.has(key));
      for (const [isKnown, marks] of known) {
        await setWatermarks(
          isKnown ? open.update : open.insert,
          marks.map(([, id]) => id),
        );
      }
      const committed = open.connection.run('COMMIT');
      handedOver?.();
      await committed;
    } catch (error) {
      this.#recent.clear();
      await this.#recover(open);
      if (error instanceof LinesideError) throw error;
      throw new LinesideError(
        'STORE_APPEND',
        'outside',
        `Nothing of ${fresh.length} records could be stored in ${this.#file}: ${messageOf(error)}. ` +
          'Check the disk and its free space; they will be asked for again.',
        { cause: error },
      );
    }
    for (const [key, id] of raised) this.#watermarks.set(key, id.seq);
    this.#recent.appended();
    for (const { samples } of fresh) this.#samplesWritten += samples.tags.length;
    // A copy reads for long, and waits for appends meanwhile.
    if (this.#samplesWritten >= this.#reopenAfter && this.#copies === 0) await this.#reopen(open);
  }

  /** Closes the file and opens it again, between two appends and after the reads that have begun. */
  async #reopen(open: OpenStore): Promise<void> {
    this.#samplesWritten = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reopening = promise;
    try {
      await open.readers.idle();
      // Where the disk is full, the file that is open can still be read, and might not open again.
      await open.connection.run('CHECKPOINT');
      this.#open = undefined;
      await shut(open);
      await this.#start();
      this.#log?.debug({ file: this.#file }, 'time-series file closed and opened again, to give memory back');
    } catch (error) {
      this.#log?.warn(
        { file: this.#file, reason: messageOf(error) },
        'the time-series file could not be opened anew',
      );
    } finally {
      this.#reopening = undefined;
      resolve();
    }
  }

  /** Undoes a failed append. After a failed write DuckDB may refuse all further work until it is reopened. */
  async #recover(open: OpenStore): Promise<void> {
    try {
      open.writer.discard();
    } catch {
      // An appender that failed once fails again here; its rows are gone with the transaction.
    }
    try {
      await open.connection.run('ROLLBACK').catch(() => undefined);
      // A COMMIT that failed has an unknown outcome: the file decides.
      this.#watermarks = await readWatermarks(open.connection);
      open.writer = await SampleWriter.create(open.connection);
    } catch (error) {
      this.#log?.error({ file: this.#file, reason: messageOf(error) }, 'time-series store is being reopened');
      this.#open = undefined;
      await shut(open);
      await this.#start().catch((reason: unknown) =>
        this.#log?.error({ file: this.#file, reason: messageOf(reason) }, 'time-series store cannot be reopened yet'),
      );
    }
  }

  /** One transaction beside the appends, which wait for it. */
  #change(work: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
    return this.#serially(async () => {
      if (!this.#wanted) throw closed();
      if (!this.#open) await this.#start();
      const { connection } = this.#open as OpenStore;
      await connection.run('BEGIN');
      try {
        await work(connection);
        await connection.run('COMMIT');
      } catch (error) {
        await connection.run('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  async #read<T>(query: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    await this.#reopening;
    const open = this.#open;
    if (!open) throw closed();
    return open.readers.use(query);
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(work);
    this.#tail = run.catch(() => undefined);
    return run;
  }
}

async function shut({ database, connection, writer, readers }: OpenStore): Promise<void> {
  await readers.close();
  try {
    writer.close();
  } catch {
    // It failed before, with the append whose rows it held.
  }
  connection.closeSync();
  database.close();
}

async function readWatermarks(connection: DuckDBConnection): Promise<Map<string, number>> {
  const result = await connection.runAndReadAll('SELECT gateway, epoch, seq::DOUBLE FROM watermarks');
  return new Map(
    result.getRows().map(([gateway, epoch, seq]) => [keyOf(gateway as string, epoch as string), seq as number]),
  );
}

/** All of a group by one statement: with hundreds of gateways, one each took longer than their samples. */
const MARKS = 'SELECT unnest($1) AS gateway, unnest($2) AS epoch, unnest($3) AS seq';
const UPDATE_WATERMARKS = `
  UPDATE watermarks SET seq = raised.seq FROM (${MARKS}) raised
  WHERE watermarks.gateway = raised.gateway AND watermarks.epoch = raised.epoch`;
const INSERT_WATERMARKS = `INSERT INTO watermarks ${MARKS}`;

async function setWatermarks(statement: DuckDBPreparedStatement, ids: readonly RecordId[]): Promise<void> {
  const column = (index: number, type: DuckDBType, values: DuckDBValue[]) =>
    statement.bindList(index, listValue(values), LIST(type));
  column(
    1,
    VARCHAR,
    ids.map(({ gateway }) => gateway),
  );
  column(
    2,
    VARCHAR,
    ids.map(({ epoch }) => epoch),
  );
  column(
    3,
    BIGINT,
    ids.map(({ seq }) => BigInt(seq)),
  );
  await statement.run();
}

function keyOf(gateway: string, epoch: string): string {
  return `${gateway}/${epoch}`;
}

function closed(): LinesideError {
  return new LinesideError('STORE_CLOSED', 'bug', 'The time-series store is not open.');
}

/** Opening a DuckDB file, and saying in an operator's words why it cannot be opened. */
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { quoted } from './copy-database.ts';

/**
 * The format of new files. By default DuckDB writes one that its first release reads as well, and there each checkpoint
 * describes every part of every table anew: a commit that comes upon one waited 0.9 s with 1.2 billion samples in the file, and 0.2 s in this one.
 */
const STORAGE_VERSION = 'v1.5.0';

export interface Database {
  instance: DuckDBInstance;
  /** Closes the file and lets it be opened again. */
  close(): void;
}

/**
 * Files that this process holds. DuckDB's own lock is a POSIX record lock, which never conflicts within one
 * process: a second instance of the same file would be let in and damage it.
 */
const held = new Set<string>();

/**
 * Opens or creates a database file, with all folders above it.
 *
 * @throws LinesideError `STORE_LOCKED` when this or another process holds the file, `STORE_DAMAGED` when it is not
 *   a whole DuckDB file, `STORE_UNUSABLE` for anything else (rights, no space, not a file).
 * @param copyDir a folder into which the database may be copied, beside its own file
 */
export async function openDatabase(
  file: string,
  memoryLimit: string,
  threads: number,
  copyDir?: string,
): Promise<Database> {
  let path: string;
  try {
    await mkdir(dirname(file), { recursive: true });
    path = join(await realpath(dirname(file)), basename(file));
  } catch (error) {
    throw unusable(file, error);
  }
  if (held.has(path)) {
    throw new LinesideError(
      'STORE_LOCKED',
      'config',
      `The time-series file ${path} is already open in this process (PID ${process.pid}). ` +
        'Give each store a file of its own.',
    );
  }
  held.add(path);
  try {
    const instance = await DuckDBInstance.create(path, {
      memory_limit: memoryLimit,
      threads: String(threads),
      storage_compatibility_version: STORAGE_VERSION,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    await confine(instance, copyDir).catch((error: unknown) => {
      instance.closeSync();
      throw error;
    });
    return {
      instance,
      close() {
        instance.closeSync();
        held.delete(path);
      },
    };
  } catch (error) {
    held.delete(path);
    throw explain(path, error);
  }
}

/** The store reads and writes its own file and copies of it, and nothing else; nothing is ever fetched. */
async function confine(instance: DuckDBInstance, copyDir: string | undefined): Promise<void> {
  const connection = await instance.connect();
  try {
    if (copyDir) await connection.run(`SET allowed_directories = [${quoted(`${copyDir}/`)}]`);
    await connection.run('SET enable_external_access = false');
  } finally {
    connection.closeSync();
  }
}

function explain(file: string, error: unknown): LinesideError {
  const text = messageOf(error);
  if (/set lock|conflicting lock|being used by another process/i.test(text)) {
    const holder = /\(PID (\d+)\)/.exec(text)?.[1];
    return new LinesideError(
      'STORE_LOCKED',
      'config',
      `The time-series file ${file} is held by ${holder ? `the process with PID ${holder}` : 'another process'}. ` +
        'Only one hub may use a data directory: stop the other one, or give this one another directory.',
      { cause: error },
    );
  }
  if (
    /not a valid DuckDB|corrupt|checksum|replaying WAL|serializ|truncated|INTERNAL Error|could not read enough/i.test(
      text,
    )
  ) {
    return new LinesideError(
      'STORE_DAMAGED',
      'outside',
      `The time-series file ${file} cannot be read: ${firstLine(text)}. It has been left as it is. ` +
        `Check the disk, then move ${file} and ${file}.wal aside together and put a backup in their place; ` +
        'without a backup the hub starts with an empty store, and gateways send again what they still hold.',
      { cause: error },
    );
  }
  return unusable(file, error);
}

function unusable(file: string, error: unknown): LinesideError {
  return new LinesideError(
    'STORE_UNUSABLE',
    'outside',
    `The time-series file ${file} cannot be opened: ${firstLine(messageOf(error))}. ` +
      "Check that the directory exists, belongs to the hub's user and has free space.",
    { cause: error },
  );
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? text).slice(0, 300).replace(/\.$/, '');
}

/**
 * PGlite in a thread of its own: it blocks its event loop for the whole of a query, and syncs to disk in it.
 * Requests are answered one after the other, in the order in which they came.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { copyRest } from './copy-data.ts';
import type { SqlFault, WorkerAnswer, WorkerData, WorkerRequest, WorkerStart } from './pglite-protocol.ts';
import { SyncedNodeFs, syncDirectory, syncTree } from './synced-node-fs.ts';
import { INT8, safeInteger } from './value-parsers.ts';

const port = parentPort;
if (!port) throw new Error('pglite-worker.ts runs as a worker thread only');
const { directory, marker } = workerData as WorkerData;

/** PGlite's own parameters, without `-F` (no fsync), and with the one sync method that its libc carries out. */
const START = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
  // 128 MB by default, none of which these small tables need.
  ...['-c', 'shared_buffers=16MB'],
  // How much log is kept for reuse after a checkpoint.
  ...['-c', 'min_wal_size=32MB', '-c', 'max_wal_size=64MB'],
];

const fileSystem = await start();

async function start(): Promise<{ fs: SyncedNodeFs; pg: PGlite } | undefined> {
  try {
    const fresh = existsSync(marker) || !existsSync(directory);
    if (fresh) {
      // Cut off while it was being made, a directory looks whole to PostgreSQL; nobody has used it yet.
      rmSync(directory, { recursive: true, force: true });
      writeFileSync(marker, 'The database beside this file is being created.\n');
      syncDirectory(dirname(marker));
    }
    const fs = new SyncedNodeFs(directory);
    const pg = await PGlite.create({ fs, startParams: START, parsers: { [INT8]: safeInteger } });
    if (fresh) {
      // The new database was written through another instance, whose files are not synced.
      await pg.exec('CHECKPOINT');
      syncTree(directory);
      rmSync(marker);
      syncDirectory(dirname(marker));
    }
    post({ ready: true });
    return { fs, pg };
  } catch (error) {
    post({ ready: false, fault: faultOf(error) });
    return undefined;
  }
}

let tail: Promise<void> = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  tail = tail.then(async () => {
    try {
      post(await answer(request));
    } catch (error) {
      post({ id: request.id, fault: faultOf(error) });
    }
    if (request.type === 'close') port.close();
  });
});

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  const { id } = request;
  if (!fileSystem) return { id, fault: { message: 'the database did not start' } };
  const { fs, pg } = fileSystem;
  switch (request.type) {
    case 'query': {
      // Without parameters the simple protocol serves, which takes several statements, as a migration has.
      const result =
        request.parameters.length === 0
          ? (await pg.exec(request.sql)).at(-1)
          : await pg.query(request.sql, [...request.parameters]);
      return { id, rows: result?.rows ?? [], affectedRows: result?.affectedRows, command: result?.command };
    }
    case 'copy': {
      // With everything in its files, of the log only its end is needed.
      await pg.exec('CHECKPOINT');
      const { rows } = await pg.query<{ first: string; last: string }>(
        'select redo_wal_file as first, pg_walfile_name(pg_current_wal_insert_lsn()) as last from pg_control_checkpoint()',
      );
      copyRest(directory, request.to, request.ahead, rows[0]!);
      return { id, rows: [] };
    }
    case 'diagnostics':
      return { id, diagnostics: { ...fs.diagnostics } };
    case 'close':
      await pg.close();
      return { id, rows: [] };
  }
}

function faultOf(error: unknown): SqlFault {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, detail, constraint, table, column } = error as Error & Omit<SqlFault, 'message'>;
  return { message: error.message, code, detail, constraint, table, column };
}

function post(message: WorkerAnswer | WorkerStart): void {
  port?.postMessage(message);
}

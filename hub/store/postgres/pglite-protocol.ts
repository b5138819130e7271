/** What crosses between the PGlite worker and the thread that asks. One message, one answer with the same id. */

import type { Copied } from './copy-data.ts';

export type WorkerRequest =
  | { id: number; type: 'query'; sql: string; parameters: readonly unknown[] }
  | { id: number; type: 'copy'; to: string; ahead: Copied[] }
  | { id: number; type: 'diagnostics' }
  | { id: number; type: 'close' };

/** Fields of a PostgreSQL error that survive the way (an Error would lose its code). */
export interface SqlFault {
  message: string;
  /** SQLSTATE; undefined when the fault is not PostgreSQL's. */
  code?: string;
  detail?: string;
  constraint?: string;
  table?: string;
  column?: string;
}

export interface SqlResult {
  rows: unknown[];
  affectedRows?: number;
  /** PostgreSQL's command tag, such as COMMIT. */
  command?: string;
}

export type WorkerAnswer =
  | ({ id: number } & SqlResult)
  | { id: number; diagnostics: Diagnostics }
  | { id: number; fault: SqlFault };

export interface Diagnostics {
  /** Calls of fsync on files and on directories since the start of the worker. */
  fileSyncs: number;
  directorySyncs: number;
}

/** Posted once by the worker: the database answers, or why it does not. */
export type WorkerStart = { ready: true } | { ready: false; fault: SqlFault };

export interface WorkerData {
  /** Directory of PostgreSQL's own files. */
  directory: string;
  /** Exists while a new directory is being made: found at a start, what is there was never used. */
  marker: string;
}

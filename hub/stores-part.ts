/** Opens the hub's two stores, as its configuration has them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { BackupSource } from './backup/make-backup.ts';
import { expectNoUnfinishedRestore, type RestoredFrom, restoredFrom } from './backup/restore-backup.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { isReplicated } from './replicas/config.ts';
import { STANDSTILL_MS } from './replicas/lease-keeper.ts';
import {
  type EmbeddedRelational,
  openRelational,
  type QuerySeen,
  type Relational,
} from './store/postgres/relational.ts';
import { openServer } from './store/postgres/server.ts';
import { DuckDbStore } from './store/timeseries/duckdb/duckdb-store.ts';
import type { TimeSeriesStore } from './store/timeseries/time-series.ts';
import { openTimeSeries } from './time-series-part.ts';

export interface Stores {
  /** Folder of what the hub keeps. */
  dataDir: string;
  relational: Relational;
  timeSeries: TimeSeriesStore;
  /** How they are copied while they are written to; null where they are servers with tools of their own. */
  copies: BackupSource | null;
  /** Null when this data never was in a backup. */
  restored: RestoredFrom | null;
}

export interface StoresOptions {
  log: Logger;
  unwind: Unwind;
  /** Ends the waiting for a server that is not there. */
  stopping: AbortSignal;
  /** A store has ended for good, in words: only a new start of the hub helps. */
  onFailure(words: string): void;
  onQuery?: QuerySeen;
}

export async function openStores(config: LoadedHubConfig, options: StoresOptions): Promise<Stores> {
  const { unwind } = options;
  const dataDir = config.resolvePath(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  expectNoUnfinishedRestore(dataDir);
  const relational = await openTables(config, dataDir, options);
  unwind.defer('relational store', () => relational.close());
  const timeSeries = await openTimeSeries({ config, dataDir, ...options });
  return {
    ...{ dataDir, relational, timeSeries },
    copies: copiesOf(dataDir, relational, timeSeries),
    restored: await restoredFrom(dataDir),
  };
}

function copiesOf(
  dataDir: string,
  relational: Relational | EmbeddedRelational,
  timeSeries: TimeSeriesStore,
): BackupSource | null {
  if (!('copyTo' in relational && timeSeries instanceof DuckDbStore)) return null;
  return {
    dataDir,
    copyRelational: (directory) => relational.copyTo(directory),
    copyTimeSeries: (file, whileStill, signal) => timeSeries.copyTo(file, whileStill, signal),
  };
}

function openTables(
  config: LoadedHubConfig,
  dataDir: string,
  { log, stopping, onFailure, onQuery }: StoresOptions,
): Promise<Relational | EmbeddedRelational> {
  const { relational, resolvePath } = config;
  const common = { log: log.child({ part: 'relational' }), ...(onQuery ? { onQuery } : {}) };
  if (relational) {
    const longest = isReplicated(config) ? STANDSTILL_MS : Number.POSITIVE_INFINITY;
    const idleInTransactionTimeoutMs = Math.min(relational.idleInTransactionTimeoutMs, longest);
    const server = { ...relational, idleInTransactionTimeoutMs, applicationName: 'lineside-hub' };
    return openServer({ ...server, ...common, resolvePath, signal: stopping });
  }
  return openRelational({
    ...{ ...common, dataDir: join(dataDir, 'relational') },
    onFailure: (error) => onFailure(error.message),
  });
}

/** Opens the hub's two stores, as its configuration has them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { openRelational, type QuerySeen, type Relational } from './store/postgres/relational.ts';
import { openServer } from './store/postgres/server.ts';
import { DuckDbStore } from './store/timeseries/duckdb/duckdb-store.ts';
import type { TimeSeriesStore } from './store/timeseries/time-series.ts';

export interface Stores {
  /** Folder of what the hub keeps. */
  dataDir: string;
  relational: Relational;
  timeSeries: TimeSeriesStore;
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
  const { log, unwind } = options;
  const dataDir = config.resolvePath(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const relational = await openTables(config, dataDir, options);
  unwind.defer('relational store', () => relational.close());
  const timeSeries = new DuckDbStore({
    file: join(dataDir, 'timeseries.duckdb'),
    memoryLimit: config.timeSeries.memoryLimit,
    log: log.child({ part: 'time series' }),
  });
  await timeSeries.open();
  unwind.defer('time series', () => timeSeries.close());
  return { dataDir, relational, timeSeries };
}

function openTables(
  { relational, resolvePath }: LoadedHubConfig,
  dataDir: string,
  { log, stopping, onFailure, onQuery }: StoresOptions,
): Promise<Relational> {
  const common = { log: log.child({ part: 'relational' }), ...(onQuery ? { onQuery } : {}) };
  if (relational) {
    return openServer({ ...relational, ...common, resolvePath, signal: stopping, applicationName: 'lineside-hub' });
  }
  return openRelational({
    ...{ ...common, dataDir: join(dataDir, 'relational') },
    onFailure: (error) => onFailure(error.message),
  });
}

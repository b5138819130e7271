/** Opens the time-series store that the configuration names. */
import { join } from 'node:path';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { backupDir } from './backup-part.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { isReplicated } from './replicas/config.ts';
import { DuckDbStore } from './store/timeseries/duckdb/duckdb-store.ts';
import { InfluxStore } from './store/timeseries/influx/influx-store.ts';
import type { TimeSeriesStore } from './store/timeseries/time-series.ts';

export interface TimeSeriesPartOptions {
  config: LoadedHubConfig;
  dataDir: string;
  unwind: Unwind;
  /** Ends the wait for a server that is not there. */
  stopping: AbortSignal;
  log: Logger;
}

export async function openTimeSeries(options: TimeSeriesPartOptions): Promise<TimeSeriesStore> {
  const { config, dataDir, unwind, stopping } = options;
  const { influx, memoryLimit } = config.timeSeries;
  const log = options.log.child({ part: 'time series' });
  const store: TimeSeriesStore = influx
    ? new InfluxStore({
        ...{ config: influx, resolvePath: config.resolvePath, alone: !isReplicated(config), stopping, log },
      })
    : new DuckDbStore({ file: join(dataDir, 'timeseries.duckdb'), memoryLimit, copyDir: backupDir(config), log });
  unwind.defer('time series', () => store.close());
  await store.open();
  return store;
}

/** Opens the hub's two stores, as its configuration has them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { openRelational, type Relational } from './store/postgres/relational.ts';
import type { TimeSeriesStore } from './store/timeseries/time-series.ts';
import { openTimeSeries } from './time-series-part.ts';

export interface Stores {
  /** Folder of what the hub keeps. */
  dataDir: string;
  relational: Relational;
  timeSeries: TimeSeriesStore;
}

/** @param onFailure called with words when a store has ended for good: only a new start of the hub helps */
export async function openStores(
  config: LoadedHubConfig,
  {
    log,
    unwind,
    stopping,
    onFailure,
  }: { log: Logger; unwind: Unwind; stopping: AbortSignal; onFailure(words: string): void },
): Promise<Stores> {
  const dataDir = config.resolvePath(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const relational = await openRelational({
    dataDir: join(dataDir, 'relational'),
    log: log.child({ part: 'relational' }),
    onFailure: (error) => onFailure(error.message),
  });
  unwind.defer('relational store', () => relational.close());
  const timeSeries = await openTimeSeries({ config, dataDir, unwind, stopping, log });
  return { dataDir, relational, timeSeries };
}

/** The hub's two embedded stores in a folder of their own, for the tests of one file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRelational, type QuerySeen, type Relational } from '../../hub/store/postgres/relational.ts';
import { DuckDbStore } from '../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { newRelational } from './new-relational.ts';

export interface HubStores {
  dir: string;
  db: Relational['db'];
  timeSeries: DuckDbStore;
  close(): Promise<void>;
}

export async function openStores(onQuery?: QuerySeen): Promise<HubStores> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-stores-'));
  const dataDir = join(dir, 'relational');
  await newRelational(dataDir);
  const relational = await openRelational({ dataDir, ...(onQuery ? { onQuery } : {}) });
  const timeSeries = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB' });
  await timeSeries.open();
  return {
    dir,
    db: relational.db,
    timeSeries,
    async close() {
      await timeSeries.close();
      await relational.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

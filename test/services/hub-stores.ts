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

/** @param elsewhere a relational store that is used in place of an embedded one, and is not closed here */
export async function openStores(onQuery?: QuerySeen, elsewhere?: Relational['db']): Promise<HubStores> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-stores-'));
  const dataDir = join(dir, 'relational');
  if (!elsewhere) await newRelational(dataDir);
  const relational = elsewhere ? undefined : await openRelational({ dataDir, ...(onQuery ? { onQuery } : {}) });
  const timeSeries = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB' });
  await timeSeries.open();
  return {
    dir,
    db: elsewhere ?? relational!.db,
    timeSeries,
    async close() {
      await timeSeries.close();
      await relational?.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Holds what the fake devices have served against what is in the stores of a hub that has ended. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { openRelational } from '../../hub/store/postgres/relational.ts';
import { listTags } from '../../hub/store/postgres/tags.ts';
import { DuckDbStore } from '../../hub/store/timeseries/duckdb/duckdb-store.ts';
import type { TimeSeriesStore } from '../../hub/store/timeseries/time-series.ts';
import { countsReads, deviceName, FLOATS, floatName } from './pipeline-config.ts';

export interface Proof {
  /** Samples that the devices have answered. */
  served: number;
  /** Of those, not in the store. */
  lost: number;
  /** In the store more than once. */
  repeated: number;
  /** Samples in the store, those of the gateway's own tags included. */
  stored: number;
  /** Size of the store's file. */
  bytes: number;
}

/** @param reads how often each device was read */
export async function proveComplete(hubDir: string, reads: number[]): Promise<Proof> {
  const ids = await tagIds(join(hubDir, 'relational'));
  const file = join(hubDir, 'timeseries.duckdb');
  const { size: bytes } = await stat(file);
  const store = new DuckDbStore({ file });
  await store.open();
  try {
    const proof: Proof = { served: 0, lost: 0, repeated: 0, stored: await store.count(), bytes };
    for (const [device, expected] of reads.entries()) {
      for (let i = 0; i < FLOATS; i++) {
        const { good, distinct } = await goodSamples(store, ids.get(`${deviceName(device)}/${floatName(i)}`)!);
        const right = countsReads(floatName(i)) ? distinct : Math.min(good, expected);
        proof.served += expected;
        proof.lost += Math.max(0, expected - right);
        proof.repeated += good - right;
      }
    }
    return proof;
  } finally {
    await store.close();
  }
}

async function goodSamples(store: TimeSeriesStore, tag: number): Promise<{ good: number; distinct: number }> {
  const samples = await store.range(tag, 0, Number.MAX_SAFE_INTEGER);
  const values = samples.filter(({ quality }) => isGood(quality)).map(({ value }) => value);
  return { good: values.length, distinct: new Set(values).size };
}

/** The hub's tag ids by device/name. */
async function tagIds(dataDir: string): Promise<Map<string, number>> {
  const relational = await openRelational({ dataDir });
  try {
    return new Map((await listTags(relational.db)).map(({ id, device, name }) => [`${device}/${name}`, id]));
  } finally {
    await relational.close();
  }
}

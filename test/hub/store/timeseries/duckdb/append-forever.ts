/**
 * Child process: appends records of 500 samples for ever and tells the parent the seq of each that was acknowledged,
 * or the error, after which it tries the same record again.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { DuckDbStore } from '../../../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { columns, record } from '../../../../services/samples.ts';

const [file, epoch] = process.argv.slice(2) as [string, string];
const store = new DuckDbStore({ file, memoryLimit: '128MB' });
await store.open();
let seq = await store.watermark('press-1', epoch);
writeSync(1, `open ${seq}\n`);
for (;;) {
  const samples = columns(...Array.from({ length: 500 }, (_, i) => [i + 1, seq + 1, seq + 1] as const));
  try {
    await store.append([record(seq + 1, samples, 'press-1', epoch)]);
    writeSync(1, `${++seq}\n`);
  } catch (error) {
    writeSync(1, `failed ${(error as { code?: string }).code} ${messageOf(error)}\n`);
    await sleep(50);
  }
}

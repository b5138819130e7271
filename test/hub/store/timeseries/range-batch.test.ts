import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DuckDbStore } from '../../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { ReaderPool } from '../../../../hub/store/timeseries/duckdb/reader-pool.ts';
import { columns, record } from '../../../services/samples.ts';

const T = Date.UTC(2026, 5, 15, 6);
const HOUR = 3_600_000;

describe('short ranges asked for at the same moment', () => {
  let dir: string;
  let store: DuckDbStore;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-range-'));
    store = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB' });
    await store.open();
    const samples = columns(
      [1, T, 10],
      [2, T, 'a'],
      [1, T + 5, 11],
      [1, T + 5, 12],
      [2, T + 20, 'b'],
      [1, T + 30, 13],
      [2, T + HOUR, 'c'],
    );
    await store.append([record(1, samples)]);
  });
  afterAll(async () => {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });

  const values = (samples: { value: unknown }[]) => samples.map(({ value }) => value);

  test('each get their own tag and time, read by one query', async () => {
    const use = vi.spyOn(ReaderPool.prototype, 'use');
    const found = await Promise.all([
      store.range(1, T, T + 30),
      store.range(2, T, T + 31),
      store.range(1, T + 5, T + 31, { limit: 2 }),
      store.range(3, T, T + 1),
      store.range(1, T, T + 5),
    ]);
    expect(found.map(values)).toEqual([[10, 11, 12], ['a', 'b'], [11, 12], [], [10]]);
    expect(use).toHaveBeenCalledTimes(1);
    use.mockRestore();
  });

  test('those of another time are not read together with them', async () => {
    const use = vi.spyOn(ReaderPool.prototype, 'use');
    const found = await Promise.all([store.range(2, T, T + 1), store.range(2, T + HOUR, T + HOUR + 1)]);
    expect(found.map(values)).toEqual([['a'], ['c']]);
    expect(use).toHaveBeenCalledTimes(2);
    use.mockRestore();
  });

  test('all fail when the store does, and the next ones do not', async () => {
    const use = vi.spyOn(ReaderPool.prototype, 'use').mockRejectedValueOnce(new Error('no disk'));
    const [one, two] = await Promise.allSettled([store.range(1, T, T + 1), store.range(2, T, T + 1)]);
    expect([one, two]).toMatchObject([{ reason: { message: 'no disk' } }, { reason: { message: 'no disk' } }]);
    use.mockRestore();
    expect(values(await store.range(1, T, T + 1))).toEqual([10]);
  });
});

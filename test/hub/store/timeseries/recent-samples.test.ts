import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DuckDbStore } from '../../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { RecentSamples } from '../../../../hub/store/timeseries/recent-samples.ts';
import type { StoredSample } from '../../../../hub/store/timeseries/time-series.ts';
import { columns, record } from '../../../services/samples.ts';
import { random } from '../../../shared/wire/random-batch.ts';

const T0 = Date.UTC(2026, 5, 15, 8);
const EMPTY = 999;

let dir: string;
let store: DuckDbStore;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-recent-'));
  store = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB', now: () => T0 });
  await store.open();
});
afterAll(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

/** As the file has it: tags that are asked for together are not looked for in memory. */
const inFile = async (tag: number, from: number, to: number) =>
  (await store.ranges([tag, EMPTY], from, to, 100_000)).get(tag) ?? [];

test('whatever is appended, comes late, comes again or is deleted meanwhile, memory and file say the same', async () => {
  const any = random(7);
  const below = (most: number) => Math.floor(any() * most);
  const changes: Promise<void>[] = [];
  const read: Promise<unknown>[] = [];
  const from = T0 - 600_000;
  let seq = 0;
  let newest = from;
  for (let round = 0; round < 150; round++) {
    const samples = Array.from({ length: 1 + below(8) }, (): [number, number, number] => {
      // Mostly newer ones, some of the same time, some late.
      const late = below(4) === 0;
      if (!late) newest += below(3) * 500;
      const at = late ? newest - below(120_000) : newest;
      return [1 + below(3), at, round];
    });
    const again = below(10) === 0;
    changes.push(store.append([record(again ? Math.max(1, seq - 1) : ++seq, columns(...samples))]));
    for (let i = below(3); i > 0; i--) read.push(store.range(1 + below(3), from + below(300_000), T0 + 60_000));
    if (below(40) === 0) changes.push(store.delete([1 + below(3)], newest - 50_000, newest - 40_000));
    if (below(3) > 0) continue;
    // What is committed when somebody asks is in the answer, whoever else is reading at the time.
    await changes.at(-1);
    const tag = 1 + below(3);
    const [memory, file] = [await store.range(tag, from, T0 + 60_000), await inFile(tag, from, T0 + 60_000)];
    expect({ round, samples: memory }).toEqual({ round, samples: file });
  }
  await Promise.all([...changes, ...read]);
  for (const tag of [1, 2, 3]) {
    expect((await inFile(tag, from, T0)).length).toBeGreaterThan(50);
    expect(await store.range(tag, from + 1_000, T0)).toEqual(await inFile(tag, from + 1_000, T0));
  }
});

/** A store that tells what it is asked, and answers when it is told to. */
function rig(mostSamples = 100) {
  const state = { now: T0, asked: [] as number[][], rows: new Map<number, StoredSample[]>() };
  let hold = Promise.resolve();
  const recent = new RecentSamples({
    read: async (tags, from, limit, begins) => {
      begins();
      const seen = tags.map((tag) => {
        const rows = (state.rows.get(tag) ?? []).filter(({ at }) => at >= from).slice(0, limit);
        return [tag, rows] as const;
      });
      state.asked.push(tags);
      await hold;
      return new Map(seen);
    },
    now: () => state.now,
    mostSamples,
  });
  const commit = (tag: number, at: number, value: number) => {
    recent.appending([{ samples: columns([tag, at, value]) }]);
    state.rows.set(tag, [...(state.rows.get(tag) ?? []), { at, value, quality: 0 }]);
    recent.appended();
  };
  const pause = () => {
    let release = () => {};
    hold = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { recent, state, commit, pause };
}

test('a trend that moves on asks the store once, many that begin together ask together', async () => {
  const { recent, state, commit } = rig();
  for (let tag = 1; tag <= 5; tag++) commit(tag, T0 - 5_000, tag);
  const all = await Promise.all([1, 2, 3, 4, 5, 1].map((tag) => recent.range(tag, T0 - 60_000, T0)));
  expect(all.map((samples) => samples?.[0]?.value)).toEqual([1, 2, 3, 4, 5, 1]);
  expect(state.asked).toEqual([[1, 2, 3, 4, 5]]);
  for (let second = 1; second <= 10; second++) {
    state.now = T0 + second * 1_000;
    commit(1, state.now, second);
    expect((await recent.range(1, state.now - 60_000, state.now + 1))?.length).toBe(second + 1);
  }
  expect(state.asked).toHaveLength(1);
});

test('what is committed while the store is read is there for who asks after it, once', async () => {
  const { recent, state, commit, pause } = rig();
  commit(1, T0 - 5_000, 1);
  const release = pause();
  const before = recent.range(1, T0 - 60_000, T0);
  await new Promise(setImmediate);
  expect(state.asked).toHaveLength(1);
  commit(1, T0 - 4_000, 2);
  const after = recent.range(1, T0 - 60_000, T0);
  release();
  expect((await before)?.[0]?.value).toBe(1);
  expect((await after)?.map(({ value }) => value)).toEqual([1, 2]);
});

test('what is old is not kept, nor what nobody asks for any more, nor more than there is room for', async () => {
  const { recent, state, commit } = rig(20);
  expect(await recent.range(1, T0 - 4 * 3_600_000, T0)).toBeNull();
  expect(await recent.range(1, T0 - 3_600_000, T0 - 1_800_000)).toBeNull();
  for (const tag of [1, 2, 3]) {
    for (let i = 0; i < 8; i++) commit(tag, T0 - 10_000 + i, i);
    expect(await recent.range(tag, T0 - 60_000, T0)).toHaveLength(8);
  }
  expect(recent.size).toBe(16);
  expect([1, 2, 3].map((tag) => recent.covers(tag, T0 - 60_000, T0))).toEqual([false, true, true]);
  state.now += 61_000;
  await recent.range(4, state.now - 1_000, state.now);
  expect(recent.size).toBe(0);
  // A tag with too many is read as it ever was, and not tried again at once.
  state.rows.set(
    5,
    Array.from({ length: 20_001 }, (_, i) => ({ at: state.now - 30_000 + i, value: i, quality: 0 })),
  );
  expect(await recent.range(5, state.now - 60_000, state.now)).toBeNull();
  const asked = state.asked.length;
  expect(await recent.range(5, state.now - 60_000, state.now)).toBeNull();
  expect(state.asked).toHaveLength(asked);
  expect(recent.size).toBe(0);
});

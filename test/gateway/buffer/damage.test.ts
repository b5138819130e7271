/** Power cuts, flipped bits and lost files: the rest survives, the damage is kept aside, and no number is used twice. */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskLog } from '@lineside/gateway/buffer/disk-log.ts';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import {
  add,
  collectingLogger,
  drain,
  filesOf,
  flip,
  openBuffer,
  placesIn,
  store,
  storeLarge,
  TAGS,
  valuesOf,
} from './buffer-rig.ts';

const FIRST = '0000000000000001.seg';
type Place = Awaited<ReturnType<typeof placesIn>>[number];

/** A closed buffer with the catalogue as record 1 and the values 2 to 6 as the records of these numbers. */
async function filled() {
  const dir = await tempDir();
  const { buffer } = await openBuffer(dir);
  await store(buffer, 2, 3, 4, 5, 6);
  const { epoch } = buffer;
  await buffer.close();
  return { dir, epoch, path: join(dir, FIRST), places: await placesIn(dir, FIRST, epoch) };
}

const REGIONS: [string, (place: Place) => number][] = [
  ['magic', ({ at }) => at],
  ['length', ({ at }) => at + 4],
  ['high byte of the length', ({ at }) => at + 7],
  ['seq', ({ at }) => at + 8],
  ['total', ({ at }) => at + 16],
  ['time', ({ at }) => at + 24],
  ['sample count', ({ at }) => at + 32],
  ['checksum', ({ at }) => at + 36],
  ['first payload byte', ({ payload }) => payload],
  ['last payload byte', ({ end }) => end - 1],
];

describe('a flipped byte', () => {
  it.each(REGIONS)('in the %s of a record in the middle costs that record alone', async (_, where) => {
    const { dir, path, places } = await filled();
    await flip(path, where(places[3]!));
    const { buffer, logged } = await openBuffer(dir, { tags: [] });
    const records = await drain(buffer);
    expect(valuesOf(records)).toEqual([2, 3, 5, 6]);
    expect(records.find(({ seq }) => seq === 5)!.prev).toBe(3);
    expect(buffer.stats()).toMatchObject({ damagedPlaces: 1, pendingRecords: 6 });
    const [aside] = await filesOf(dir, '.bad');
    const kept = await readFile(join(dir, aside!));
    expect(kept).toEqual((await readFile(path)).subarray(places[3]!.at, places[3]!.end));
    expect(logged.join()).toContain('damaged place');
    await store(buffer, 7);
    expect(valuesOf(await drain(buffer, 5))).toEqual([5, 6, 7]);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(again.buffer.stats().damagedPlaces).toBe(0);
  });

  it.each(REGIONS)(
    'in the %s of the last record costs that record, and its number is not used again',
    async (_, where) => {
      const { dir, path, places } = await filled();
      await flip(path, where(places.at(-1)!));
      const { buffer } = await openBuffer(dir, { tags: [] });
      expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5]);
      expect(buffer.newestSeq).toBe(5);
      expect(await filesOf(dir, '.bad')).toHaveLength(1);
      await store(buffer, 70);
      const last = (await drain(buffer)).at(-1)!;
      expect(last.seq).toBeGreaterThan(6);
      expect(last).toMatchObject({ prev: 5, totalSamples: 5 });
      expect(buffer.stats()).toMatchObject({ pendingSamples: 5, durableSamples: 5 });
      await buffer.committed(5);
      expect(buffer.stats().pendingSamples).toBe(1);
      await buffer.close();
      const again = await openBuffer(dir, { tags: [] });
      expect(valuesOf(await drain(again.buffer))).toEqual([2, 3, 4, 5, 70]);
    },
  );

  it.each([0, 4, 8, 24, 32, 40, 50])('in the head of the segment at %i costs nothing', async (at) => {
    const { dir, path } = await filled();
    await flip(path, at);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5, 6]);
    expect(buffer.stats().damagedPlaces).toBe(at < 44 ? 1 : 0);
    await store(buffer, 7);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([2, 3, 4, 5, 6, 7]);
    expect(again.buffer.stats().damagedPlaces).toBe(0);
  });

  it('in each of the last two records keeps both their numbers from being used again', async () => {
    const { dir, path, places } = await filled();
    await flip(path, places[4]!.payload);
    await flip(path, places[5]!.payload);
    const { buffer } = await openBuffer(dir, { tags: [] });
    await store(buffer, 70);
    expect(buffer.newestSeq).toBe(7);
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 70]);
  });

  it('in the last record of an older segment is found when it is read', async () => {
    const dir = await tempDir();
    const { buffer, committed } = await openBuffer(dir);
    for (let i = 0; i < 8; i++) await storeLarge(buffer, i, 300_000);
    await buffer.close();
    const [first, second] = await filesOf(dir, '.seg');
    const places = await placesIn(dir, first!, buffer.epoch);
    await flip(join(dir, first!), places.at(-1)!.payload + 5);
    const again = await openBuffer(dir, { tags: [] });
    const records = await drain(again.buffer);
    expect(valuesOf(records)).toHaveLength(7);
    const afterGap = records.find(({ seq }) => seq === Number.parseInt(second!, 10))!;
    expect(afterGap.prev).toBe(places.at(-2)!.seq);
    expect(again.buffer.stats().damagedPlaces).toBe(1);
    expect(records.at(-1)!.seq).toBe(committed.at(-1)!.seq);
  });
});

describe('a torn tail', () => {
  it.each([1, 20, 39, 40, 41, 45])('cut off after %i bytes is set aside, and the log goes on', async (kept) => {
    const { dir, path, places } = await filled();
    await truncate(path, places.at(-1)!.at + kept);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5]);
    expect(await filesOf(dir, '.bad')).toHaveLength(1);
    await store(buffer, 70, 71);
    expect(buffer.newestSeq).toBeGreaterThan(7);
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5, 70, 71]);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([2, 3, 4, 5, 70, 71]);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 6, damagedPlaces: 0 });
  });

  it('whose later sectors never came is set aside', async () => {
    const { dir, path, places } = await filled();
    const { payload, end } = places.at(-1)!;
    const bytes = await readFile(path);
    bytes.fill(0, payload + 10, end);
    await writeFile(path, bytes);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5]);
    await store(buffer, 70);
    expect(buffer.newestSeq).toBe(7);
  });

  it('of a segment that got no record yet is no damage', async () => {
    const { dir } = await filled();
    const log = new DiskLog({ dir, segmentBytes: 1024 * 1024, log: collectingLogger([]), now: Date.now });
    await log.open();
    await log.roll();
    await log.close();
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(buffer.stats()).toMatchObject({ pendingSamples: 5, damagedPlaces: 0 });
    await store(buffer, 7);
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5, 6, 7]);
    expect(buffer.newestSeq).toBe(7);
  });
});

describe('a file used again', () => {
  it('never brings back what it held before', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    for (let i = 0; i < 12; i++) await storeLarge(buffer, i, 300_000);
    await buffer.committed(buffer.newestSeq);
    for (let i = 12; i < 15; i++) await storeLarge(buffer, i, 300_000);
    await store(buffer, 15);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer, buffer.committedSeq + 1))).toEqual([12, 13, 14, 15]);
    expect(again.buffer.stats()).toMatchObject({ damagedPlaces: 0, pendingSamples: 7 });
  });

  it('under a new epoch with the same numbers brings nothing back either', async () => {
    const { dir, path } = await filled();
    await rename(path, join(dir, '1.free'));
    await rm(join(dir, 'epoch'));
    const { buffer } = await openBuffer(dir);
    await store(buffer, 100);
    await buffer.close();
    expect(await filesOf(dir, '.free')).toHaveLength(0);
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([100]);
    expect(again.buffer.newestSeq).toBe(2);
  });
});

describe('a segment that becomes unreadable while the gateway runs', () => {
  it('is set aside, and what stands behind it is read', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    for (let i = 0; i < 8; i++) await storeLarge(buffer, i, 300_000);
    await buffer.close();
    const names = await filesOf(dir, '.seg');
    const again = await openBuffer(dir);
    await rm(join(dir, names[1]!));
    await mkdir(join(dir, names[1]!));
    const newest = again.buffer.newestSeq;
    const records = await drain(again.buffer);
    expect(records.map(({ seq }) => seq)).not.toContain(Number.parseInt(names[1]!, 10));
    expect(records.at(-1)!.seq).toBe(newest);
    expect(await filesOf(dir, '.seg.bad')).toEqual([`${names[1]}.bad`]);
    await store(again.buffer, 9);
    expect(again.buffer.newestSeq).toBe(newest + 1);
  });
});

describe('records that begin on a page of their own', () => {
  /** Random text, so that a record of about 3,000 bytes is one. */
  async function paged() {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 1);
    for (let i = 2; i < 8; i++) await storeLarge(buffer, i, 2_000);
    const { epoch } = buffer;
    await buffer.close();
    const places = await placesIn(dir, FIRST, epoch);
    return { dir, path: join(dir, FIRST), places };
  }

  it('leave zeros before them, which are no damage', async () => {
    const { dir, places } = await paged();
    const begun = places.filter(({ at }) => at % 4096 === 0);
    expect(begun.length).toBeGreaterThan(3);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(buffer))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(buffer.stats().damagedPlaces).toBe(0);
    await storeLarge(buffer, 8, 2_000);
    await storeLarge(buffer, 9, 2_000);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(again.buffer.stats().damagedPlaces).toBe(0);
  });

  it.each(REGIONS)('and are damaged in the %s: the last one’s number is not used again', async (_, where) => {
    const { dir, path, places } = await paged();
    const last = places.at(-1)!;
    expect(last.at % 4096).toBe(0);
    await flip(path, where(last));
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(buffer.stats().damagedPlaces).toBe(1);
    await store(buffer, 70);
    expect((await drain(buffer)).at(-1)!.seq).toBeGreaterThan(last.seq);
    expect(valuesOf(await drain(buffer))).toEqual([1, 2, 3, 4, 5, 6, 70]);
  });

  it('are not taken for what an earlier use of the file left on a page', async () => {
    const { dir, path, places } = await paged();
    const [kept, stale] = [places[3]!, places.at(-1)!];
    const bytes = await readFile(path);
    // As after a crash early in the file's second life: sound records, zeros to the end of the page, older ones.
    const page = Math.ceil(kept.end / 4096) * 4096;
    bytes.fill(0, kept.end, page);
    const older = Buffer.from(bytes.subarray(stale.at, stale.end));
    older.writeUInt32LE(1, 8);
    older.writeUInt32LE(0, 24);
    older.writeUInt32LE(0, 28);
    older.copy(bytes, page);
    bytes.fill(0x55, page + older.length);
    await writeFile(path, bytes);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(buffer.stats().damagedPlaces).toBe(0);
    await store(buffer, 70);
    expect((await drain(buffer)).at(-1)!.seq).toBe(kept.seq + 1);
  });
});

describe('a record larger than a segment', () => {
  it('is kept, and the log goes on without a gap', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await storeLarge(buffer, 1, 1_400_000);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    await store(again.buffer, 2);
    expect(valuesOf(await drain(again.buffer))).toEqual([1, 2]);
    expect(again.buffer.newestSeq).toBe(3);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 3, damagedPlaces: 0 });
  });
});

describe('what always starts', () => {
  it.each([
    ['empty', ''],
    ['garbage', 'not an epoch'],
    ['missing', null],
  ])('with an epoch file that is %s keeps the epoch of the records', async (_, text) => {
    const { dir, epoch } = await filled();
    if (text === null) await rm(join(dir, 'epoch'));
    else await writeFile(join(dir, 'epoch'), text);
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(buffer.epoch).toBe(epoch);
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5, 6]);
  });

  it('with a lost epoch and no records begins a new one', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'epoch'), '?');
    const { buffer } = await openBuffer(dir);
    await store(buffer, 1);
    expect(buffer.epoch).toMatch(/^[0-9a-f]{32}$/);
    expect(valuesOf(await drain(buffer))).toEqual([1]);
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['empty', (path) => truncate(path, 0)],
    ['all zeros', (path) => writeFile(path, Buffer.alloc(1024 * 1024))],
    ['all ones', (path) => writeFile(path, Buffer.alloc(1024 * 1024, 0xff))],
    [
      'a directory',
      async (path) => {
        await rm(path);
        await mkdir(path);
      },
    ],
  ])('with a segment that is %s sets it aside and goes on behind it', async (_, spoil) => {
    const { dir, path } = await filled();
    await spoil(path);
    const { buffer } = await openBuffer(dir);
    expect(await filesOf(dir, '.seg.bad')).toEqual([`${FIRST}.bad`]);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 0, pendingRecords: 0, damagedPlaces: expect.any(Number) });
    await store(buffer, 7);
    expect(buffer.newestSeq).toBeGreaterThan(8);
    expect(valuesOf(await drain(buffer))).toEqual([7]);
    expect((await buffer.read(1))!.prev).toBe(0);
  });

  it('with files of another buffer sets them aside', async () => {
    const { dir } = await filled();
    const other = await filled();
    await cp(other.path, join(dir, '0000000000000500.seg'));
    await writeFile(join(dir, 'notes.seg'), 'hello');
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(await filesOf(dir, '.seg.bad')).toEqual(['0000000000000500.seg.bad', 'notes.seg.bad']);
    expect(valuesOf(await drain(buffer))).toEqual([2, 3, 4, 5, 6]);
  });

  it('refuses a directory that is none, and says what to do', async () => {
    const dir = join(await tempDir(), 'file');
    await writeFile(dir, '');
    await expect(openBuffer(dir)).rejects.toMatchObject({ code: 'BUFFER_DIR_UNUSABLE', blame: 'config' });
  });
});

describe('an end without warning', () => {
  it('loses nothing that was reported durable (directory copied while open)', async () => {
    const dir = await tempDir();
    const copy = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 1, 2, 3);
    add(buffer, 4);
    await cp(dir, copy, { recursive: true });
    const again = await openBuffer(copy, { tags: TAGS });
    expect(valuesOf(await drain(again.buffer))).toEqual([1, 2, 3]);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 3, damagedPlaces: 0 });
  });

  it('loses nothing that was reported durable (SIGKILL while writing)', async () => {
    const dir = await tempDir();
    const program = new URL('./endless-writer.ts', import.meta.url).pathname;
    let durable = -1;
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, [program, dir, String(durable + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      let lines = 0;
      let rest = '';
      for await (const chunk of child.stdout.setEncoding('utf8')) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop()!;
        for (const part of parts) durable = Number(part);
        lines += parts.length;
        if (lines > 30) child.kill('SIGKILL');
      }
      await ended;
      const { buffer } = await openBuffer(dir, { tags: [] });
      const values = valuesOf(await drain(buffer));
      expect(values.length).toBeGreaterThan(durable);
      expect(values).toEqual(Array.from({ length: values.length }, (_, i) => i));
      expect(buffer.stats().pendingSamples).toBe(values.length);
      durable = values.length - 1;
      await buffer.close();
    }
  }, 20_000);
});

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectTimeSeries } from '../../../../../hub/store/timeseries/duckdb/copy-database.ts';
import { DuckDbStore } from '../../../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import type { Logger } from '../../../../../shared/log/logger.ts';
import { timeSeriesContract } from '../../../../contract/time-series.ts';
import { columns, record } from '../../../../services/samples.ts';

const EPOCH = '0123456789abcdef0123456789abcdef';
const CHILD = join(import.meta.dirname, 'append-forever.ts');

async function temporary(): Promise<{ dir: string; file: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-duckdb-'));
  return { dir, file: join(dir, 'ts', 'samples.duckdb'), remove: () => rm(dir, { recursive: true, force: true }) };
}

timeSeriesContract('DuckDB', async () => {
  const { file, remove } = await temporary();
  return { handle: (now) => new DuckDbStore({ file, memoryLimit: '128MB', now }), remove };
});

describe('DuckDB store', () => {
  let place: Awaited<ReturnType<typeof temporary>>;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    place = await temporary();
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    await place.remove();
  });

  /** Starts the appending child; `lines` ends with the process. A file-size limit stands in for a full disk. */
  function appendForever(limitKb?: number) {
    const node = [process.execPath, CHILD, place.file, EPOCH];
    const child =
      limitKb === undefined
        ? spawn(node[0] as string, node.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
        : spawn('sh', ['-c', `trap '' XFSZ; ulimit -S -f ${limitKb * 2}; exec "$@"`, 'sh', ...node], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout as NodeJS.ReadableStream }) };
  }

  it('loses nothing it has acknowledged, and doubles nothing, when it is killed again and again', async () => {
    let acknowledged = 0;
    for (let kill = 0; kill < 6; kill++) {
      const { child, lines } = appendForever();
      let left = 10 + kill * 7;
      for await (const line of lines) {
        if (line.startsWith('open')) expect(Number(line.slice(5))).toBeGreaterThanOrEqual(acknowledged);
        else {
          acknowledged = Number(line);
          if (--left === 0) child.kill('SIGKILL');
        }
      }
    }
    const store = new DuckDbStore({ file: place.file });
    await store.open();
    const watermark = await store.watermark('press-1', EPOCH);
    expect(acknowledged).toBeGreaterThanOrEqual(165);
    expect(watermark).toBeGreaterThanOrEqual(acknowledged);
    expect((await store.range(500, 0, watermark + 1)).map((s) => s.value)).toEqual(
      Array.from({ length: watermark }, (_, i) => i + 1),
    );
    expect(await store.count()).toBe(watermark * 500);
    await store.close();
  }, 60_000);

  it('rejects while the disk is full, goes on when there is room again, and has all that it acknowledged', async () => {
    const { child, lines } = appendForever(600);
    const failures: string[] = [];
    let acknowledged = 0;
    let left = 20;
    for await (const line of lines) {
      if (line.startsWith('failed')) {
        failures.push(line);
        if (failures.length === 3) spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
        if (failures.length === 100) child.kill('SIGKILL');
      } else if (!line.startsWith('open')) {
        acknowledged = Number(line);
        if (failures.length > 0 && --left === 0) child.kill('SIGKILL');
      }
    }
    expect(failures.length).toBeGreaterThanOrEqual(3);
    expect(failures[0]).toMatch(/^failed STORE_APPEND .*samples\.duckdb/);
    expect(left).toBe(0);
    const store = new DuckDbStore({ file: place.file });
    await store.open();
    const watermark = await store.watermark('press-1', EPOCH);
    expect(watermark).toBeGreaterThanOrEqual(acknowledged);
    expect((await store.range(500, 0, watermark + 1)).map((s) => s.value)).toEqual(
      Array.from({ length: watermark }, (_, i) => i + 1),
    );
    await store.close();
  }, 30_000);

  it('answers, copies and stores the same while it opens its file anew', async () => {
    const told: string[] = [];
    const log = new Proxy({} as Logger, { get: () => (_: object, text: string) => told.push(text) });
    const store = new DuckDbStore({ file: place.file, copyDir: place.dir, reopenAfter: 10, log });
    await store.open();
    const copy = join(place.dir, 'copy.duckdb');
    const other: Promise<unknown>[] = [];
    for (let seq = 1; seq <= 40; seq++) {
      const appended = store.append([record(seq, columns([7, seq, seq])), record(seq, columns([7, 0, -1]))]);
      other.push(
        store.range(7, 0, 1_000, {}).then((samples) => expect(samples.length).toBeGreaterThanOrEqual(seq - 1)),
      );
      if (seq === 25) other.push(store.copyTo(copy, async () => undefined));
      await appended;
    }
    await Promise.all(other);
    expect(told.filter((text) => text.includes('opened again')).length).toBeGreaterThanOrEqual(2);
    expect(await store.watermark('press-1', EPOCH)).toBe(40);
    expect((await store.range(7, 0, 1_000)).map(({ value }) => value)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    await store.close();
    expect((await inspectTimeSeries(copy)).rows.samples).toBeGreaterThanOrEqual(24);
  }, 30_000);

  it('names the process that holds the file', async () => {
    const { child, lines } = appendForever();
    await once(lines, 'line');
    const store = new DuckDbStore({ file: place.file });
    await expect(store.open()).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`PID ${child.pid}`),
    });
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await store.open();
    await store.close();
  }, 30_000);

  it('refuses a second store of the same file in one process, where the file lock would not', async () => {
    const first = new DuckDbStore({ file: place.file });
    const second = new DuckDbStore({ file: join(place.dir, '.', 'ts', '..', 'ts', 'samples.duckdb') });
    await first.open();
    await expect(second.open()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await second.close();
    await first.append([record(1, columns([1, 1, 1]))]);
    await first.close();
    await second.open();
    expect(await second.count()).toBe(1);
    await second.close();
  });

  it('names a damaged file and leaves it as it is', async () => {
    const store = new DuckDbStore({ file: place.file });
    await store.open();
    await store.append([record(1, columns([1, 1, 1]))]);
    await store.close();
    const bytes = await readFile(place.file);
    for (const damage of [
      Buffer.from('this is not a database\n'.repeat(1_000)),
      flipped(bytes),
      bytes.subarray(0, 9_000),
    ]) {
      await writeFile(place.file, damage);
      await expect(store.open()).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
        message: expect.stringContaining(place.file),
      });
      expect(await readFile(place.file)).toEqual(Buffer.from(damage));
    }
    await writeFile(place.file, bytes);
    await store.open();
    expect(await store.count()).toBe(1);
    await store.close();
  });

  it('says what is wrong when the place cannot be used', async () => {
    await writeFile(join(place.dir, 'file'), '');
    const store = new DuckDbStore({ file: join(place.dir, 'file', 'samples.duckdb') });
    await expect(store.open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
  });

  it('leaves no write-ahead log behind after a clean close', async () => {
    const store = new DuckDbStore({ file: place.file });
    await store.open();
    await store.append([record(1, columns([1, 1, 1]))]);
    await store.close();
    await expect(stat(`${place.file}.wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  // Both headers follow the main one, 4 KiB each: without a whole one there is no database.
  for (const at of [4_096 + 16, 8_192 + 16]) copy[at] = (copy[at] as number) ^ 0xff;
  return copy;
}

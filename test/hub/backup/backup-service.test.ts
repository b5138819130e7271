/** When backups are made, which go, and what the hub says of them. What is in them is in backup.test.ts. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BackupService } from '../../../hub/backup/backup-service.ts';
import { type BackupSource, type MakeOptions, makeBackup } from '../../../hub/backup/make-backup.ts';
import { writeManifest } from '../../../hub/backup/manifest.ts';
import { tempDir } from '../../services/temp-dir.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 22);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function rig(change: { everyHours?: number; keep?: number; dir?: string } = {}) {
  const dir = change.dir ?? join(await tempDir(), 'backups');
  const world = { at: START, failing: '' };
  const make = async (options: MakeOptions) => {
    if (world.failing) throw new Error(world.failing);
    const path = join(options.dir, `lineside-hub-${new Date(options.now()).toISOString().replace(/[-:]/g, '')}`);
    await mkdir(path, { recursive: true });
    const madeAt = options.now();
    const none = { files: {}, migrations: [], watermarks: [], rows: { relational: {}, timeSeries: { samples: 1 } } };
    return {
      path,
      manifest: await writeManifest(path, { hub: '1', postgres: '18', madeAt, finishedAt: madeAt, ...none }),
    };
  };
  const service = new BackupService({
    ...{ dir, everyHours: 24, keep: 3, ...change, source: {} as BackupSource },
    log: pino({ level: 'silent' }),
    now: () => world.at,
    makeBackup: make,
  });
  await service.start();
  /** Time goes on, and the service looks once. */
  const pass = async (ms: number) => {
    world.at += ms;
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => expect(service.figures().running).toBe(false));
  };
  return { dir, world, service, pass };
}

test('one is made soon after the start, then when it is due, and the oldest go', async () => {
  const { dir, service, pass } = await rig();
  await pass(1_000);
  expect(await readdir(dir)).toEqual([]);
  await pass(60_000);
  expect(await readdir(dir)).toEqual(['lineside-hub-20261122T000101.000Z']);
  await pass(HOUR);
  expect(await readdir(dir)).toHaveLength(1);
  for (let day = 0; day < 4; day++) await pass(24 * HOUR);
  expect((await readdir(dir)).sort()).toEqual([
    'lineside-hub-20261124T010101.000Z',
    'lineside-hub-20261125T010101.000Z',
    'lineside-hub-20261126T010101.000Z',
  ]);
  expect(service.fault()).toBe('');
  await service.stop();
});

test('a new process goes on with what is there, and removes what one before has left half', async () => {
  const { dir, service, pass } = await rig();
  await pass(61_000);
  await service.stop();
  await mkdir(join(dir, '.partial-lineside-hub-20261122T000200.000Z'));
  await mkdir(join(dir, 'lineside-hub-20261122T000300.000Z'));
  await writeFile(join(dir, 'lineside-hub-20261122T000300.000Z', 'manifest.json'), '{');
  const next = await rig({ dir });
  expect(next.service.figures().newestAt).toBe(START + 61_000);
  expect(await readdir(dir)).toHaveLength(2);
  await next.pass(23 * HOUR);
  expect(await readdir(dir)).toHaveLength(2);
  await next.pass(2 * HOUR);
  expect(await readdir(dir)).toHaveLength(3);
  await next.service.stop();
});

test('one that fails is tried again soon, and said with its reason; one that is too old is said with its age', async () => {
  const { world, service, pass } = await rig();
  world.failing = 'ENOSPC: no space left on device';
  await pass(61_000);
  expect(service.fault()).toMatch(/there is no backup in .*: ENOSPC/);
  world.failing = '';
  await pass(HOUR);
  expect(service.fault()).toBe('');
  world.failing = 'EIO';
  await pass(24 * HOUR);
  expect(service.fault()).toBe('');
  await pass(25 * HOUR);
  expect(service.fault()).toMatch(/the newest backup in .* is 49\.0 hours old: EIO/);
  expect(service.figures().failures).toBe(3);
  await service.stop();
});

test('without a schedule nothing is made and nothing is missed', async () => {
  const { dir, service, pass } = await rig({ everyHours: 0 });
  await pass(100 * HOUR);
  expect([await readdir(dir), service.fault()]).toEqual([[], '']);
  await Promise.all([service.make('anna'), expect(service.make('ben')).rejects.toThrow(/being made already/)]);
  await service.stop();
});

test('a disk that fills up leaves nothing half behind', async () => {
  const folder = await tempDir();
  const dir = join(folder, 'backups');
  await mkdir(join(folder, 'data', 'relational'), { recursive: true });
  const source: BackupSource = {
    dataDir: join(folder, 'data'),
    copyRelational: async (to) => {
      await mkdir(to, { recursive: true });
      await writeFile(join(to, 'PG_VERSION'), '18');
      return async () => undefined;
    },
    copyTimeSeries: () => Promise.reject(new Error('ENOSPC: no space left on device')),
  };
  await expect(makeBackup({ source, dir, onProgress: () => undefined, now: Date.now })).rejects.toThrow(/ENOSPC/);
  expect(await readdir(dir)).toEqual([]);
});

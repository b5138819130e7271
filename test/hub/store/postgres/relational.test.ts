import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { commitRecords, listGaps, watermarks } from '../../../../hub/store/postgres/ledger.ts';
import { MIGRATIONS, migrate, status } from '../../../../hub/store/postgres/migrate.ts';
import { openRelational } from '../../../../hub/store/postgres/relational.ts';
import { relationalContract } from '../../../contract/relational.ts';
import { newRelational } from '../../../services/new-relational.ts';
import { shortLivedFlags } from '../../../services/short-lived.ts';

const CHILD = join(import.meta.dirname, 'insert-forever.ts');

let root: string;
let copies = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lineside-pglite-'));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function copy(): Promise<string> {
  const dataDir = join(root, `copy-${++copies}`);
  await newRelational(dataDir);
  return dataDir;
}

relationalContract('PGlite', async () => openRelational({ dataDir: await copy() }));

describe('PGlite store', () => {
  const children: ChildProcess[] = [];

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });

  function insertForever(dataDir: string) {
    const child = spawn(process.execPath, [...shortLivedFlags(), CHILD, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout as NodeJS.ReadableStream }) };
  }

  it('syncs each commit to the disk', async () => {
    const store = await openRelational({ dataDir: await copy() });
    const settings =
      await sql`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
      current_setting('wal_sync_method') as method`.execute(store.db);
    expect(settings.rows).toEqual([{ fsync: 'on', commit: 'on', method: 'fsync' }]);
    const before = await store.diagnostics();
    for (let seq = 1; seq <= 20; seq++) {
      await commitRecords(store.db, {
        gateway: 'g',
        epoch: 'e',
        seq,
        samples: 1,
        gaps: [],
        alarmEvents: [],
        events: [],
        at: seq,
      });
    }
    expect((await store.diagnostics()).fileSyncs - before.fileSyncs).toBeGreaterThanOrEqual(20);
    await sql`select pg_switch_wal()`.execute(store.db);
    await sql`create table after_switch (n int)`.execute(store.db);
    // A new log segment is renamed into place, which only its directory's sync makes last.
    expect((await store.diagnostics()).directorySyncs).toBeGreaterThan(before.directorySyncs);
    await store.close();
  }, 60_000);

  it('loses nothing that it has acknowledged when it is killed, and takes the dead lock over', async () => {
    const dataDir = await copy();
    let acknowledged = 0;
    for (const count of [1, 40, 5]) {
      const { child, lines } = insertForever(dataDir);
      const exited = once(child, 'exit');
      let left = count;
      for await (const line of lines) {
        if (line.startsWith('open')) expect(Number(line.slice(5))).toBeGreaterThanOrEqual(acknowledged);
        else {
          acknowledged = Number(line);
          if (--left === 0) child.kill('SIGKILL');
        }
      }
      // Its output ends before it does.
      await exited;
    }
    const { db, close } = await openRelational({ dataDir });
    const [row] = await watermarks(db);
    expect(acknowledged).toBeGreaterThanOrEqual(46);
    expect(row?.seq).toBeGreaterThanOrEqual(acknowledged);
    expect(row?.samples).toBe(row?.seq);
    expect(await listGaps(db, 'g', 10_000)).toHaveLength(row?.seq as number);
    await close();
  }, 60_000);

  it('names the process that holds the directory, be it another or this one', async () => {
    const dataDir = await copy();
    const { child, lines } = insertForever(dataDir);
    await once(lines, 'line');
    const refused = await openRelational({ dataDir }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'STORE_LOCKED' });
    expect(refused.message).toContain(`PID ${child.pid}`);
    expect(refused.message).toContain(dataDir);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    const store = await openRelational({ dataDir });
    await expect(openRelational({ dataDir })).rejects.toThrow(`PID ${process.pid}`);
    await store.close();
    await store.close();
    expect(await readdir(dataDir)).toEqual(['data']);
  }, 60_000);

  it('begins anew when it was cut off while it made the database', async () => {
    const dataDir = await copy();
    await writeFile(join(dataDir, 'creating'), '');
    await rm(join(dataDir, 'data', 'global'), { recursive: true });
    const { db, close } = await openRelational({ dataDir });
    expect(await watermarks(db)).toEqual([]);
    await close();
    expect(await readdir(dataDir)).toEqual(['data']);
  }, 60_000);

  it('says that a damaged database does not start, leaves it as it is, and gives the lock back', async () => {
    const dataDir = await copy();
    await rm(join(dataDir, 'data', 'global', 'pg_control'));
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = await openRelational({ dataDir }).catch((error) => error);
      expect(refused).toMatchObject({ code: 'STORE_DAMAGED' });
      expect(refused.message).toContain(dataDir);
    }
    expect(await readdir(join(dataDir, 'data'))).toContain('base');
  }, 60_000);

  it('reports a database that hangs, instead of waiting for it for ever, and goes on after a new start', async () => {
    const dataDir = await copy();
    const failures: string[] = [];
    const store = await openRelational({
      dataDir,
      deadlineMs: 1_000,
      onFailure: (error) => failures.push(error.code),
    });
    const endless = sql`select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b`;
    await expect(endless.execute(store.db)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(watermarks(store.db)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(failures).toEqual(['STORE_FAILED']);
    await store.close();
    const again = await openRelational({ dataDir });
    expect(await watermarks(again.db)).toEqual([]);
    await again.close();
  }, 60_000);

  it('says what is wrong when the place cannot be used', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(openRelational({ dataDir: join(root, 'file', 'db') })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
    });
  });
});

describe('migrations', () => {
  let store: Awaited<ReturnType<typeof openRelational>>;
  let directory: string;

  beforeAll(async () => {
    store = await openRelational({ dataDir: await copy() });
    directory = join(root, 'migrations');
    await cp(MIGRATIONS, directory, { recursive: true });
  }, 60_000);

  afterAll(async () => {
    await store.close();
  });

  it('applies what is new, in order, once', async () => {
    await writeFile(join(directory, '0901-b.sql'), 'insert into b_table values (2); insert into b_table values (3);');
    await writeFile(join(directory, '0900-a.sql'), 'create table b_table (n int); insert into b_table values (1);');
    expect((await status(store.db, directory)).slice(-2).map((entry) => entry.state)).toEqual(['pending', 'pending']);
    expect(await migrate(store.db, undefined, directory)).toEqual(['0900-a.sql', '0901-b.sql']);
    expect(await migrate(store.db, undefined, directory)).toEqual([]);
    expect((await sql`select n from b_table order by n`.execute(store.db)).rows).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 3 },
    ]);
    expect((await status(store.db, directory)).every((entry) => entry.state === 'applied')).toBe(true);
  });

  it('rolls a failing file back, names it, and keeps those before it', async () => {
    await writeFile(join(directory, '0902-c.sql'), 'create table c_table (n int);');
    await writeFile(join(directory, '0903-d.sql'), 'create table d_table (n int); insert into nowhere values (1);');
    await expect(migrate(store.db, undefined, directory)).rejects.toThrow(/0903-d\.sql.*nowhere/);
    const tables = await sql`select to_regclass('c_table')::text as c, to_regclass('d_table')::text as d`.execute(
      store.db,
    );
    expect(tables.rows).toEqual([{ c: 'c_table', d: null }]);
    await rm(join(directory, '0903-d.sql'));
  });

  it('names a file that was changed, lost or slipped in after the fact, and applies nothing', async () => {
    const file = join(directory, '0901-b.sql');
    const text = await readFile(file, 'utf8');
    await writeFile(join(directory, '0999-z.sql'), 'create table z_table (n int);');
    const expectRefused = async (code: string, name: string) => {
      await expect(migrate(store.db, undefined, directory)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(name),
      });
    };
    await writeFile(file, `${text} `);
    await expectRefused('MIGRATION_CHANGED', '0901-b.sql');
    await rm(file);
    await expectRefused('MIGRATION_MISSING', '0901-b.sql');
    await writeFile(file, text);
    await writeFile(join(directory, '0500-early.sql'), 'select 1;');
    await expectRefused('MIGRATION_ORDER', '0500-early.sql');
    await rm(join(directory, '0500-early.sql'));
    await writeFile(join(directory, '0901-twice.sql'), 'select 1;');
    await expectRefused('MIGRATION_ORDER', '0901-twice.sql');
    await rm(join(directory, '0901-twice.sql'));
    expect((await sql`select to_regclass('z_table')::text as z`.execute(store.db)).rows).toEqual([{ z: null }]);
    await mkdir(join(directory, 'folder'));
    expect(await migrate(store.db, undefined, directory)).toEqual(['0999-z.sql']);
  });
});

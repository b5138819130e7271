import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@lineside/shared/cli/program.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { HUB_COMMANDS } from '../../../../hub/commands/all.ts';
import type { RelationalConfig } from '../../../../hub/store/postgres/config.ts';
import { touchGateway } from '../../../../hub/store/postgres/gateways.ts';
import { watermarks } from '../../../../hub/store/postgres/ledger.ts';
import { MIGRATIONS, migrate } from '../../../../hub/store/postgres/migrate.ts';
import type { Relational } from '../../../../hub/store/postgres/relational.ts';
import { openServer } from '../../../../hub/store/postgres/server.ts';
import { inTransaction } from '../../../../hub/store/postgres/transaction.ts';
import { relationalContract } from '../../../contract/relational.ts';
import { authority, signed } from '../../../services/certificates.ts';
import { hasPostgres, Postgres } from '../../../services/postgres.ts';
import { TcpCutter } from '../../../services/tcp-cutter.ts';

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: site, name: Site, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }], areas: [] }
`;

const DOCUMENT = join(import.meta.dirname, '../../../../docs/operations/postgresql.md');

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: Postgres;
  let dir: string;
  let ca: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-pg-test-'));
    const by = authority(dir, 'plant-ca');
    const own = signed(dir, by, 'db.plant');
    ca = by.cert;
    server = await Postgres.start(['deadlock_timeout=50ms'], {
      files: { 'server.pem': readFileSync(own.cert, 'utf8'), 'server.key': readFileSync(own.key, 'utf8') },
      settings: (folder) => ['ssl=on', `ssl_cert_file=${folder}/server.pem`, `ssl_key_file=${folder}/server.key`],
      access: ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'],
    });
  });

  afterAll(async () => {
    await server?.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  relationalContract('PostgreSQL', () => server.open());

  /** Opens as a hub does; closed when the test is over. */
  async function open(settings: RelationalConfig, more: Partial<Parameters<typeof openServer>[0]> = {}) {
    const resolvePath = (path: string) => join(dir, path);
    const store = await openServer({ ...settings, resolvePath, applicationName: 'lineside-test', ...more });
    opened.push(store);
    return store;
  }
  const opened: Relational[] = [];
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()));
  });

  async function refusal(settings: RelationalConfig): Promise<string> {
    const error = await open(settings).then(
      () => new Error('it was opened'),
      (reason: Error & { code?: string }) => reason,
    );
    return `${(error as { code?: string }).code} ${messageOf(error)}`;
  }

  it('is set up by the statements of its document, with a hub that can do nothing but read and write rows', async () => {
    const statements = /```sql\n([\s\S]*?)```/.exec(readFileSync(DOCUMENT, 'utf8'))![1]!;
    await server.sql(statements);
    await writeFile(join(dir, 'owner-secret'), 'one-secret\n');
    await writeFile(join(dir, 'hub-secret'), 'another-secret\n');
    const settings = server.settings('lineside', { username: 'lineside', passwordFile: 'hub-secret' });
    expect(await refusal(settings)).toMatch(/STORE_REFUSED.*"lineside" lacks a right.*permission denied.*public/);
    const byHand = { ...settings, migrateAtStart: false };
    expect(await refusal(byHand)).toMatch(/MIGRATION_PENDING.*0001-first-tables\.sql \(pending\).*hub migrate up/);

    const config = join(dir, 'hub.yaml');
    await writeFile(config, JSON.stringify({ plant: 'plant.yaml', relational: byHand }));
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    const told: string[] = [];
    const spies = [
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => told.push(String(text)) > 0),
      vi.spyOn(console, 'error').mockImplementation((text) => void told.push(String(text))),
    ];
    const command = async (action: string, owner = false) => {
      told.length = 0;
      const as = owner ? ['--username', 'lineside_owner', '--password-file', join(dir, 'owner-secret')] : [];
      const code = await runCommand('hub', HUB_COMMANDS, ['migrate', action, '--config', config, ...as]);
      return { code, told: told.join('') };
    };
    const pending = await command('status');
    const refused = await command('up');
    const applied = await command('up', true);
    const again = await command('up', true);
    const clean = await command('status');
    await server.sql(`update migrations set sha256 = '' where name like '0002%'`, 'lineside');
    await server.sql(`insert into migrations values ('9999-later.sql', '', 0)`, 'lineside');
    const strange = await command('status');
    await server.sql(`delete from migrations where name like '9999%'`, 'lineside');
    for (const spy of spies) spy.mockRestore();
    expect(pending).toMatchObject({ code: 3, told: expect.stringMatching(/0001-first-tables\.sql +PENDING\n/) });
    expect(refused).toMatchObject({ code: 1, told: expect.stringContaining('permission denied') });
    expect(applied).toMatchObject({ code: 0, told: expect.stringMatching(/0001-first-tables\.sql +applied\n/) });
    expect(again).toMatchObject({ code: 0, told: 'Nothing was pending.\n' });
    expect(clean).toMatchObject({
      code: 0,
      told: expect.stringMatching(/0001.* 20\d\d-\d\d-\d\d \d\d:.* applied\n/),
    });
    expect(strange.code).toBe(1);
    expect(strange.told).toMatch(/0002-gateway-events\.sql .*CHANGED/);
    expect(strange.told).toMatch(/9999-later\.sql .*MISSING/);
    expect(await refusal(byHand)).toMatch(/MIGRATION_PENDING.*0002-gateway-events\.sql \(changed\)/);

    const restored = readFileSync(join(MIGRATIONS, '0002-gateway-events.sql'), 'utf8');
    await server.sql(
      `update migrations set sha256 = encode(sha256(convert_to($text$${restored}$text$, 'UTF8')), 'hex') where name like '0002%'`,
      'lineside',
    );
    const { db } = await open(byHand);
    await touchGateway(db, 'line-1', 1);
    for (const statement of ['create table own (n int)', 'drop table gateways', 'alter table gateways add n int']) {
      await expect(sql.raw(statement).execute(db)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('says what is wrong when it does not let the hub in, or will not do', async () => {
    await server.sql(`create role guest login password 'right'`);
    await server.sql(`create database latin encoding 'LATIN1' template template0`);
    await writeFile(join(dir, 'wrong-secret'), 'wrong\n');
    const guest = { username: 'guest', passwordFile: 'wrong-secret' };
    expect(await refusal(server.settings('postgres', guest))).toMatch(
      /^STORE_REFUSED.*"guest".*relational.passwordFile/,
    );
    expect(await refusal(server.settings('postgres', { username: 'guest' }))).toMatch(
      /^STORE_REFUSED.*set relational.passwordFile/,
    );
    expect(await refusal(server.settings('nowhere'))).toMatch(
      /^STORE_REFUSED.*"nowhere" does not exist; create the database/,
    );
    expect(await refusal(server.settings('latin'))).toMatch(
      /^STORE_ENCODING.*LATIN1; create the database with encoding 'UTF8'/,
    );
    const older = await new TcpCutter(server.port, (answer) => replaced(answer, /1[5-9]0\d{3}/, '140021')).listen();
    const settings = server.settings('postgres', { url: `postgres://127.0.0.1:${older.port}/postgres` });
    expect(await refusal(settings)).toMatch(/^STORE_TOO_OLD.*is version 14; Lineside needs 15 or newer/);
    await older.close();
  });

  it('speaks TLS with the server that its authority has signed, and with no other', async () => {
    const database = await server.newDatabase();
    const tls = { caFile: 'plant-ca.pem', serverName: 'db.plant' };
    expect(ca).toBe(join(dir, tls.caFile));
    const { db } = await open(server.settings(database, { tls }));
    const { rows } = await sql`select ssl, version from pg_stat_ssl where pid = pg_backend_pid()`.execute(db);
    expect(rows).toMatchObject([{ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) }]);
    const untrusted = { serverName: 'db.plant' };
    expect(await refusal(server.settings(database, { tls: untrusted }))).toMatch(/^STORE_REFUSED.*set tls.caFile/);
    const other = { caFile: 'plant-ca.pem', serverName: 'other.plant' };
    expect(await refusal(server.settings(database, { tls: other }))).toMatch(/^STORE_REFUSED.*set tls.serverName/);
  });

  it('ends a statement that takes too long, and not one whose answer came while this process hung', async () => {
    const settings = server.settings(await server.newDatabase(), { statementTimeoutMs: 300 });
    const { db } = await open(settings);
    await expect(sql`select pg_sleep(30)`.execute(db)).rejects.toMatchObject({ code: '57014' });
    await sql`select 1`.execute(db);
    const asked = sql`select 1`.execute(db);
    // The question has left before the process hangs.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    hang(1_000);
    await asked;
  });

  it('ends a transaction that stands still, whether or not something is asked in it before that is heard', async () => {
    const database = await server.newDatabase();
    const { db } = await open(server.settings(database, { idleInTransactionTimeoutMs: 100 }));
    const ended = () =>
      vi.waitFor(async () => {
        const still = `select count(*) from pg_stat_activity where datname = '${database}' and state like 'idle in%'`;
        expect(await server.sql(still)).toBe('0');
      }, 15_000);
    for (const heard of [ended, () => hang(1_500)]) {
      const still = inTransaction(db, async (trx) => {
        await sql`select 1`.execute(trx);
        await heard();
        await sql`select 1`.execute(trx);
      });
      await expect(still).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    }
  });

  it('bounds the wait for a connection', async () => {
    const limits = { poolSize: 2, connectTimeoutMs: 1_000 };
    const { db } = await open(server.settings(await server.newDatabase(), limits));
    const over = Promise.withResolvers<void>();
    const taken = [1, 2].map(() => Promise.withResolvers<void>());
    const held = taken.map(({ resolve }) =>
      inTransaction(db, async () => {
        resolve();
        await over.promise;
      }),
    );
    await Promise.race([Promise.all(taken.map(({ promise }) => promise)), Promise.all(held)]);
    await expect(sql`select 1`.execute(db)).rejects.toMatchObject({
      code: 'STORE_BUSY',
      message: expect.stringMatching(/all 2 connections .* raise relational.poolSize/),
    });
    over.resolve();
    await Promise.all(held);
  });

  it('bounds the wait for a server that hangs, and goes on when it is back', async () => {
    const wire = await new TcpCutter(server.port).listen();
    const database = await server.newDatabase();
    const url = `postgres://127.0.0.1:${wire.port}/${database}`;
    const { db } = await open({ ...server.settings(database, { statementTimeoutMs: 300 }), url });
    wire.freeze();
    await expect(sql`select 1`.execute(db)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    wire.thaw();
    await vi.waitFor(() => sql`select 1`.execute(db), 15_000);
    await wire.close();
  });

  it('tries again what PostgreSQL has undone for the sake of another', async () => {
    const { db } = await open(server.settings(await server.newDatabase()));
    for (const id of ['a', 'b']) await touchGateway(db, id, 1);
    let met = 0;
    let go = () => {};
    const both = new Promise<void>((resolve) => {
      go = resolve;
    });
    let tries = 0;
    const crosswise = (first: string, second: string) =>
      inTransaction(db, async (trx) => {
        tries++;
        await touchGateway(trx, first, tries);
        if (++met === 2) go();
        await both;
        await touchGateway(trx, second, tries);
      });
    await Promise.all([crosswise('a', 'b'), crosswise('b', 'a')]);
    // Whoever is undone may come upon the other once more.
    expect(tries).toBeGreaterThanOrEqual(3);
    let failing = 0;
    const never = inTransaction(db, async (trx) => {
      failing++;
      await sql`do $$ begin raise exception 'again' using errcode = '40001'; end $$`.execute(trx);
    });
    await expect(never).rejects.toMatchObject({ code: '40001' });
    expect(failing).toBe(6);
  });

  it('is waited for at the start, survives being killed, and is named while it is away', async () => {
    const own = await Postgres.start();
    const database = await own.newDatabase();
    const settings = own.settings(database, { connectTimeoutMs: 1_000 });
    await own.kill();
    const lines: string[] = [];
    const heard = (words: string) => vi.waitFor(() => expect(lines.join('')).toContain(words), 10_000);
    const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
    const stop = new AbortController();
    const givenUp = open(settings, { log, signal: stop.signal });
    const opening = open(settings, { log });
    await heard('waiting for PostgreSQL');
    stop.abort();
    await expect(givenUp).rejects.toMatchObject({ code: 'STOPPED' });
    await own.restart();
    const store = await opening;
    await touchGateway(store.db, 'line-1', 1);
    const transaction = inTransaction(store.db, async (trx) => {
      await touchGateway(trx, 'line-2', 2);
      await own.kill();
      await touchGateway(trx, 'line-3', 3);
    });
    await expect(transaction).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await expect(watermarks(store.db)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(store.fault).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+\/lineside_1 is away: .*ECONNREFUSED/);
    await own.restart();
    await vi.waitFor(() => expect(store.fault).toBe(''), 10_000);
    await heard('PostgreSQL is back');
    expect((await store.db.selectFrom('gateways').select('id').execute()).map(({ id }) => id)).toEqual(['line-1']);
    await store.close();
    await own.dispose();
  });

  it('is migrated once by hubs that start at the same time', async () => {
    await server.sql('create database empty');
    const directory = join(dir, 'migrations');
    await cp(MIGRATIONS, directory, { recursive: true });
    const settings = server.settings('empty');
    const hubs = await Promise.all([1, 2, 3].map(() => open(settings)));
    const done = await Promise.all(hubs.map(({ db }) => migrate(db, undefined, directory)));
    expect(done).toEqual([[], [], []]);
    expect(Number(await server.sql('select count(*) from migrations', 'empty'))).toBeGreaterThan(3);
  });
});

/** This process does and hears nothing for so long. Milliseconds. */
function hang(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Of the same length, so that the server's messages stay whole. */
function replaced(answer: Buffer, pattern: RegExp, by: string): Buffer {
  return Buffer.from(answer.toString('latin1').replace(pattern, by), 'latin1');
}

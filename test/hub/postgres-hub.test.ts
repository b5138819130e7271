/** A hub whose PostgreSQL is killed under it, again and again, while gateways send. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DuckDbStore } from '../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { hasPostgres, Postgres } from '../services/postgres.ts';
import { Program } from '../services/program.ts';
import { WireGateway } from '../services/wire-gateway.ts';

const GATEWAYS = ['g-1', 'g-2', 'g-3'];
const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: site, name: Site, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }] }
`;
/** What the hub may know by heart, and what it has to ask the database for. */
const READS = ['overview', 'tags', 'gateways', 'users', 'audit'];
const ASKED_FOR = 2;
const wait = { timeout: 30_000, interval: 100 };

interface Told {
  url: string;
  mqttPort: number;
  firstPassword: string;
}

describe.skipIf(!hasPostgres)('the hub on a PostgreSQL that is killed', { timeout: 120_000 }, () => {
  let dir: string;
  let postgres: Postgres;
  let database: string;
  let hub: Program;
  let told: Told;
  let cookie = '';
  const gateways: WireGateway[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-hub-postgres-'));
    postgres = await Postgres.start();
    database = await postgres.newDatabase();
    const config = `plant: plant.yaml
dataDir: data
http: { port: 0 }
mqtt: { port: 0 }
gateways: [${GATEWAYS.map((id) => `{ id: ${id}, passwordFile: secret }`).join(', ')}]
relational: { url: "${postgres.url(database)}", username: postgres, poolSize: 5 }
timeSeries: { memoryLimit: 128MB }
`;
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    await writeFile(join(dir, 'hub.yaml'), config);
    await writeFile(join(dir, 'secret'), 'secret\n', { mode: 0o600 });
    hub = new Program({ name: 'hub', args: ['hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')] });
    told = (await hub.start()) as unknown as Told;
    const login = await fetch(`${told.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'admin', password: told.firstPassword }),
    });
    cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
    const url = `mqtt://127.0.0.1:${told.mqttPort}`;
    for (const [i, id] of GATEWAYS.entries()) {
      gateways.push(await WireGateway.start(url, id, String(i).repeat(32), 'secret'));
    }
  });
  afterAll(async () => {
    for (const gateway of gateways) gateway.end();
    await hub?.dispose();
    await postgres?.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  /** Every gateway hears of commits that were made after now. */
  async function allGoOn(): Promise<void> {
    const since = gateways.map(({ seq }) => seq);
    await vi.waitFor(
      () => expect(gateways.filter(({ committed }, i) => committed <= since[i]!).map(({ id }) => id)).toEqual([]),
      wait,
    );
  }

  async function ready(): Promise<{ code: number; missing: string[] }> {
    const answer = await fetch(`${told.url}/ready`);
    return { code: answer.status, missing: ((await answer.json()) as { missing: string[] }).missing };
  }

  /** What the API answers to one who has signed in. */
  async function read(name: string): Promise<{ name: string; status: number; type: string; code?: string }> {
    const answer = await fetch(`${told.url}/api/v1/${name}`, { headers: { cookie } });
    const { code } = (await answer.json()) as { code?: string };
    const type = answer.headers.get('content-type')!.split(';')[0]!;
    return { name, status: answer.status, type, ...(code === undefined ? {} : { code }) };
  }

  const readAll = () => Promise.all(READS.map(read));
  const fine = READS.map((name) => ({ name, status: 200, type: 'application/json' }));

  test('takes nothing for stored meanwhile, says what is wrong, and goes on by itself with nothing lost or doubled', async () => {
    await allGoOn();
    expect(await readAll()).toEqual(fine);
    for (let kills = 0; kills < 3; kills++) {
      await postgres.kill();
      // Asked from the first moment on: whatever was under way as it died is a 503 too.
      const asked: Awaited<ReturnType<typeof read>>[] = [];
      const place = expect.stringContaining(`127.0.0.1:${postgres.port}`);
      await vi.waitFor(async () => {
        asked.push(...(await readAll()));
        expect(await ready()).toMatchObject({ code: 503, missing: expect.arrayContaining([place]) });
      }, wait);
      const committed = gateways.map((gateway) => gateway.committed);
      const sent = gateways.map(({ seq }) => seq + 10);
      await vi.waitFor(() => expect(gateways.every(({ seq }, i) => seq >= sent[i]!)).toBe(true), wait);
      asked.push(...(await readAll()));
      expect(gateways.map((gateway) => gateway.committed)).toEqual(committed);
      const problem = { status: 503, type: 'application/problem+json', code: 'STORE_UNREACHABLE' };
      const failed = asked.filter(({ status }) => status !== 200);
      expect(failed).toEqual(failed.map(({ name }) => ({ name, ...problem })));
      expect(asked.slice(-ASKED_FOR)).toEqual(READS.slice(-ASKED_FOR).map((name) => ({ name, ...problem })));

      await postgres.restart();
      await allGoOn();
      await vi.waitFor(async () => expect(await ready()).toMatchObject({ code: 200, missing: [] }), wait);
      // Whoever was signed in still is.
      expect(await readAll()).toEqual(fine);
    }

    for (const gateway of gateways) gateway.settle();
    await vi.waitFor(() => expect(gateways.every(({ committed, seq }) => committed === seq)).toBe(true), wait);
    const stored = await postgres.sql('select gateway, seq, samples from watermarks order by gateway', database);
    expect(stored.split('\n')).toEqual(gateways.map(({ id, seq, samples }) => `${id}|${seq}|${samples}`));
    expect(await postgres.sql('select count(*) from gaps', database)).toBe('0');
    expect(await postgres.sql('select count(*) from quarantine', database)).toBe('0');
    await hub.stop();
    const store = new DuckDbStore({ file: join(dir, 'data', 'timeseries.duckdb'), memoryLimit: '128MB' });
    await store.open();
    expect(await store.count()).toBe(gateways.reduce((sum, { samples }) => sum + samples, 0));
    await store.close();
  });
});

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Overview } from '@lineside/shared/contracts/api.ts';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { InfluxConfig } from '../../hub/store/timeseries/influx/config.ts';
import { InfluxStore } from '../../hub/store/timeseries/influx/influx-store.ts';
import { freePorts } from '../services/free-ports.ts';
import { hasInfluxDb, InfluxDb } from '../services/influxdb.ts';
import { hasMosquitto, Mosquitto } from '../services/mosquitto.ts';
import { hasPostgres, Postgres } from '../services/postgres.ts';
import { Program } from '../services/program.ts';
import { WireGateway } from '../services/wire-gateway.ts';

const GATEWAYS = ['g-1', 'g-2', 'g-3', 'g-4', 'g-5', 'g-6'];

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - id: site
    name: Site
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas:
      - { id: area, name: Area, lines: [{ id: line, name: Line, cells: [
          { id: packer, name: Packer, gateway: g-1, device: packer, state: { tag: state },
            show: [{ tag: speed, label: Speed, decimals: 0 }] }] }] }
`;

/** From the kill of one hub to the commits of another. Milliseconds. */
const HANDED_OVER_MS = 15_000;

describe.skipIf(!hasPostgres || !hasInfluxDb || !hasMosquitto)('several hubs on one PostgreSQL', () => {
  let dir: string;
  let postgres: Postgres;
  let influx: InfluxDb;
  let broker: Mosquitto;
  let database: string;
  /** Of hub b, which has no API. */
  let page: number;
  const gateways: WireGateway[] = [];
  const hubs: Record<'a' | 'b' | 'c', Program> = {
    a: hub('a', 'ingest,jobs'),
    b: hub('b', 'ingest,jobs'),
    c: hub('c', 'api'),
  };
  let api: { url: string; firstPassword: string };
  let cookie = '';

  function hub(name: string, roles: string): Program {
    return new Program({
      name: `hub ${name}`,
      args: () => ['hub/main.ts', 'run', '--config', join(dir, `${name}.yaml`), '--roles', roles],
    });
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-replicas-'));
    [postgres, influx, broker] = await Promise.all([Postgres.start(), InfluxDb.start(), Mosquitto.start(dir)]);
    database = await postgres.newDatabase();
    [page] = (await freePorts(1)) as [number];
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    for (const name of ['a', 'b', 'c']) {
      const config = `plant: plant.yaml
dataDir: data-${name}
replica: ${name}
http: { port: ${name === 'b' ? `${page}, tls: {}` : 0} }
mqtt: { broker: { url: "${broker.url}" } }
relational: { url: "${postgres.url(database)}", username: postgres, poolSize: 5 }
timeSeries: { influx: ${JSON.stringify(await influx.settings('plant'))} }
`;
      await writeFile(join(dir, `${name}.yaml`), config);
    }
    await hubs.a.start();
    await Promise.all([hubs.b.start(), hubs.c.start().then((told) => (api = told as unknown as typeof api))]);
    for (const [i, id] of GATEWAYS.entries()) {
      gateways.push(await WireGateway.start(broker.url, id, String(i).repeat(32)));
    }
  });

  afterAll(async () => {
    for (const gateway of gateways) gateway.end();
    await Promise.all(Object.values(hubs).map((each) => each.dispose()));
    await Promise.all([postgres?.dispose(), influx?.remove(), broker?.kill()]);
    await rm(dir, { recursive: true, force: true });
  });

  /** What each hub holds, by its name. */
  async function held(): Promise<Record<string, string[]>> {
    const rows = await postgres.sql(
      `select r.name || ' ' || l.name from leases l join replicas r on r.id = l.owner order by 1`,
      database,
    );
    const found: Record<string, string[]> = {};
    for (const row of rows.split('\n').filter((line) => line !== '')) {
      const [name, lease] = row.split(' ') as [string, string];
      found[name] = [...(found[name] ?? []), lease];
    }
    return found;
  }

  const gatewaysOf = (leases: string[] = []) => leases.filter((lease) => lease.startsWith('gateway:'));

  async function bothTakeHalf(): Promise<Record<string, string[]>> {
    await vi.waitFor(
      async () => {
        const { a, b } = await held();
        expect([gatewaysOf(a).length, gatewaysOf(b).length]).toEqual([3, 3]);
      },
      { timeout: 30_000, interval: 200 },
    );
    return held();
  }

  /** Every gateway hears of commits of what it sends from now on; what it has sent may have been committed already. */
  async function allGoOn(withinMs: number): Promise<void> {
    const since = gateways.map(({ seq }) => seq);
    await vi.waitFor(
      () => expect(gateways.filter(({ committed }, i) => committed <= since[i]!).map(({ id }) => id)).toEqual([]),
      { timeout: withinMs, interval: 50 },
    );
  }

  /**
   * It stands still in the middle of a commit, and keeps others from the leases that it commits under for as long as the
   * server has patience with that: both hubs are held up behind their leases until it is frozen.
   */
  async function freezeInCommit(hub: Program): Promise<void> {
    await postgres.sql(
      `begin;
      lock table watermarks in exclusive mode;
      do $$ begin
        while (select count(*) from pg_locks where relation = 'watermarks'::regclass and not granted) < 2 loop
          perform pg_sleep(0.01);
        end loop;
      end $$;
      \\! kill -STOP ${hub.pid}
      commit;`,
      database,
    );
    expect(
      await postgres.sql(
        `select count(*) from pg_locks where relation = 'leases'::regclass and mode = 'RowShareLock'`,
        database,
      ),
    ).not.toBe('0');
  }

  async function get<T>(path: string): Promise<T> {
    const response = await fetch(`${api.url}${path}`, { headers: { cookie } });
    expect(response.status, path).toBe(200);
    return (await response.json()) as T;
  }

  test('split the gateways between them, and one of them runs the jobs', async () => {
    const { a, b, c } = await bothTakeHalf();
    expect(c).toBeUndefined();
    expect([...a!, ...b!].filter((lease) => lease === 'jobs')).toHaveLength(1);
    await allGoOn(HANDED_OVER_MS);
  });

  test('one that serves the API alone shows all of it and answers no gateway', async () => {
    const login = await fetch(`${api.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'admin', password: api.firstPassword }),
    });
    expect(login.status).toBe(200);
    cookie = login.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    const packer = async () => (await get<Overview>('/api/v1/overview')).machines[0]!;
    await vi.waitFor(
      async () => {
        const machine = await packer();
        expect(machine).toMatchObject({ connection: { status: 'live' }, state: { name: 'Execute' } });
        expect(machine.oee.reason ?? '').not.toBe('not calculated yet');
      },
      { timeout: 20_000, interval: 200 },
    );
    const before = (await packer()).values[0]!.value as number;
    await vi.waitFor(async () => expect((await packer()).values[0]!.value).toBeGreaterThan(before), 5_000);
    const { gateways: shown } = await get<Overview>('/api/v1/overview');
    expect(shown.map(({ online }) => online)).toEqual(GATEWAYS.map(() => true));
  });

  test('one without the API says over TLS that it lives, and has nothing else', async () => {
    const ask = async (path: string) => {
      const asked = request({ host: '127.0.0.1', port: page, path, rejectUnauthorized: false }).end();
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return { status: answer.statusCode, words: await text(answer) };
    };
    expect(JSON.parse((await ask('/health')).words)).toMatchObject({ faults: [] });
    expect((await ask('/api/v1/me')).status).toBe(404);
  });

  test('one that stands still commits nothing of what was taken over from it', async () => {
    const runsJobs = (await held()).a!.includes('jobs') ? 'a' : 'b';
    const other = runsJobs === 'a' ? 'b' : 'a';
    await freezeInCommit(hubs[runsJobs]);
    await allGoOn(HANDED_OVER_MS);
    expect(gatewaysOf((await held())[other])).toHaveLength(GATEWAYS.length);
    hubs[runsJobs].thaw();
    // The jobs are another's now, and cannot be left half done: it ends, and whoever watches it starts it again.
    await vi.waitFor(() => expect(hubs[runsJobs].running).toBe(false), 15_000);
    await hubs[runsJobs].start();
    await bothTakeHalf();
    await allGoOn(HANDED_OVER_MS);
  });

  test('one that is killed hands its gateways over, with nothing lost and nothing doubled', async () => {
    await hubs.a.kill();
    await allGoOn(HANDED_OVER_MS);
    expect((await held()).b).toContain('jobs');

    for (const gateway of gateways) gateway.settle();
    await vi.waitFor(() => expect(gateways.every(({ committed, seq }) => committed === seq)).toBe(true), 20_000);
    const stored = await postgres.sql('select gateway, seq, samples from watermarks order by gateway', database);
    expect(stored.split('\n')).toEqual(gateways.map(({ id, seq, samples }) => `${id}|${seq}|${samples}`));
    expect(await postgres.sql('select count(*) from gaps', database)).toBe('0');
    expect(await postgres.sql('select count(*) from quarantine', database)).toBe('0');
    const config = Value.Default(InfluxConfig, await influx.settings('plant')) as InfluxConfig;
    const store = new InfluxStore({ config, resolvePath: (path) => path });
    await store.open();
    expect(await store.count()).toBe(gateways.reduce((sum, { samples }) => sum + samples, 0));
    await store.close();
  });
});

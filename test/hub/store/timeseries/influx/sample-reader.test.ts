/** Ranges that the store answers from memory are what the server has, whatever happens meanwhile. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { InfluxStore } from '../../../../../hub/store/timeseries/influx/influx-store.ts';
import type { StoredSample } from '../../../../../hub/store/timeseries/time-series.ts';
import { hasInfluxDb, InfluxDb } from '../../../../services/influxdb.ts';
import { columns, record } from '../../../../services/samples.ts';
import { random } from '../../../../shared/wire/random-batch.ts';

const T0 = Date.UTC(2026, 5, 15, 8);
const FROM = T0 - 600_000;
let server: InfluxDb;
let database = 0;

/** A store on the database of this test. */
async function open(alone: boolean, { url = server.url, now = () => T0 } = {}): Promise<InfluxStore> {
  const config = { ...(await server.settings(`reader-${database}`)), url, timeoutMs: 20_000 };
  const store = new InfluxStore({ config, resolvePath: (path) => path, alone, now });
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

/** A way to the server on which, while it is deaf, the answers to writes get lost. */
async function wayToServer(): Promise<{ url: string; deaf: boolean }> {
  const way = { url: '', deaf: false };
  const relay = createServer((asked, answer) => {
    const { method, headers } = asked;
    const onward = request(`${server.url}${asked.url}`, { method, headers }, (said) => {
      if (way.deaf && asked.url!.startsWith('/write')) said.resume().once('end', () => asked.socket.destroy());
      else said.pipe(answer.writeHead(said.statusCode!, said.headers));
    });
    asked.pipe(onward);
  });
  onTestFinished(() => void relay.close());
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  way.url = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
  return way;
}

const values = (samples: StoredSample[]) => samples.map(({ value }) => value);

describe.skipIf(!hasInfluxDb)('ranges of an InfluxDB', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    server = await InfluxDb.start();
  });
  afterAll(() => server.remove());
  beforeEach(() => {
    database++;
  });

  it('are the same from memory and from the server, whatever is appended, late, again or deleted meanwhile', async () => {
    const [hub, fromServer] = [await open(true), await open(false)];
    const any = random(11);
    const below = (most: number) => Math.floor(any() * most);
    const changes: Promise<void>[] = [];
    const read: Promise<unknown>[] = [];
    let seq = 0;
    let newest = FROM;
    for (let round = 0; round < 120; round++) {
      const samples = Array.from({ length: 1 + below(8) }, (): [number, number, number] => {
        const late = below(4) === 0;
        if (!late) newest += below(3) * 500;
        return [1 + below(3), late ? newest - below(120_000) : newest, round];
      });
      const again = below(10) === 0;
      changes.push(hub.append([record(again ? Math.max(1, seq - 1) : ++seq, columns(...samples))]));
      for (let i = below(3); i > 0; i--) read.push(hub.range(1 + below(3), FROM + below(300_000), T0 + 60_000));
      if (below(30) === 0) changes.push(hub.delete([1 + below(3)], newest - 50_000, newest - 40_000));
      if (below(50) === 0) changes.push(hub.expire(FROM + 10_000));
      if (below(3) > 0) continue;
      // Deletions run beside appends here: what both have changed is compared when both are over.
      await Promise.all(changes.splice(0));
      const [tag, from] = [1 + below(3), FROM + below(60_000)];
      for (const before of [false, true]) {
        const samplesOf = (store: InfluxStore) => store.range(tag, from, T0 + 60_000, { before });
        expect({ round, samples: await samplesOf(hub) }).toEqual({ round, samples: await samplesOf(fromServer) });
      }
    }
    await Promise.all([...changes, ...read]);
    const all = (store: InfluxStore) => store.ranges([1, 2, 3], FROM + 20_000, T0 + 60_000, 100_000);
    const found = await all(hub);
    expect(found).toEqual(await all(fromServer));
    for (const tag of [1, 2, 3]) expect(found.get(tag)!.length).toBeGreaterThan(30);
  });

  it('are answered, once read and with what is committed since, by a hub alone whose server hangs', async () => {
    const hub = await open(true);
    await hub.append([record(1, columns([1, T0 - 300_000, 1], [1, T0 - 200_000, 2], [2, T0 - 300_000, 9]))]);
    await Promise.all([1, 2].map((tag) => hub.range(tag, FROM, T0 + 1)));
    await hub.append([record(2, columns([1, T0 - 1_000, 4], [1, T0 - 100_000, 3], [2, T0 - 1_000, 'text']))]);
    server.freeze(true);
    try {
      expect(values(await hub.range(1, FROM + 1_000, T0 + 1))).toEqual([1, 2, 3, 4]);
      expect(values(await hub.range(1, T0 - 250_000, T0, { before: true, limit: 3 }))).toEqual([1, 2, 3]);
      const both = await hub.ranges([2, 1], T0 - 150_000, T0, 1);
      expect([...both].map(([tag, samples]) => [tag, ...values(samples)])).toEqual([
        [2, 'text'],
        [1, 3],
      ]);
    } finally {
      server.freeze(false);
    }
  });

  it('have once what was written again because its watermark was not, though somebody looked in between', async () => {
    const first = await open(true);
    const records = [1, 2, 3].map((seq) => record(seq, columns([1, T0 - 60_000 + seq, seq], [1, T0 - 90_000, -seq])));
    await first.append(records);
    await first.close();
    await server.query('DELETE FROM watermarks', `reader-${database}`);
    const hub = await open(true);
    const seen = values(await hub.range(1, FROM, T0));
    expect(seen).toEqual([-1, -2, -3, 1, 2, 3]);
    await hub.append([...records, record(4, columns([1, T0 - 50_000, 4]))]);
    expect(values(await hub.range(1, FROM, T0))).toEqual([...seen, 4]);
  });

  it('have what was stored of an append whose end the hub did not hear, and have it once', async () => {
    const way = await wayToServer();
    const hub = await open(true, { url: way.url });
    await hub.append([record(1, columns([1, T0 - 60_000, 1]))]);
    expect(values(await hub.range(1, FROM, T0))).toEqual([1]);
    const second = record(2, columns([1, T0 - 50_000, 2], [1, T0 - 70_000, 0]));
    way.deaf = true;
    await expect(hub.append([second])).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    way.deaf = false;
    expect(values(await hub.range(1, FROM, T0))).toEqual([0, 1, 2]);
    await hub.append([second]);
    expect(values(await hub.range(1, FROM, T0))).toEqual([0, 1, 2]);
  });

  it('have a long text as the server keeps it', async () => {
    const hub = await open(true);
    await hub.range(1, FROM, T0);
    await hub.append([record(1, columns([1, T0 - 60_000, 'ü'.repeat(300_010)], [1, T0 - 50_000, 'short']))]);
    expect(values(await hub.range(1, FROM, T0))).toEqual(['ü'.repeat(300_000), 'short']);
  });

  it('lack what the server’s own retention refuses, which holds up nothing else', async () => {
    const now = Date.now();
    const hub = await open(true, { now: () => now });
    await server.keepOnly(`reader-${database}`, 1);
    expect(await hub.range(1, now - 7_200_000, now)).toEqual([]);
    await hub.append([record(1, columns([1, now - 5_400_000, 'too late'], [1, now - 60_000, 'in time']))]);
    await hub.append([record(2, columns([1, now - 50_000, 'the next']))]);
    expect(values(await hub.range(1, now - 7_200_000, now))).toEqual(['in time', 'the next']);
    expect(await hub.count()).toBe(2);
  });

  it('have at once what another hub writes, where there may be one', async () => {
    const [one, two] = [await open(false), await open(false)];
    await one.append([record(1, columns([1, T0 - 60_000, 1]))]);
    expect(values(await two.range(1, FROM, T0))).toEqual([1]);
    await one.append([record(2, columns([1, T0 - 50_000, 3], [1, T0 - 55_000, 2]))]);
    expect(values(await two.range(1, FROM, T0))).toEqual([1, 2, 3]);
    await one.delete([1], T0 - 60_000, T0 - 55_000);
    expect(values(await two.range(1, FROM, T0))).toEqual([2, 3]);
  });
});

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { InfluxConfig } from '../../../../../hub/store/timeseries/influx/config.ts';
import { InfluxStore } from '../../../../../hub/store/timeseries/influx/influx-store.ts';
import { timeSeriesContract } from '../../../../contract/time-series.ts';
import { authority, signed } from '../../../../services/certificates.ts';
import { freePorts } from '../../../../services/free-ports.ts';
import { hasInfluxDb, InfluxDb, influxDbIs2 } from '../../../../services/influxdb.ts';
import { columns, record } from '../../../../services/samples.ts';
import { tempDir } from '../../../../services/temp-dir.ts';

const T0 = Date.UTC(2026, 5, 15, 6);
let server: InfluxDb;
let databases = 0;

async function storeIn(database: string, settings: Partial<InfluxConfig> = {}): Promise<InfluxStore> {
  const config = { ...(await server.settings(database)), timeoutMs: 20_000, ...settings };
  return new InfluxStore({ config, resolvePath: (path) => path });
}

/** An open store in a database of its own. */
async function openStore(settings: Partial<InfluxConfig> = {}): Promise<InfluxStore> {
  const store = await storeIn(`store-${++databases}`, settings);
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

/** Another hub's store on the same data. */
async function another(): Promise<InfluxStore> {
  const store = await storeIn(`store-${databases}`);
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

const values = async (store: InfluxStore, tag: number) =>
  (await store.range(tag, T0, T0 + 100_000)).map(({ value }) => value);

/** Of what one of the versions has alone, the other has no test: none that is skipped for want of something. */
const of = (version: 1 | 2) => ((version === 2) === influxDbIs2 ? it : () => undefined);

describe.skipIf(!hasInfluxDb)(`InfluxDB ${influxDbIs2 ? 2 : 1}.x`, () => {
  beforeAll(async () => {
    server = await InfluxDb.start();
  });
  afterAll(() => server.remove());

  timeSeriesContract('InfluxDB', async () => {
    const database = `contract-${++databases}`;
    const config = { ...(await server.settings(database)), timeoutMs: 20_000 };
    return {
      // As most are, and with more to go wrong; what another hub sees is asked for in sample-reader.test.ts.
      handle: (now) => new InfluxStore({ config, resolvePath: (path) => path, alone: true, now }),
      remove: () => server.drop(database),
    };
  });

  it('writes what it had written before its watermark was, again where it was: by records in other groups', async () => {
    const store = await openStore();
    const first = record(1, columns([1, T0, 'a'], [1, T0 + 1, 'b'], [2, T0, 7]));
    // A stopped clock, a time that was used before, and a text that is the same one.
    const second = record(2, columns([1, T0 + 1, 'c'], [1, T0 + 1, 'c'], [1, T0, 'late'], [2, T0 + 9, 8]));
    const third = record(3, columns([1, T0 + 1, 'd'], [1, T0 + 2, 'e'], [2, T0 + 9, 8], [3, T0, true]));
    await store.append([first]);
    await store.append([second, third]);
    // What a crash of the hub leaves when its samples were written and their watermark was not.
    await server.query('DELETE FROM watermarks', `store-${databases}`);
    const next = await another();
    expect(await next.watermark('press-1', first.id.epoch)).toBe(0);
    await next.append([first, second]);
    await next.append([third]);
    await next.append([record(4, columns([1, T0 + 2, 'f'], [1, T0 + 1, 'g']))]);
    expect(await values(next, 1)).toEqual(['a', 'late', 'b', 'c', 'c', 'd', 'g', 'e', 'f']);
    expect(await next.count()).toBe(9 + 3 + 1);
  });

  it('goes on where another hub has stopped', async () => {
    const one = await openStore();
    const two = await another();
    await one.append([record(1, columns([1, T0, 'a']))]);
    await two.append([record(1, columns([2, T0, 'of its own']), 'press-2')]);
    two.forget('press-1');
    await two.append([record(1, columns([1, T0, 'a'])), record(2, columns([1, T0, 'b'], [1, T0 + 1, 'c']))]);
    one.forget('press-1');
    await one.append([record(2, columns([1, T0, 'b'])), record(3, columns([1, T0 + 1, 'd']))]);
    expect(await values(one, 1)).toEqual(['a', 'b', 'c', 'd']);
    expect(await one.count()).toBe(5);
  });

  it('takes tags whose type changes within a batch and between batches', async () => {
    const store = await openStore();
    const mixed: Value[] = [1.5, true, 'text', null, 7, false, '', Number.POSITIVE_INFINITY, 2 ** 53 - 1, -0.5];
    await store.append([
      record(
        1,
        columns(
          ...mixed.map((value, i) => [1, T0 + i, value, value === null ? 1 : 0] as [number, number, Value, number]),
        ),
      ),
    ]);
    await store.append([
      record(
        2,
        columns(
          ...[...mixed]
            .reverse()
            .map((value, i) => [1, T0 + 50 + i, value, 0x4000_0000] as [number, number, Value, number]),
        ),
      ),
    ]);
    expect(await values(store, 1)).toEqual([...mixed, ...[...mixed].reverse()]);
    const fields = (await server.query('SHOW FIELD KEYS FROM samples', `store-${databases}`)) as {
      results: { series: { values: [string, string][] }[] }[];
    };
    expect(Object.fromEntries(fields.results[0]!.series[0]!.values)).toEqual({
      ...{ b: 'boolean', n: 'float', q: 'integer', r: 'integer', s: 'string', u: 'float', x: 'integer' },
    });
  });

  it('has one series a tag, whatever the gateways send', async () => {
    const store = await openStore();
    const now = Date.now();
    for (let seq = 1; seq <= 20; seq++) {
      await store.append([record(seq, columns([1, now + seq, `serial ${seq}`], [2, now + seq, seq]))]);
    }
    const series = (await server.query('SHOW SERIES', `store-${databases}`)) as {
      results: { series: { values: string[][] }[] }[];
    };
    expect(series.results[0]!.series[0]!.values.flat().sort()).toEqual(
      [`watermarks,epoch=${record(1, columns()).id.epoch},gateway=press-1`, 'samples,tag=1', 'samples,tag=2'].sort(),
    );
  });

  it('does not answer while the server is stopped or gone, names it, and loses and doubles nothing', async () => {
    const own = await InfluxDb.start();
    onTestFinished(() => own.remove());
    const store = await openStore({ ...(await own.settings('own')), timeoutMs: 1_000 });
    let seq = 0;
    let failures = 0;
    const group = () =>
      Array.from({ length: 4 }, (_, i) =>
        record(
          seq + 1 + i,
          columns(
            ...Array.from({ length: 500 }, (_, k): [number, number, number] => [
              k % 50,
              T0 + (seq + i) * 10 + (k % 3),
              k,
            ]),
          ),
        ),
      );
    const appendUntil = async (done: () => boolean) => {
      while (!done()) {
        try {
          await store.append(group());
          seq += 4;
        } catch {
          failures++;
          await sleep(20);
        }
      }
    };
    await appendUntil(() => seq >= 40);
    const killed = (async () => {
      for (const wait of [30, 70]) {
        const before = failures;
        await sleep(wait);
        await own.kill();
        await expect.poll(() => failures, { timeout: 5_000, interval: 5 }).toBeGreaterThan(before);
        expect(store.fault).toContain(`InfluxDB at ${own.url}`);
        await own.restart();
      }
      const before = failures;
      own.freeze(true);
      await expect.poll(() => failures, { timeout: 10_000, interval: 5 }).toBeGreaterThan(before);
      own.freeze(false);
    })();
    let over = false;
    void killed.finally(() => {
      over = true;
    });
    await appendUntil(() => over);
    await killed;
    const end = seq + 8;
    await appendUntil(() => seq >= end);
    expect(store.fault).toBe('');
    expect(await store.watermark('press-1', record(1, columns()).id.epoch)).toBe(seq);
    expect(await store.count()).toBe(seq * 500);
    const [tag1] = [await store.range(1, T0, T0 + seq * 10 + 10)];
    expect(tag1.map(({ value }) => value)).toHaveLength(seq * 10);
  }, 60_000);

  it('waits at its start for a server that is not there', async () => {
    const [port] = await freePorts(1);
    const store = await storeIn('late', { url: `http://127.0.0.1:${port}` });
    const opened = store.open();
    const requests: string[] = [];
    await sleep(50);
    const fake = createServer((request, answer) => {
      requests.push(`${request.method} ${request.url}`);
      answer.writeHead(request.url === '/ping' ? 204 : 200).end(request.url === '/ping' ? '' : '{"results":[]}');
    });
    onTestFinished(() => void fake.close());
    fake.listen(port, '127.0.0.1');
    await opened;
    await store.close();
    expect(requests).toEqual(['GET /ping', 'POST /query']);
    const stop = new AbortController();
    const waiting = new InfluxStore({
      config: { url: 'http://127.0.0.1:1', database: 'x', timeoutMs: 1_000 },
      resolvePath: (path) => path,
      stopping: stop.signal,
    }).open();
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'STOPPED' });
  });

  of(1)('comes in by password, and says in clear words what it may not', async () => {
    const guarded = await InfluxDb.start(['auth-enabled = true']);
    onTestFinished(() => guarded.remove());
    const dir = await tempDir();
    const file = async (name: string, content: string) => {
      await writeFile(join(dir, name), `${content}\n`, { mode: 0o600 });
      return join(dir, name);
    };
    const [admin, hub, wrong] = [await file('a', 'adminpass'), await file('h', 'p:ss wörd'), await file('w', 'no')];
    await guarded.query(`CREATE USER admin WITH PASSWORD 'adminpass' WITH ALL PRIVILEGES`);
    await guarded.query(`CREATE USER hub WITH PASSWORD 'p:ss wörd'`, '', 'admin:adminpass');
    const at = (username: string, passwordFile: string) =>
      storeIn('guarded', { url: guarded.url, username, passwordFile });
    await expect((await at('hub', wrong)).open()).rejects.toMatchObject({ code: 'STORE_ACCESS' });
    await expect((await at('hub', hub)).open()).rejects.toMatchObject({
      code: expect.stringMatching(/STORE_ACCESS|STORE_NO_DATABASE/),
      message: expect.stringMatching(/guarded/),
    });
    await (await at('admin', admin)).open();
    await guarded.query('GRANT ALL ON guarded TO hub', '', 'admin:adminpass');
    const store = await at('hub', hub);
    await store.open();
    await store.append([record(1, columns([1, T0, 1]))]);
    expect(await store.count()).toBe(1);
    await store.close();
  });

  of(2)('comes in by a token for its bucket alone, and says in clear words what it may not', async () => {
    const { buckets } = server;
    const tokenFile = await buckets.make('guarded');
    const open = async (settings: Partial<InfluxConfig>) => {
      const store = await storeIn('guarded', settings);
      onTestFinished(() => store.close());
      await store.open();
      return store;
    };
    const wrong = join(await tempDir(), 'wrong');
    await writeFile(wrong, 'nobody’s\n', { mode: 0o600 });
    await expect(open({ tokenFile: wrong })).rejects.toMatchObject({ code: 'STORE_ACCESS' });
    await expect(open({ tokenFile: await buckets.make('another') })).rejects.toMatchObject({
      code: expect.stringMatching(/STORE_ACCESS|STORE_NO_DATABASE/),
      message: expect.stringMatching(/guarded/),
    });
    await expect(open({ tokenFile, database: 'nowhere' })).rejects.toMatchObject({
      code: 'STORE_NO_DATABASE',
      message: expect.stringContaining('in 2.x make the bucket "nowhere" and a token'),
    });
    const reader = await open({
      tokenFile: await buckets.token('guarded', await buckets.idOf('guarded'), ['read']),
    });
    await expect(reader.append([record(1, columns([1, T0, 1]))])).rejects.toMatchObject({ code: 'STORE_ACCESS' });
    const store = await open({ tokenFile });
    await store.append([record(1, columns([1, T0, 1]))]);
    expect(await reader.count()).toBe(1);
  });

  of(2)('finds a bucket of another name by a mapping that somebody made', async () => {
    const { buckets } = server;
    const tokenFile = await buckets.make('of the plant');
    await buckets.map('mapped', 'of the plant');
    const store = await storeIn('mapped', { tokenFile });
    await store.open();
    onTestFinished(() => store.close());
    await store.append([record(1, columns([1, T0, 1], [1, T0 + 1, 2]))]);
    await store.delete([1], T0, T0 + 1);
    expect(await values(store, 1)).toEqual([2]);
  });

  it('comes in over TLS with its own certificate, and only to a server that it trusts', async () => {
    const dir = await tempDir();
    const [plant, stranger] = [authority(dir, 'plant'), authority(dir, 'stranger')];
    const [influx, hub] = [signed(dir, plant, 'influx'), signed(dir, plant, 'hub')];
    const read = (path: string) => readFileSync(path);
    const names: string[] = [];
    const tls = { key: read(influx.key), cert: read(influx.cert), ca: read(plant.cert), requestCert: true };
    const secure = createSecureServer(tls, (request, answer) => {
      names.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
      answer.writeHead(request.url === '/ping' ? 204 : 200).end(request.url === '/ping' ? '' : '{"results":[]}');
    });
    onTestFinished(() => void secure.close());
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const at = (caFile: string) => {
      const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
      const certificate = { caFile, certFile: hub.cert, keyFile: hub.key, serverName: 'influx' };
      const config = { url, database: 'x', timeoutMs: 1_000, tls: certificate };
      return new InfluxStore({ config, resolvePath: (path) => path, stopping: AbortSignal.timeout(300) });
    };
    const trusting = at(plant.cert);
    await trusting.open();
    await trusting.close();
    expect(names).toEqual(['hub', 'hub']);
    await expect(at(stranger.cert).open()).rejects.toThrow(/its certificate is not trusted; set tls.caFile/);
    expect(names).toHaveLength(2);
  });

  it('sends a token as Basic, and compresses what it writes', async () => {
    const seen: { authorization: string | undefined; body: string }[] = [];
    const fake = createServer((request, answer) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const gzip = request.headers['content-encoding'] === 'gzip';
        seen.push({ authorization: request.headers.authorization, body: gzip ? `gzip ${gunzipSync(bytes)}` : '' });
        if (request.url === '/query') answer.writeHead(200).end('{"results":[]}');
        else answer.writeHead(204).end();
      });
    });
    onTestFinished(() => void fake.close());
    await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve));
    const tokenFile = join(await tempDir(), 'token');
    await writeFile(tokenFile, 'secret-token\n', { mode: 0o600 });
    const url = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`;
    const store = await openStore({ url, tokenFile, gzip: true });
    await store.append([
      record(1, columns(...Array.from({ length: 100 }, (_, i): [number, number, number] => [1, T0 + i, i]))),
    ]);
    expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(
      new Set([`Basic ${Buffer.from('lineside:secret-token').toString('base64')}`]),
    );
    expect(seen.find(({ body }) => body.startsWith('gzip'))!.body).toContain(`samples,tag=1 r=`);
  });
});

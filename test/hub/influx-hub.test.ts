import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FakeGateway } from '../services/fake-gateway.ts';
import { envelope, tagInfo } from '../services/gateway-records.ts';
import { hasInfluxDb, InfluxDb } from '../services/influxdb.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program } from '../services/program.ts';

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: site, name: Site, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }] }
`;

interface Told {
  url: string;
  mqttPort: number;
  firstPassword: string;
}

describe.skipIf(!hasInfluxDb)('the hub on an InfluxDB', { timeout: 60_000 }, () => {
  let dir: string;
  let influx: InfluxDb;
  let hub: Program;
  let told: Told;
  let cookie = '';
  let gateway: FakeGateway;
  let now = 0;
  const complaints: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-hub-influx-'));
    influx = await InfluxDb.start();
    const settings = JSON.stringify(await influx.settings('plant'));
    await influx.kill();
    const config = `plant: plant.yaml
dataDir: data
http: { port: 0 }
mqtt: { port: 0 }
gateways: [{ id: line-1, passwordFile: secret }]
timeSeries: { influx: ${settings} }
`;
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    await writeFile(join(dir, 'hub.yaml'), config);
    await writeFile(join(dir, 'secret'), 'secret\n', { mode: 0o600 });
    await newRelational(join(dir, 'data', 'relational'));
    hub = new Program({
      name: 'hub',
      args: ['hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')],
      complain: (line) => complaints.push(line),
    });
  });
  afterAll(async () => {
    gateway?.end();
    await hub?.stop().catch(() => undefined);
    await influx?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  const ready = async () => {
    const answer = await fetch(`${told.url}/ready`);
    return { code: answer.status, missing: ((await answer.json()) as { missing: string[] }).missing };
  };
  const committed = (seq: number) => vi.waitFor(() => expect(gateway.committed.at(-1)?.seq).toBe(seq), 15_000);
  const stored = async () => {
    const answer = (await influx.query('SELECT count(r) FROM samples', 'plant')) as {
      results: { series: { values: [string, number][] }[] }[];
    };
    return answer.results[0]!.series[0]!.values[0]![1];
  };

  test('waits for it at the start, makes the database where it may, and commits there', async () => {
    const starting = hub.start();
    await vi.waitFor(() => expect(complaints.join('\n')).toContain('waiting for InfluxDB'), 30_000);
    await influx.restart();
    told = (await starting) as unknown as Told;
    gateway = new FakeGateway();
    await gateway.connect(told.mqttPort, 'secret');
    now = Date.now() - 5_000;
    const tags = [tagInfo(1, '$link', 'integer'), tagInfo(2, 'speed'), tagInfo(3, 'order', 'string')];
    await gateway.data(
      envelope(1, {
        tags,
        samples: [
          [1, now, 1],
          [2, now, 1.5],
          [2, now, 2.5],
          [3, now, 'A 17'],
        ],
      }),
    );
    await committed(1);
    expect(await stored()).toBe(4);
    expect(await ready()).toMatchObject({ code: 200, missing: [] });
  });

  test('answers nothing while it is gone, says so, and has everything when it is back', async () => {
    await influx.kill();
    for (let seq = 2; seq <= 20; seq++) {
      await gateway.data(
        envelope(seq, {
          samples: [
            [1, now + seq, 1],
            [2, now + seq, seq],
            [2, now + seq, seq + 0.5],
          ],
        }),
      );
    }
    const place = expect.stringContaining(`InfluxDB at ${influx.url}, database "plant"`);
    await vi.waitFor(
      async () => expect(await ready()).toMatchObject({ code: 503, missing: expect.arrayContaining([place]) }),
      15_000,
    );
    expect(gateway.committed.at(-1)!.seq).toBe(1);
    await influx.restart();
    await committed(20);
    expect(await stored()).toBe(4 + 19 * 3);
    // What stores have answered is good for a second.
    await vi.waitFor(async () => expect(await ready()).toMatchObject({ code: 200, missing: [] }), 5_000);
  });

  test('reads it for pages, and knows the last values after a restart of its own', async () => {
    const login = await fetch(`${told.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'admin', password: told.firstPassword }),
    });
    cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
    gateway.end();
    await hub.stop();
    told = { ...told, ...((await hub.start()) as unknown as Told) };
    gateway = new FakeGateway();
    await gateway.connect(told.mqttPort, 'secret');
    await committed(20);
    const answer = await fetch(`${told.url}/api/v1/tags/2/history?from=${now}&to=${now + 5}`, {
      headers: { cookie },
    });
    expect(await answer.json()).toMatchObject({ raw: true, mean: [1.5, 2.5, 2, 2.5, 3, 3.5, 4, 4.5] });
  });
});

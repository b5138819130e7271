/** Texts that a machine gives and that would be lines, fields or statements of InfluxDB, were they not kept as what they are. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InfluxStore } from '../../../hub/store/timeseries/influx/influx-store.ts';
import { hasInfluxDb, InfluxDb } from '../../services/influxdb.ts';
import { columns, EPOCH, record } from '../../services/samples.ts';

const T0 = Date.UTC(2026, 5, 15, 6);
const TEXTS = [
  'a"\nsamples,tag=99 n=1 1',
  'a",n=1 1\nusers,role=admin n=1',
  '"; DROP DATABASE "plant"; --',
  "x' or 1=1; drop measurement samples; --",
  'back\\slash at the end\\',
  '\\"',
  'tab\tand\rreturn',
  '# no comment',
  'a b,c=d"e\\ f\nspeed,tag=1 value=1 1',
  '$t $\u007bx} %s 😀',
  ',',
  '=',
  ' ',
];

describe.skipIf(!hasInfluxDb)('InfluxDB', { timeout: 60_000 }, () => {
  let server: InfluxDb;
  let store: InfluxStore;

  beforeAll(async () => {
    server = await InfluxDb.start();
    const config = { ...(await server.settings('plant')), timeoutMs: 20_000 };
    store = new InfluxStore({ config, resolvePath: (path) => path, now: Date.now });
    await store.open();
  }, 60_000);
  afterAll(async () => {
    await store?.close();
    await server?.remove();
  });

  const shape = async () =>
    JSON.stringify([await server.query('SHOW MEASUREMENTS', 'plant'), await server.query('SHOW SERIES', 'plant')]);

  test('texts come back as they were, and have made nothing else', async () => {
    await store.append([record(1, columns([1, T0, 'harmless']))]);
    const before = await shape();
    const rows = TEXTS.map((text, i): [number, number, string] => [1, T0 + 1 + i, text]);
    await store.append([record(2, columns(...rows))]);
    const kept = await store.range(1, T0 + 1, T0 + 1 + TEXTS.length);
    expect(kept.map(({ value }) => value)).toEqual(TEXTS);
    expect(await shape()).toBe(before);
  });

  test('a gateway whose name is a statement has a watermark of its own, and ends nobody else’s', async () => {
    const names = ['line"; DROP DATABASE "plant"', "line' or '1'='1", 'line,tag=1 r=9i\nsamples'];
    for (const name of names) await store.append([record(3, columns([2, T0, 1]), name)]);
    for (const name of names) expect([name, await store.watermark(name, EPOCH)]).toEqual([name, 3]);
    expect(await store.watermark('line', EPOCH)).toBe(0);
    expect((await store.range(1, T0, T0 + 1)).map(({ value }) => value)).toEqual(['harmless']);
  });
});

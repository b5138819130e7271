/** The past of tags in all forms, against real stores. */
import type { Histories, History } from '@lineside/shared/contracts/api.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { columns, record } from '../../services/samples.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const T0 = Date.UTC(2026, 5, 15, 8);
const HOUR = 3_600_000;
const MANY = 25_000;
let hub: TestHub;
let cookie: string;

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '' };
  hub.board.catalog.add([
    { ...tag, id: 1, name: 'speed', type: 'float64', unit: '1/min' },
    { ...tag, id: 2, name: 'order, "now"', type: 'string' },
    { ...tag, id: 3, name: 'fast', type: 'float64', unit: 'bar' },
  ]);
  const samples = columns(
    [1, T0, 10],
    [1, T0 + 30_000, 20, 0x4000_0000],
    [1, T0 + 90_000, Number.NaN],
    [1, T0 + 60_000, true],
    [2, T0 + 5, 'a "b",\nc'],
    [2, T0 + 6, null, 0x8000_0000],
  );
  // Three at a time, and one moment that is longer than a block.
  const fast = Array.from({ length: MANY }, (_, i): [number, number, Value] => [
    3,
    T0 + HOUR + (i < 12_000 ? Math.floor(i / 3) : 5_000),
    i,
  ]);
  await hub.stores.timeSeries.append([record(1, samples), record(2, columns(...fast))]);
});
afterAll(() => hub.close());

const ask = (path: string, accept?: string) =>
  fetch(`${hub.url}/api/v1/${path}`, { headers: { cookie, ...(accept ? { accept } : {}) } });
const RANGE = `from=${T0}&to=${T0 + 120_000}`;

describe('the past of tags', () => {
  test('comes as JSON with units, values as they are and qualities; many tags in the order asked for', async () => {
    const answer = await ask(`history?tag=2&tag=1&tag=2&${RANGE}`);
    expect(answer.headers.get('vary')).toMatch(/accept/i);
    expect(await answer.json()).toEqual({
      ...{ from: T0, to: T0 + 120_000 },
      tags: [
        {
          ...{ tag: 2, unit: '', raw: true, stepMs: null, at: [T0 + 5, T0 + 6] },
          ...{ mean: [null, null], min: [null, null], max: [null, null] },
          ...{ value: ['a "b",\nc', null], quality: [0, 0x8000_0000] },
        },
        {
          ...{ tag: 1, unit: '1/min', raw: true, stepMs: null, at: [T0, T0 + 30_000, T0 + 60_000, T0 + 90_000] },
          ...{ mean: [10, null, 1, null], min: [10, null, 1, null], max: [10, null, 1, null] },
          ...{ value: [10, 20, true, 'NaN'], quality: [0, 0x4000_0000, 0, 0] },
        },
      ],
    } satisfies Histories);
  });

  test('whoever asks for the head alone gets it, and nothing is read behind it', async () => {
    const path = `${hub.url}/api/v1/tags/3/history?from=${T0}&to=${T0 + 2 * HOUR}&raw=true`;
    const reads = vi.spyOn(hub.stores.timeSeries, 'range');
    const answer = await fetch(path, { method: 'HEAD', headers: { cookie, accept: 'text/csv' } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
    ]);
    expect(await answer.text()).toBe('');
    // Another answer shows that it would have been read by now.
    await (await ask(`tags/1/history?${RANGE}`)).text();
    expect(reads.mock.calls.filter(([tag]) => tag === 3)).toEqual([]);
    reads.mockRestore();
  });

  test('comes in buckets of a step, with the aggregates that are wanted', async () => {
    const query = `${RANGE}&step=60000&aggregates=count,good,first,last,timeWeightedMean`;
    const history = (await (await ask(`tags/1/history?${query}`)).json()) as History;
    expect(history).toEqual({
      ...{ tag: 1, unit: '1/min', raw: false, stepMs: 60_000, at: [T0, T0 + 60_000] },
      ...{ count: [2, 2], good: [1, 1], first: [10, 1], last: [10, 1], timeWeightedMean: [10, 1] },
    });
  });

  test('chooses a length of buckets that summaries are kept for', async () => {
    const from = T0 + HOUR - 7 * HOUR - 123;
    const history = (await (
      await ask(`tags/3/history?from=${from}&to=${from + 10 * HOUR}&points=500`)
    ).json()) as History;
    expect(history.stepMs).toBe(60_000);
    expect(history.at).toEqual([T0 + HOUR]);
    expect(history).toMatchObject({ min: [0], max: [MANY - 1] });
  });

  test('comes as CSV that a spreadsheet reads', async () => {
    const answer = await ask(
      `history?tag=1&tag=2&${RANGE}`,
      'text/html;q=0.5, text/csv;q=0.4, application/json;q=0.1',
    );
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/);
    expect(answer.headers.get('content-disposition')).toContain('history.csv');
    const time = (ms: number) => `${T0 + ms},${new Date(T0 + ms).toISOString()}`;
    expect(await answer.text()).toBe(
      [
        'tag,name,unit,at,time,value,quality',
        `1,"speed","1/min",${time(0)},10,0`,
        `1,"speed","1/min",${time(30_000)},20,1073741824`,
        `1,"speed","1/min",${time(60_000)},true,0`,
        `1,"speed","1/min",${time(90_000)},NaN,0`,
        `2,"order, ""now""","",${time(5)},"a ""b"",\nc",0`,
        `2,"order, ""now""","",${time(6)},,2147483648`,
        '',
      ].join('\r\n'),
    );
    const buckets = await ask(`tags/1/history?${RANGE}&step=120000`, 'text/csv');
    expect((await buckets.text()).split('\r\n')[1]).toBe(`1,"speed","1/min",${time(0)},5.5,1,10`);
  });

  test('comes as JSON lines: each sample once, also many of one moment', async () => {
    const answer = await ask(`history?tag=3&from=${T0}&to=${T0 + 9 * HOUR}&raw=true`, 'application/jsonl');
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await answer.text()).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { value: number }).value)).toEqual(
      Array.from({ length: MANY }, (_, i) => i),
    );
    expect(JSON.parse(lines[0]!)).toEqual({
      ...{
        tag: 3,
        name: 'fast',
        unit: 'bar',
        at: T0 + HOUR,
        time: new Date(T0 + HOUR).toISOString(),
        value: 0,
        quality: 0,
      },
    });
  });

  test('comes as an Arrow stream', async () => {
    const raw = await ask(
      `history?tag=1&tag=2&tag=3&from=${T0}&to=${T0 + 9 * HOUR}&raw=true`,
      'application/vnd.apache.arrow.stream',
    );
    const table = tableFromIPC(new Uint8Array(await raw.arrayBuffer()));
    expect(table.schema.fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
      ...['tag Int32', 'name Utf8', 'unit Utf8', 'at Timestamp<MILLISECOND, UTC>', 'value Float64', 'text Utf8'],
      'quality Uint32',
    ]);
    expect(table.numRows).toBe(6 + MANY);
    expect(table.get(1)!.toJSON()).toMatchObject({
      tag: 1,
      unit: '1/min',
      at: T0 + 30_000,
      value: 20,
      text: null,
      quality: 0x4000_0000,
    });
    expect(table.get(4)!.toJSON()).toMatchObject({ tag: 2, value: null, text: 'a "b",\nc' });
    expect(table.get(5 + MANY)!.toJSON()).toMatchObject({ tag: 3, name: 'fast', value: MANY - 1 });
    const buckets = await ask(
      `tags/1/history?${RANGE}&step=60000&aggregates=mean,count`,
      'application/vnd.apache.arrow.stream',
    );
    const small = tableFromIPC(new Uint8Array(await buckets.arrayBuffer()));
    expect(small.toArray().map((row) => row.toJSON())).toMatchObject([
      { mean: 10, count: 2 },
      { mean: 1, count: 2 },
    ]);
    const empty = await ask(`tags/1/history?from=1&to=2`, 'application/vnd.apache.arrow.stream');
    expect(tableFromIPC(new Uint8Array(await empty.arrayBuffer())).numRows).toBe(0);
  });

  test.each([
    ['a form that there is not', 'tags/1/history?from=1&to=2', 'image/png', 406, 'NOT_ACCEPTABLE'],
    ['a tag that is none', 'history?tag=1&tag=77&from=1&to=2', '', 404, 'TAG_NOT_FOUND'],
    ['no tag', 'history?from=1&to=2', '', 400, 'REQUEST_INVALID'],
    ['a time that runs backwards', 'tags/1/history?from=2&to=1', '', 400, 'RANGE_INVALID'],
    ['too many buckets', `tags/1/history?from=0&to=${T0 / 10}&step=1`, '', 400, 'RANGE_INVALID'],
    ['an aggregate that is none', 'tags/1/history?from=1&to=2&aggregates=mean,r)FROM', '', 400, 'REQUEST_INVALID'],
  ])('refuses %s', async (_what, path, accept, status, code) => {
    const answer = await ask(path, accept);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });
});

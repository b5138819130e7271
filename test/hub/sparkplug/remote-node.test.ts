/** What is made of the messages of an edge node, in whatever order they come, as data. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch, readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { BD_SEQ, DataType, type Metric, type Property, REBIRTH } from '@lineside/shared/wire/sparkplug/payload.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import type { SparkplugTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import { wireValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LastSample } from '../../../hub/sparkplug/metric-table.ts';
import { RemoteNode } from '../../../hub/sparkplug/remote-node.ts';

const T0 = 1_795_000_000_000;
const REORDER_MS = 1_000;
const STALE = Quality.BadNoCommunication;

let node: RemoteNode;
let asked: number[];
let refused: string[];
let heard: { what: string; value: unknown; at: number; quality: number; historical: boolean }[];
let before: Record<string, LastSample>;

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
  [asked, refused, heard, before] = [[], [], [], {}];
  const names = new Map<number, string>();
  node = new RemoteNode({
    ...{ group: 'plant', node: 'line', reorderMs: REORDER_MS, rebirthMs: 4_000, log: pino({ level: 'silent' }) },
    now: Date.now,
    askForBirths: () => void asked.push(Date.now() - T0),
    onChange: () => undefined,
    before: (device, tag) => before[`${device}/${tag}`],
    quarantine: async (_name, reason) => void refused.push(reason),
    take: async (_name, envelope) => {
      const batch = readBatch(decompressBatch(readEnvelope(envelope).batch));
      for (const { id, device, name, type, unit } of batch.catalog) {
        names.set(id, `${device}/${name}${unit ? ` ${unit}` : ''}${type === 'float64' ? '' : ` ${type}`}`);
      }
      for (const { from, to, historical } of batch.frames) {
        for (let i = from; i < to; i++) {
          const what = names.get(batch.tags[i]!)!;
          const [at, quality] = [batch.sourceAt[i]! - T0, batch.quality[i]!];
          heard.push({ what, value: batch.values.at(i), at, quality, historical });
        }
      }
    },
  });
});
afterEach(async () => {
  await node.stop();
  vi.useRealTimers();
});

interface Said {
  bdSeq?: number;
  seq?: number;
  metrics?: Metric[];
}

const bdSeqOf = (bdSeq: number): Metric => ({
  ...{ name: BD_SEQ, timestamp: Date.now(), datatype: DataType.Int64 },
  value: { kind: 'long', value: bdSeq },
});
const control: Metric = { name: REBIRTH, datatype: DataType.Boolean, value: { kind: 'boolean', value: false } };
const prop = (key: string, type: number, value: number | string): Property => ({
  ...{ key, type, isNull: false, value: wireValue(type, value) },
});
const quality = (code: number) => ({ properties: [prop('Quality', DataType.Int32, code)] });

/** A metric of a birth. */
function named(name: string, alias: number, value: number | string | null, more: Partial<Metric> = {}): Metric {
  const datatype = more.datatype ?? DataType.Double;
  const content = value === null ? { isNull: true } : { value: wireValue(datatype, value) };
  return { name, alias, timestamp: Date.now(), datatype, ...content, ...more };
}

/** A metric of a data message. */
function by(alias: number, value: number, more: Partial<Metric> = {}): Metric {
  return { alias, timestamp: Date.now(), value: { kind: 'double', value }, ...more };
}

function say(what: string, { bdSeq, seq, metrics = [] }: Said = {}): void {
  const [type, device] = what.split(' ');
  const all = bdSeq === undefined ? metrics : [bdSeqOf(bdSeq), ...metrics];
  const payload = writePayload({ timestamp: Date.now(), metrics: all, ...(seq === undefined ? {} : { seq }) });
  node.take({ type, group: 'plant', node: 'line', device } as SparkplugTopic, payload);
}

/** The node and its press are born, with the temperature at alias 5. */
function births(bdSeq = 0, temperature = 20): void {
  say('NBIRTH', { seq: 0, bdSeq, metrics: [control] });
  say('DBIRTH press', { seq: 1, metrics: [named('temperature', 5, temperature)] });
}

const data = (seq: number, ...values: number[]) =>
  say('DDATA press', { seq, metrics: values.map((value) => by(5, value)) });

const settle = (ms = 250) => vi.advanceTimersByTimeAsync(ms);
const temperatures = () => heard.filter(({ what }) => what.endsWith('temperature')).map(({ value }) => value);
const link = () => heard.filter(({ what }) => what.endsWith('$link integer')).map(({ value }) => value);
const device = (name = 'press') => node.status('').devices.find(({ device }) => device === name);

describe('the sequence', () => {
  /** A number is that of a data message with the number as its value; +ms waits. */
  const steps: Record<string, () => void> = {
    node: () => say('NDATA', { seq: 2 }),
    births: () => births(0, 21),
    death: () => say('NDEATH', { bdSeq: 0 }),
  };

  test.each<[string, string, unknown[], number]>([
    ['goes on', '2 3 4', [20, 2, 3, 4], 0],
    ['goes over node and devices', 'node 3', [20, 3], 0],
    ['is put in order', '4 3 5 2', [20, 2, 3, 4, 5], 0],
    ['leaves out what comes twice', '2 2 4 4 3', [20, 2, 3, 4], 0],
    ['has a gap', '2 4 +1000', [20, 2, 4], 1],
    ['has two gaps', '3 6 8 +1000 9', [20, 3, 6, 8, 9], 1],
    ['waits for each gap anew', '3 +900 2 5 +900 4', [20, 2, 3, 4, 5], 0],
    ['begins anew with a birth', '3 births +2000', [20, 21], 0],
    ['ends with a death', '3 death +2000', [20, 3, null], 0],
  ])('%s: %s', async (_name, order, values, times) => {
    births();
    for (const step of order.split(' ')) {
      if (step.startsWith('+')) await settle(Number(step));
      else if (steps[step]) steps[step]();
      else data(Number(step), Number(step));
    }
    await settle();
    expect(temperatures()).toEqual(values);
    expect(asked).toHaveLength(times);
    expect(refused).toEqual([]);
  });

  test('begins again after 255', async () => {
    births();
    for (let i = 2; i < 600; i++) data(i % 256, i);
    await settle(2_000);
    expect(temperatures()).toHaveLength(599);
    expect(asked).toEqual([]);
  });

  test('is begun by a birth: what comes before it is not taken, and the birth is asked for ever more seldom', async () => {
    data(7, 7);
    data(8, 8);
    expect(asked).toEqual([0]);
    await settle(60_000);
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.length).toBeLessThan(8);
    births();
    const times = asked.length;
    await settle(300_000);
    expect(asked).toHaveLength(times);
    expect(temperatures()).toEqual([20]);
  });
});

describe('births', () => {
  test('name what data means: type, unit, quality; what is no value is passed over by name', async () => {
    const more = (datatype: number) => ({ datatype });
    say('NBIRTH', { seq: 0, bdSeq: 0, metrics: [control, named('Uptime', 1, 5, more(DataType.UInt32))] });
    say('DBIRTH press', {
      seq: 1,
      metrics: [
        named('temperature', 5, 20, { properties: [prop('engUnit', DataType.String, 'Cel')] }),
        named('count', 6, 7, more(DataType.Int16)),
        named('state', 7, 'Läuft', more(DataType.String)),
        named('since', 8, T0, more(DataType.DateTime)),
        named('speed', 9, null),
        named('old', 10, 1, quality(500)),
        named('broken', 11, 1, quality(0)),
        {
          ...named('big', 12, null, more(DataType.UInt64)),
          isNull: false,
          value: { kind: 'long', value: 2n ** 63n },
        },
        { ...named('profile', 13, null, more(DataType.DoubleArray)) },
        { ...named('table', 14, null, more(DataType.DataSet)) },
        named('$link', 15, 1),
      ],
    });
    await settle();
    const first = ({ what, value, quality }: (typeof heard)[number]) => [what, value, quality];
    expect(heard.map(first)).toEqual([
      ['node/Uptime integer', 5, 0],
      ['node/$link integer', 1, 0],
      ['press/temperature Cel', 20, 0],
      ['press/count integer', 7, 0],
      ['press/state string', 'Läuft', 0],
      ['press/since integer', T0, 0],
      ['press/speed', null, Quality.BadNoData],
      ['press/old', 1, Quality.UncertainLastUsableValue],
      ['press/broken', 1, Quality.Bad],
      ['press/big integer', '9223372036854775808', 0],
      ['press/$link integer', 1, 0],
    ]);
    expect(device()!.reason).toBe(
      'not taken: profile (DoubleArray), table (DataSet), $link (only names of Lineside’s own begin with $)',
    );
    expect(node.status('')).toMatchObject({ gateway: 'sparkplug:plant/line', online: true });
  });

  test('say again what is known already, and that is not stored twice', async () => {
    before['press/temperature'] = { at: T0, value: 20, quality: 0 };
    births();
    await settle(5_000);
    births();
    await settle();
    expect(temperatures()).toEqual([]);
    expect(link()).toEqual([1]);
  });

  test('end what a hub before this one has last heard of the node: that it was gone', async () => {
    before['press/temperature'] = { at: T0 + 400, value: null, quality: STALE };
    await settle(1_000);
    say('NBIRTH', { seq: 0, bdSeq: 0 });
    say('DBIRTH press', { seq: 1, metrics: [named('temperature', 5, 20, { timestamp: T0 })] });
    await settle();
    expect(heard[0]).toMatchObject({ what: 'press/temperature', value: 20, quality: 0, at: 1_000 });
  });

  test('that leave out a metric or a device end it', async () => {
    births();
    say('DBIRTH pump', { seq: 2, metrics: [named('pressure', 6, 4)] });
    await settle(1_000);
    say('NBIRTH', { seq: 0, bdSeq: 0 });
    say('DBIRTH press', { seq: 1, metrics: [named('humidity', 5, 40)] });
    await settle(9_000);
    node.look();
    expect(device('pump')).toMatchObject({ state: 'up' });
    await settle(1_000);
    node.look();
    await settle();
    expect(device('pump')).toMatchObject({ state: 'down', reason: expect.stringMatching(/born again.*with it not/) });
    expect(heard.filter(({ quality }) => quality === STALE).map(({ what }) => what)).toEqual([
      'press/temperature',
      'pump/pressure',
    ]);
  });

  test.each<[string, () => void]>([
    ['an alias that no birth has named', () => say('DDATA press', { seq: 2, metrics: [by(99, 1), by(5, 22)] })],
    ['a device that was not born', () => say('DDATA pump', { seq: 2, metrics: [by(5, 22)] })],
    ['a device that has died', () => say('DDEATH press', { seq: 2 })],
    ['a device whose birth has not come again', () => say('NBIRTH', { seq: 2, bdSeq: 0 })],
  ])('are asked for once because of %s', async (_name, steps) => {
    births();
    steps();
    data(3, 25);
    await settle();
    expect(asked).toEqual([0]);
    births(0, 23);
    data(2, 24);
    await settle(20_000);
    expect(asked).toEqual([0]);
    expect(temperatures().slice(-2)).toEqual([23, 24]);
  });

  test('name a metric by its name where there is no alias', async () => {
    say('NBIRTH', { seq: 0, bdSeq: 0, metrics: [{ ...named('a/b', 1, 1), alias: undefined } as never] });
    say('NDATA', { seq: 1, metrics: [{ name: 'a/b', timestamp: T0 + 5, value: { kind: 'double', value: 2 } }] });
    await settle();
    expect(heard.filter(({ what }) => what === 'node/a/b').map(({ value, at }) => [value, at])).toEqual([
      [1, 0],
      [2, 5],
    ]);
  });
});

describe('deaths', () => {
  test.each<[string, number | undefined, boolean]>([
    ['of the birth’s own number', 3, false],
    ['of a connection before', 2, true],
    ['without a number', undefined, false],
  ])('%s', async (_name, bdSeq, alive) => {
    births(3);
    await settle(1_000);
    say('NDEATH', bdSeq === undefined ? {} : { bdSeq });
    await settle();
    expect(node.status('').online).toBe(alive);
    expect(device()).toMatchObject({ state: alive ? 'up' : 'down', since: T0 + (alive ? 0 : 1_000) });
    expect(temperatures()).toEqual(alive ? [20] : [20, null]);
    if (alive) return;
    expect(device()!.reason).toMatch(/the node is gone/);
    expect(heard.at(-2)).toMatchObject({ quality: STALE, at: 1_000 });
    expect(link()).toEqual([1, 0]);
    data(2, 99);
    await settle();
    expect(temperatures()).toEqual([20, null]);
    expect(asked).toHaveLength(1);
  });

  test('of a device leave the others; with its birth it is there, though nothing has changed meanwhile', async () => {
    births();
    say('DBIRTH pump', { seq: 2, metrics: [named('pressure', 6, 4)] });
    await settle(1_000);
    say('DDEATH press', { seq: 3 });
    await settle(1_000);
    expect(device()).toMatchObject({ state: 'down', reason: 'the node says that it does not answer' });
    expect(device('pump')).toMatchObject({ state: 'up' });
    say('DBIRTH press', { seq: 4, metrics: [named('temperature', 5, 20, { timestamp: T0 })] });
    await settle();
    expect(device()).toMatchObject({ state: 'up', reason: '' });
    expect(heard.filter(({ what }) => what === 'press/temperature').map(({ value, at }) => [value, at])).toEqual([
      [20, 0],
      [null, 1_000],
      [20, 2_000],
    ]);
  });

  test('are not waited for when the hub itself is cut off; it asks when it is back, unless the births come', async () => {
    births();
    await settle();
    node.lost('the connection was closed');
    expect(device()).toMatchObject({ state: 'down', reason: 'the hub does not hear it: the connection was closed' });
    node.connected(500);
    await settle(499);
    expect(asked).toEqual([]);
    await settle(2);
    expect(asked).toHaveLength(1);
    births(0, 21);
    await settle();
    expect(temperatures()).toEqual([20, null, 21]);
    expect(device()).toMatchObject({ state: 'up' });
  });
});

test('history is marked as such, has its own times, and is no news of the present', async () => {
  births();
  await settle(10_000);
  const past = (at: number, value: number) => by(5, value, { timestamp: T0 + at, isHistorical: true });
  say('DDATA press', { seq: 2, metrics: [past(-5_000, 17), past(-4_000, 18)] });
  data(3, 21);
  await settle();
  expect(heard.filter(({ what }) => what === 'press/temperature')).toMatchObject([
    { value: 20, historical: false },
    { value: 17, at: -5_000, historical: true },
    { value: 18, at: -4_000, historical: true },
    { value: 21, at: 10_000, historical: false },
  ]);
});

describe('what means nothing is kept aside, and stops nothing', () => {
  test.each<[string, () => void, RegExp]>([
    ['no protobuf', () => node.take(topicOf('DDATA', 'press'), Buffer.from('no protobuf')), /^DDATA of press: /],
    ['data without a number', () => say('DDATA press', { metrics: [by(5, 1)] }), /has no seq/],
    ['a birth without a number', () => say('NBIRTH', { bdSeq: 4 }), /birth without seq/],
    ['more metrics than a machine has', () => say('DBIRTH pump', { seq: 2, metrics: many(50_000) }), /50001 metrics/],
  ])('%s', async (_name, steps, words) => {
    births();
    steps();
    expect(refused).toEqual([expect.stringMatching(words)]);
    births(1, 22);
    data(2, 23);
    await settle();
    expect(temperatures()).toEqual([20, 22, 23]);
  });

  test('a value that does not fit its type is named, and the rest of the message taken', async () => {
    births();
    say('DDATA press', { seq: 2, metrics: [by(5, 1, { value: { kind: 'string', value: 'hot' } }), by(5, 22)] });
    await settle();
    expect(temperatures()).toEqual([20, 22]);
    expect(device()!.reason).toMatch(/not taken: temperature \(a Double lies in string_value\)/);
  });

  test('a time of next week counts as now', async () => {
    births();
    say('DDATA press', { seq: 2, metrics: [by(5, 22, { timestamp: T0 + 7 * 86_400_000 })] });
    await settle();
    expect(heard.at(-1)).toMatchObject({ value: 22, at: 0 });
  });
});

const topicOf = (type: string, device: string) => ({ type, group: 'plant', node: 'line', device }) as SparkplugTopic;
const many = (count: number) => Array.from({ length: count }, (_, i) => named(`m${i}`, i, i));

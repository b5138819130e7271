import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test, vi } from 'vitest';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { type Behaviour, FakeModbusServer } from '../../../services/fake-modbus-server.ts';
import { Collector, run } from '../collect.ts';
import { context, freshDevice, serve, server, wait } from './rig.ts';
import { device, floats, tag } from './settings.ts';

/** The time-out is long enough for a device of this process while the machine is busy with other tests. */
const quick = { pollMs: 20, timeoutMs: 300, retryMinMs: 100, retryMaxMs: 200 };

describe('a device that answers', () => {
  freshDevice();

  test('all tables and types arrive, one request for each table, as one frame a poll', async () => {
    server.setFloat32(server.holding, 10, 21.5);
    server.holding[12] = 0xfffe;
    server.holding[13] = 0b100;
    server.input[0] = 7;
    server.coils[5] = 1;
    server.discrete[9] = 1;
    const before = Date.now();
    const driver = run(
      modbus,
      device({ ...quick, port: server.port, unitId: 17 }),
      [
        tag('holding:10', 'float32'),
        tag('holding:12', 'int16'),
        tag('holding:13', 'bool', { bit: 2 }),
        tag('input:0', 'uint16'),
        tag('coil:5', 'bool'),
        tag('coil:6', 'bool'),
        tag('discrete:9', 'bool'),
      ],
      context,
    );
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(2), wait);
    const values = [1, 2, 3, 4, 5, 6, 7].map((id) => context.samples(id)[0]);
    expect(values.map((sample) => sample?.value)).toEqual([21.5, -2, true, 7, true, false, true]);
    for (const sample of values) {
      expect(sample!.quality).toBe(Quality.Good);
      expect(sample!.at).toBeGreaterThanOrEqual(before);
      expect(sample!.at).toBeLessThanOrEqual(Date.now());
    }
    expect(context.frames[0]!.tags).toHaveLength(7);
    expect(server.requests.slice(0, 4).map(({ code, unit, address, count }) => [code, unit, address, count])).toEqual(
      [
        [1, 17, 5, 2],
        [2, 17, 9, 1],
        [4, 17, 0, 1],
        [3, 17, 10, 4],
      ],
    );
    expect(server.overlapping).toBe(0);
    expect(context.statuses.map((status) => status.state)).toEqual(['up']);
    expect(driver.status()).toMatchObject({ state: 'up', reason: '', errors: 0 });
  });

  test('polls lie on a fixed grid, also when the device is slow', async () => {
    server.behave = () => ({ delayMs: 15 });
    run(modbus, device({ ...quick, pollMs: 50, port: server.port }), [tag('holding:0', 'int16')], context);
    // The first one goes out at once, the others at multiples of the period. A grid that drifts by the 15 ms of the
    // answer would always spread over the whole period; a busy machine is late for some, and not for long.
    const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
    await vi.waitFor(() => {
      expect(server.requests.length).toBeGreaterThan(15);
      expect(median(server.requests.slice(-15).map((request) => request.at % 50))).toBeLessThan(10);
    }, wait);
    expect(context.frames.length).toBeGreaterThan(12);
  });

  test('a device that is too slow misses polls, which are counted and do not pile up', async () => {
    server.behave = () => ({ delayMs: 65 });
    const driver = run(
      modbus,
      device({ ...quick, pollMs: 20, timeoutMs: 2000, port: server.port }),
      floats(1),
      context,
    );
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThanOrEqual(6), wait);
    expect(driver.status().missed).toBeGreaterThanOrEqual(10);
    expect(server.overlapping).toBe(0);
    expect(server.requests.length).toBeLessThanOrEqual(context.frames.length + 2);
  });

  test('tags with a period of their own are read at that period', async () => {
    const from = performance.now();
    run(
      modbus,
      device({ ...quick, pollMs: 400, port: server.port }),
      [tag('holding:0', 'int16'), tag('holding:1', 'int16', { pollMs: 20 })],
      context,
    );
    await vi.waitFor(() => expect(context.samples(2).length).toBeGreaterThan(15), wait);
    expect(context.samples(1).length).toBeLessThanOrEqual(2 + (performance.now() - from) / 400);
  });

  test('a float that is no number is Bad without a value', async () => {
    server.holding.set([0x7fc0, 0, 0x7f80, 0], 0);
    run(modbus, device({ ...quick, port: server.port }), [...floats(2), tag('holding:4', 'int16')], context);
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(0), wait);
    const [nan] = context.samples(1);
    const [infinite] = context.samples(2);
    const [good] = context.samples(3);
    expect([nan!.value, nan!.quality]).toEqual([null, Quality.BadSensorFailure]);
    expect([infinite!.value, infinite!.quality]).toEqual([null, Quality.BadOutOfRange]);
    expect([good!.value, good!.quality]).toEqual([0, Quality.Good]);
  });

  test('after stop no frame comes, and stop may be called twice and before start', async () => {
    const driver = run(modbus, device({ ...quick, port: server.port }), floats(2), context);
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(0), wait);
    await driver.stop();
    await driver.stop();
    const count = context.frames.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(context.frames.length).toBe(count);
    const never = modbus.create(device({ port: server.port }), [], context);
    await never.stop();
    never.start();
    expect(never.status().state).toBe('connecting');
  });
});

describe('a device that does wrong never gives a wrong value', () => {
  // Where the framing holds, the connection is in step with the next request; otherwise a new one is.
  const wrong: [string, Behaviour, quality: number, connection?: 'stays'][] = [
    ['says nothing', 'silent', Quality.BadTimeout],
    ['answers too late', { delayMs: 750 }, Quality.BadTimeout],
    ['answers another transaction', 'wrongTransaction', Quality.BadTimeout],
    ['answers for another unit', 'wrongUnit', Quality.BadNoCommunication, 'stays'],
    ['answers another function', 'wrongFunction', Quality.BadNoCommunication, 'stays'],
    ['answers too few bytes', 'short', Quality.BadNoCommunication, 'stays'],
    ['announces a length that cannot be', 'wrongLength', Quality.BadNoCommunication],
    ['speaks another protocol', 'garbage', Quality.BadNoCommunication],
    ['closes in the middle of an answer', 'closeMidAnswer', Quality.BadNoCommunication],
    ['closes', 'close', Quality.BadNoCommunication],
  ];

  test.each(wrong)('%s', async (_name, behaviour, quality, connection) => {
    const server = await serve();
    const context = new Collector();
    let reads = 0;
    // Each answer carries the number of its read, so an answer taken for another one would show.
    server.beforeRead = () => server.setFloat32(server.holding, 0, ++reads);
    let doWrong = false;
    server.behave = () => (doWrong ? behaviour : 'right');
    const driver = run(modbus, device({ ...quick, port: server.port }), floats(3), context);
    await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);

    doWrong = true;
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    expect(driver.status().reason).toMatch(/retrying/);
    const before = { connections: server.connectionCount, requests: server.requestCount };
    const anew = () => server.connectionCount > before.connections;
    await vi.waitFor(() => expect(server.requestCount > before.requests || anew()).toBe(true), wait);
    if (connection === 'stays') expect(server.connectionCount).toBe(1);
    else await vi.waitFor(() => expect(anew()).toBe(true), wait);
    expect(context.statuses.map((status) => status.state)).toEqual(['up', 'down']);

    doWrong = false;
    await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);
    expect(driver.status().state).toBe('up');
    for (const id of [1, 2, 3]) {
      const bad = context.samples(id).filter((sample) => sample.quality !== Quality.Good);
      expect(bad.map((sample) => [sample.value, sample.quality])).toEqual([[null, quality]]);
    }
    const values = context.samples(1).flatMap((sample) => (typeof sample.value === 'number' ? [sample.value] : []));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(new Set(values).size).toBe(values.length);
    expect(context.samples(2).filter((sample) => sample.quality === Quality.Good && sample.value !== 0)).toEqual([]);
    expect(server.overlapping === 0 || typeof behaviour === 'object').toBe(true);
  });

  test('an answer in single bytes is put together', async () => {
    const server = await serve();
    const context = new Collector();
    server.setFloat32(server.holding, 0, 1.5);
    server.setFloat32(server.holding, 2, -8);
    server.behave = () => 'split';
    run(modbus, device({ ...quick, timeoutMs: 1000, port: server.port }), floats(2), context);
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(3), wait);
    expect(context.samples(1).every((sample) => sample.value === 1.5)).toBe(true);
    expect(context.samples(2).every((sample) => sample.value === -8)).toBe(true);
  });
});

describe('devices do not disturb each other', () => {
  test('a dead device costs the others no poll', async () => {
    const alive = await serve();
    const silent = await serve();
    silent.behave = () => 'silent';
    const gone = await new FakeModbusServer().listen();
    await gone.close();
    const contexts = [new Collector(), new Collector(), new Collector()] as const;
    const good = run(modbus, device({ ...quick, id: 'alive', port: alive.port }), floats(2), contexts[0]);
    const mute = run(modbus, device({ ...quick, id: 'mute', port: silent.port }), floats(2), contexts[1]);
    const absent = run(modbus, device({ ...quick, id: 'absent', port: gone.port }), floats(2), contexts[2]);
    await vi.waitFor(() => expect(contexts[0].frames.length).toBeGreaterThan(0), wait);
    const from = { at: performance.now(), count: contexts[0].frames.length };
    await vi.waitFor(() => expect(contexts[0].frames.length - from.count).toBeGreaterThan(40), wait);
    const polls = contexts[0].frames.length - from.count + good.status().missed;
    expect(polls).toBeGreaterThan(((performance.now() - from.at) / quick.pollMs) * 0.9);
    expect(good.status()).toMatchObject({ state: 'up', errors: 0 });
    expect(mute.status()).toMatchObject({ state: 'down' });
    expect(mute.status().reason).toContain('did not answer within 300 ms');
    expect(absent.status().reason).toContain('connection refused; is the device powered and the port right?');
    expect(contexts[2].samples(1).map((sample) => sample.quality)).toEqual([Quality.BadNoCommunication]);
  });

  test('units behind one gateway share one connection, one request at a time, in turns', async () => {
    const server = await serve();
    server.behave = (request) => (request.unit === 3 ? 'silent' : { delayMs: 2 });
    const context = new Collector();
    // As one gateway has it: one data directory, one status callback.
    const contexts = [1, 2, 3].map(() => Object.assign(new Collector(), { dataDir: context.dataDir }));
    // Long enough for a machine that is busy with other tests.
    const settings: Partial<ModbusDevice> = { ...quick, timeoutMs: 500, port: server.port, pollMs: 50, maxBlock: 2 };
    const greedy = run(modbus, device({ ...settings, id: 'one', unitId: 1 }), floats(15), contexts[0]!);
    const modest = run(modbus, device({ ...settings, id: 'two', unitId: 2 }), floats(1), contexts[1]!);
    const dead = run(modbus, device({ ...settings, id: 'three', unitId: 3 }), floats(1), contexts[2]!);
    await vi.waitFor(() => expect(contexts[0]!.frames.length).toBeGreaterThan(5), wait);
    await vi.waitFor(() => expect(dead.status().state).toBe('down'), wait);
    expect(server.connectionCount).toBe(1);
    expect(server.overlapping).toBe(0);
    expect([greedy.status().state, modest.status().state]).toEqual(['up', 'up']);
    expect(contexts[1]!.samples(1).every((sample) => sample.quality === Quality.Good)).toBe(true);
    const second = server.requests.findIndex((request) => request.unit === 2);
    expect(second).toBeLessThan(4);
    await greedy.stop();
    await dead.stop();
    const count = contexts[1]!.frames.length;
    await vi.waitFor(() => expect(contexts[1]!.frames.length).toBeGreaterThan(count + 3), wait);
    expect(server.connectionCount).toBe(1);
  });
});

test('a device that comes back on the same port is found again', async () => {
  const server = await serve();
  const context = new Collector();
  run(modbus, device({ ...quick, port: server.port }), floats(2), context);
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);
  await server.close();
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
  await server.listen();
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);
  expect(context.statuses.map((status) => status.state)).toEqual(['up', 'down', 'up']);
  expect(context.samples(2).filter((sample) => sample.value === null)).toHaveLength(1);
});

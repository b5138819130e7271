/** What faults cost: in requests, and in the others' polls. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import type { FakeModbusServer } from '../../../services/fake-modbus-server.ts';
import { hasSocat, wire } from '../../../services/pty-pair.ts';
import { Collector, run } from '../collect.ts';
import { serve, wait } from './rig.ts';
import { device, floats, tag } from './settings.ts';

const quick: Partial<ModbusDevice> = { pollMs: 20, timeoutMs: 300, retryMinMs: 100, retryMaxMs: 200 };

test.each([
  [2, 1],
  [3, 1],
  [4, 2],
])('exception %i: among 64 tags %i guilty are found by halving', async (exception, guilty) => {
  const server = await serve();
  const context = new Collector();
  const bad = [37, 5].slice(0, guilty);
  const touches = ({ address, count }: { address: number; count: number }) =>
    bad.some((at) => address <= at && at < address + count);
  server.behave = (request) => (touches(request) ? { exception } : 'right');
  const tags = Array.from({ length: 64 }, (_, i) => tag(`holding:${i}`, 'uint16'));
  const driver = run(modbus, device({ ...quick, pollMs: 100, port: server.port }), tags, context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(1), wait);
  const first = context.frames.findIndex((frame) => frame.tags.length === 64 - guilty);
  expect(first).toBe(guilty);
  // The whole block, then two halves a level.
  expect(server.requests.findLastIndex(touches) + 1).toBeLessThanOrEqual(1 + 12 * guilty);
  const found = context.frames.flatMap((frame) => frame.tags.filter((_id, i) => frame.quality[i] !== Quality.Good));
  expect(found.sort((a, b) => a - b)).toEqual(bad.map((at) => at + 1).sort((a, b) => a - b));
  const from = server.requests.length;
  await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(from + 8), wait);
  expect(server.requests.slice(from).filter(touches)).toEqual([]);
  expect(driver.status().state).toBe('up');
  expect(server.connectionCount).toBe(1);
});

test('16 bits of one refused register cost no more than the register', async () => {
  const server = await serve();
  const context = new Collector();
  server.behave = ({ address, count }) => (address <= 7 && 7 < address + count ? { exception: 2 } : 'right');
  const bits = Array.from({ length: 16 }, (_, bit) => tag('holding:7', 'bool', { bit }));
  const settings = device({ ...quick, pollMs: 50, port: server.port });
  run(modbus, settings, [...bits, tag('holding:6', 'uint16')], context);
  await vi.waitFor(() => expect(context.samples(17).length).toBeGreaterThan(2), wait);
  expect(
    server.requests.filter(({ address, count }) => address <= 7 && 7 < address + count).length,
  ).toBeLessThanOrEqual(3);
  expect(context.samples(3).map(({ quality }) => quality)).toEqual([Quality.BadOutOfRange]);
});

test('a busy device is asked less and less, and at once again when it is not busy any more', async () => {
  const server = await serve();
  const context = new Collector();
  let busy = false;
  server.behave = () => (busy ? { exception: 6 } : 'right');
  const driver = run(modbus, device({ ...quick, port: server.port }), floats(2), context);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(2), wait);
  busy = true;
  const from = server.requestCount;
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(server.requestCount - from).toBeLessThanOrEqual(8);
  expect(server.requestCount - from).toBeGreaterThanOrEqual(2);
  busy = false;
  const frames = context.frames.length;
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(frames + 10), wait);
  expect(driver.status().state).toBe('up');
});

/** Polls that 29 devices complete in a while beside a thirtieth. */
async function polls(transport: Partial<ModbusDevice>, server: FakeModbusServer, periods: number, pollMs: number) {
  const connections = server.connectionCount;
  const scope = new Collector();
  const contexts = Array.from({ length: 30 }, () => Object.assign(new Collector(), { dataDir: scope.dataDir }));
  const drivers = contexts.map((context, i) => {
    const settings = device({ ...quick, pollMs, ...transport, id: `unit-${i + 1}`, unitId: i + 1 });
    if (transport.transport === 'rtu') delete settings.host;
    return run(modbus, settings, floats(2), context);
  });
  const others = drivers.slice(0, 29);
  await vi.waitFor(() => expect(others.every((driver) => driver.status().state === 'up')).toBe(true), wait);
  await vi.waitFor(() => expect(drivers[29]!.status().state).not.toBe('connecting'), wait);
  const count = () => contexts.slice(0, 29).reduce((sum, context) => sum + context.frames.length, 0);
  const from = count();
  await new Promise((resolve) => setTimeout(resolve, periods * pollMs));
  const completed = count() - from;
  const states = others.map((driver) => driver.status().state);
  const bad = contexts.slice(0, 29).flatMap((context) => context.frames.flatMap(({ quality }) => quality));
  const dead = drivers[29]!.status();
  await Promise.all(drivers.map((driver) => driver.stop()));
  expect(states.every((state) => state === 'up')).toBe(true);
  expect(bad.every((quality) => quality === Quality.Good)).toBe(true);
  expect(server.overlapping).toBe(0);
  if (transport.transport !== 'rtu') expect(server.connectionCount - connections).toBe(1);
  return { completed, dead };
}

/**
 * With and without a dead device. What else this machine does in one of the two takes polls too, but not each time;
 * what the dead device costs is taken each time.
 */
async function costsLessThanATenth(compare: () => Promise<void>): Promise<void> {
  for (let left = 3; ; left--) {
    try {
      return await compare();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

async function compare(transport: Partial<ModbusDevice>, server: FakeModbusServer, periods: number, pollMs: number) {
  server.behave = () => 'right';
  const alive = await polls(transport, server, periods, pollMs);
  server.behave = ({ unit }) => (unit === 30 ? 'silent' : 'right');
  const beside = await polls(transport, server, periods, pollMs);
  expect(beside.dead.state).toBe('down');
  expect(beside.completed).toBeGreaterThan(alive.completed * 0.9);
}

describe('one dead device among 30 on one line costs the others less than a tenth of their polls', {
  timeout: 60_000,
}, () => {
  test('Modbus TCP', async () => {
    const server = await serve();
    await costsLessThanATenth(() => compare({ port: server.port, timeoutMs: 150 }, server, 40, 60));
  });

  test.skipIf(!hasSocat)('a serial line (needs socat)', async () => {
    const server = await serve('rtu');
    const dir = new Collector().dataDir;
    const wired = await wire(dir, server.port);
    onTestFinished(() => wired.close());
    const serial = { path: wired.path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
    const transport: Partial<ModbusDevice> = { transport: 'rtu', serial, timeoutMs: 150 };
    await costsLessThanATenth(() => compare(transport, server, 12, 200));
  });

  test('dead devices that come back together are back together', async () => {
    const server = await serve();
    const scope = new Collector();
    server.behave = ({ unit }) => (unit > 1 ? 'silent' : 'right');
    const drivers = Array.from({ length: 10 }, (_, i) => {
      const context = Object.assign(new Collector(), { dataDir: scope.dataDir });
      return run(
        modbus,
        device({ ...quick, timeoutMs: 100, port: server.port, id: `unit-${i}`, unitId: i + 1 }),
        floats(1),
        context,
      );
    });
    const down = () => drivers.filter((driver) => driver.status().state === 'down').length;
    await vi.waitFor(() => expect(down()).toBe(9), wait);
    server.behave = () => 'right';
    await vi.waitFor(() => expect(down()).toBe(0), wait);
  });
});

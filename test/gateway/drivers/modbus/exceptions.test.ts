import { Quality } from '@lineside/shared/contracts/quality.ts';
import { expect, test, vi } from 'vitest';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import type { ModbusRequest } from '../../../services/fake-modbus-server.ts';
import { run } from '../collect.ts';
import { context, freshDevice, server, wait } from './rig.ts';
import { device, floats, tag } from './settings.ts';

const quick = { pollMs: 20, timeoutMs: 300, retryMinMs: 100, retryMaxMs: 200 };

freshDevice();

const touches = (request: ModbusRequest, address: number) =>
  request.address <= address && address < request.address + request.count;

test.each([
  [2, Quality.BadOutOfRange],
  [3, Quality.BadConfigurationError],
  [4, Quality.BadDeviceFailure],
])('exception %i takes out the guilty tag and only that', async (exception, quality) => {
  server.behave = (request) => (touches(request, 4) ? { exception } : 'right');
  const settings = device({ ...quick, port: server.port, refusedRetryMs: 1000 });
  const driver = run(modbus, settings, floats(5), context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(5), wait);
  expect(context.samples(3).map((sample) => [sample.value, sample.quality])).toEqual([[null, quality]]);
  for (const id of [1, 2, 4, 5]) {
    expect(context.samples(id).every((sample) => sample.quality === Quality.Good)).toBe(true);
  }
  // The others are read in blocks again, around the guilty one.
  expect(server.requests.slice(-2).map((request) => [request.address, request.count])).toContainEqual([0, 4]);
  expect(context.logLines.filter((line) => line.includes('tag3'))).toHaveLength(1);

  // Repaired: found by the rare retry, without a reconnect.
  server.behave = () => 'right';
  await vi.waitFor(() => expect(context.last(3)?.quality).toBe(Quality.Good), wait);
  await vi.waitFor(() => expect(server.requests.at(-1)).toMatchObject({ address: 0, count: 10 }), wait);
  expect(server.connectionCount).toBe(1);
  expect(driver.status().state).toBe('up');
  expect(context.statuses.map((status) => status.state)).toEqual(['up']);
});

test('a hole between tags is left out when the device refuses to read across it', async () => {
  server.behave = (request) => (touches(request, 3) ? { exception: 2 } : 'right');
  run(
    modbus,
    device({ ...quick, port: server.port }),
    [tag('holding:0', 'uint16'), tag('holding:1', 'uint16'), tag('holding:5', 'uint16')],
    context,
  );
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(5), wait);
  const last = server.requests.slice(-4).map((request) => `${request.address}+${request.count}`);
  expect(new Set(last)).toEqual(new Set(['0+2', '5+1']));
  expect(context.frames.flatMap((frame) => frame.quality).every((quality) => quality === Quality.Good)).toBe(true);
});

test('a device that takes only single values is read by single values', async () => {
  server.behave = (request) => (request.count > 2 ? { exception: 3 } : 'right');
  run(modbus, device({ ...quick, port: server.port }), floats(4), context);
  await vi.waitFor(() => expect(context.samples(4).length).toBeGreaterThan(8), wait);
  expect(server.requests.slice(-6).every((request) => request.count === 2)).toBe(true);
  expect(context.frames.flatMap((frame) => frame.quality).every((quality) => quality === Quality.Good)).toBe(true);
});

test('a busy device misses polls and stays up', async () => {
  server.behave = (request) => (server.requests.indexOf(request) % 2 === 1 ? { exception: 6 } : 'right');
  const driver = run(modbus, device({ ...quick, port: server.port }), floats(2), context);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(6), wait);
  expect(driver.status().missed).toBeGreaterThan(3);
  expect(context.statuses.map((status) => status.state)).toEqual(['up']);
  expect(context.samples(1).every((sample) => sample.quality === Quality.Good)).toBe(true);
  expect(server.connectionCount).toBe(1);
});

test('a gateway whose unit is gone: the device is down, the connection stays', async () => {
  let gone = false;
  server.behave = () => (gone ? { exception: 11 } : 'right');
  const driver = run(modbus, device({ ...quick, port: server.port }), floats(2), context);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(1), wait);
  gone = true;
  await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
  expect(driver.status().reason).toContain('the gateway cannot reach unit 1');
  const count = server.requestCount;
  await vi.waitFor(() => expect(server.requestCount).toBeGreaterThan(count + 1), wait);
  gone = false;
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);
  expect(context.samples(1).filter((sample) => sample.quality !== Quality.Good)).toHaveLength(1);
  expect(server.connectionCount).toBe(1);
});

test('a tag that is refused and a device that fails: one Bad each, and the refused one stays out', async () => {
  server.behave = (request) => (touches(request, 2) ? { exception: 2 } : 'right');
  run(modbus, device({ ...quick, port: server.port }), floats(3), context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(3), wait);
  server.cut();
  await vi.waitFor(() => expect(context.samples(1).some((sample) => sample.value === null)).toBe(true), wait);
  await vi.waitFor(() => expect(context.last(1)?.quality).toBe(Quality.Good), wait);
  expect(context.samples(1).filter((sample) => sample.value === null)).toHaveLength(1);
  expect(context.samples(2).map((sample) => sample.quality)).toEqual([Quality.BadOutOfRange]);
});

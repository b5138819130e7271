/** Registers that somebody looks at through the driver, between its polls. */
import { expect, test, vi } from 'vitest';
import type { Driver } from '../../../../gateway/drivers/driver.ts';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { run } from '../collect.ts';
import { context, freshDevice, server, wait } from './rig.ts';
import { device, tag } from './settings.ts';

freshDevice();

async function up(settings: Partial<ModbusDevice> = {}): Promise<Driver> {
  const quick = { pollMs: 50, timeoutMs: 300, retryMinMs: 100, retryMaxMs: 200, port: server.port };
  const driver = run(modbus, device({ ...quick, ...settings }), [tag('holding:0', 'uint16')], context);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  return driver;
}

test('registers come with what may stand in them, each as an entry to paste, over the connection of the polls', async () => {
  const driver = await up();
  // 21.5 as a float with its words turned, then a small count.
  server.holding.set([0, 0x41ac, 1234], 10);
  const { registers } = await driver.registers!('holding', 10, 3);
  expect(registers.map(({ address, raw }) => [address, raw])).toEqual([
    [10, 0],
    [11, 0x41ac],
    [12, 1234],
  ]);
  expect(registers[0]!.readings[0]).toEqual({
    words: 'float32 CDAB',
    registers: 2,
    value: '21.5000',
    tag: '- { name: holding10, address: "holding:10", type: float32, wordOrder: CDAB }',
  });
  expect(registers[2]!.readings[0]).toMatchObject({ words: 'uint16', value: '1234' });
  server.coils.set([0, 1, 1], 4);
  const coils = await driver.registers!('coil', 4, 3);
  expect(coils.registers.map(({ raw }) => raw)).toEqual([0, 1, 1]);
  expect(coils.registers[1]!.readings[0]!.tag).toBe('- { name: coil5, address: "coil:5", type: bool }');
  expect(server.connectionCount).toBe(1);
  expect(server.overlapping).toBe(0);
});

test('a missing address does not hide its neighbours, and no request is longer than the device takes', async () => {
  const driver = await up({ maxBlock: 10 });
  server.behave = ({ address, count }) => (address <= 27 && address + count > 27 ? { exception: 2 } : 'right');
  const { registers } = await driver.registers!('holding', 20, 30);
  expect(registers.filter(({ raw }) => raw === null)).toEqual([
    { address: 27, raw: null, refused: 'the device has no such address (exception 2)', readings: [] },
  ]);
  expect(registers.map(({ address }) => address)).toEqual(Array.from({ length: 30 }, (_, i) => 20 + i));
  expect(Math.max(...server.requests.map(({ count }) => count))).toBe(10);
});

test('an address that the device is silent about does not take it for down, and a forbidden one is never asked', async () => {
  const driver = await up({ forbidden: ['holding:40-49'] });
  server.behave = ({ address }) => (address >= 60 ? 'silent' : 'right');
  await expect(driver.registers!('holding', 60, 2)).rejects.toThrow(/did not answer within 300 ms/);
  expect(driver.status().state).toBe('up');
  await expect(driver.registers!('holding', 45, 2)).rejects.toThrow(/holding:40-49 is in "forbidden"/);
  expect(server.requests.some(({ address }) => address === 45)).toBe(false);
  server.behave = () => 'right';
  await server.close();
  await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
  await expect(driver.registers!('holding', 0, 2)).rejects.toThrow(/device "press": .*retrying/);
});

/** Types, arrays and planning settings at the wire: what a device holds becomes samples, by the requests that were wished. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { expect, test, vi } from 'vitest';
import { parseAddress } from '../../../../gateway/drivers/modbus/address.ts';
import type { ModbusDevice, ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';
import { elementsOf } from '../../../../gateway/drivers/modbus/elements.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { run } from '../collect.ts';
import { context, freshDevice, server, wait } from './rig.ts';
import { device, tag } from './settings.ts';

freshDevice();

/** The first sample of each tag, and the requests of the first poll as `table code:address+count`. */
async function poll(tags: ModbusTag[], settings: Partial<ModbusDevice> = {}) {
  const whole = device({ pollMs: 60_000, port: server.port, ...settings });
  const named = tags.map((settings, i) => ({ name: `tag${i}`, settings }));
  expect(modbus.check(whole, named)).toEqual([]);
  run(modbus, whole, tags, context);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(0), wait);
  return {
    samples: tags.map((_, i) => context.samples(i + 1)[0]).map((one) => [one?.value, one?.quality]),
    requests: server.requests.map(({ code, address, count }) => `${code}:${address}+${count}`),
  };
}

test('texts, bytes and decimal digits arrive, and what is no value is Bad without one', async () => {
  server.holding.set([0x4c4f, 0x542d, 0x3432, 0x0000], 300);
  server.holding.set([0x80ff, 0x1234, 0x12f4, 0xfffe], 304);
  const { samples, requests } = await poll([
    tag('40301', 'string', { length: 4 }),
    tag('holding:304', 'int8', { byte: 'high' }),
    tag('holding:304', 'uint8'),
    tag('holding:305', 'bcd16'),
    tag('holding:306', 'bcd16'),
    tag('holding:307', 'string', { length: 1, encoding: 'utf8' }),
  ]);
  expect(samples).toEqual([
    ['LOT-42', Quality.Good],
    [-128, Quality.Good],
    [255, Quality.Good],
    [1234, Quality.Good],
    [null, Quality.BadDecodingError],
    [null, Quality.BadDecodingError],
  ]);
  expect(requests).toEqual(['3:300+8']);
});

test('the elements of an array are tags, in as few requests as may be', async () => {
  for (let i = 0; i < 6; i++) server.setFloat32(server.holding, 100 + 2 * i, i / 2);
  const floats = elementsOf(tag('40101', 'float32', { count: 6 }));
  expect(floats.map(({ suffix }) => suffix)).toEqual(['[0]', '[1]', '[2]', '[3]', '[4]', '[5]']);
  const { samples, requests } = await poll(
    floats.map(({ settings }) => settings),
    { maxBlock: 5 },
  );
  expect(samples.map(([value]) => value)).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
  // Two whole floats in five registers, never two and a half.
  expect(requests).toEqual(['3:100+4', '3:104+4', '3:108+4']);
});

test.each<[string, ModbusTag, string[]]>([
  ['coils', tag('00017', 'bool', { count: 3 }), ['coil:16', 'coil:17', 'coil:18']],
  [
    'bits go on into the next register',
    tag('holding:5', 'bool', { bit: 14, count: 4 }),
    ['holding:5 bit 14', 'holding:5 bit 15', 'holding:6 bit 0', 'holding:6 bit 1'],
  ],
  [
    'bytes from high to low',
    tag('input:7', 'uint8', { count: 3 }),
    ['input:7 byte high', 'input:7 byte low', 'input:8 byte high'],
  ],
  [
    'bytes from a low one',
    tag('input:7', 'int8', { byte: 'low', count: 2 }),
    ['input:7 byte low', 'input:8 byte high'],
  ],
  ['texts', tag('30001', 'string', { length: 5, count: 2 }), ['input:0', 'input:5']],
  ['of one element', tag('holding:0', 'int16', { count: 1 }), ['holding:0']],
  ['no array', tag('holding:0', 'int16'), []],
])('places of the elements: %s', (_name, array, places) => {
  const found = elementsOf(array).map(({ settings: { address, bit, byte, count } }) => {
    expect(typeof parseAddress(address)).toBe('object');
    expect(count).toBeUndefined();
    return [address, bit === undefined ? '' : ` bit ${bit}`, byte === undefined ? '' : ` byte ${byte}`].join('');
  });
  expect(found).toEqual(places);
});

test('forbidden registers are never asked for, though the tags around them would merge', async () => {
  server.behave = ({ code, address, count }) =>
    code === 3 && address <= 4 && 4 < address + count ? 'close' : 'right';
  const { samples, requests } = await poll(
    [tag('holding:2', 'uint16'), tag('holding:3', 'uint16'), tag('holding:5', 'uint16'), tag('input:4', 'uint16')],
    { forbidden: ['40005'] },
  );
  expect(requests.filter((request) => request.startsWith('3'))).toEqual(['3:2+2', '3:5+1']);
  expect(samples.every(([, quality]) => quality === Quality.Good)).toBe(true);
});

test('without coalescing each tag has its request', async () => {
  const { requests } = await poll(
    [tag('holding:0', 'float32'), tag('holding:2', 'uint16'), tag('holding:3', 'uint16')],
    {
      coalesce: false,
    },
  );
  expect(requests).toEqual(['3:0+2', '3:2+1', '3:3+1']);
});

import { ServerTCP } from 'modbus-serial';
import { expect, onTestFinished, test, vi } from 'vitest';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { Collector, run } from '../collect.ts';
import { device, tag } from './settings.ts';

test('a server that others have written is understood, and refuses what it does not have', async () => {
  const server = new ServerTCP(
    {
      getHoldingRegister: (address: number) => {
        if (address > 500) throw Object.assign(new Error('no such register'), { modbusErrorCode: 2 });
        return 1000 + address;
      },
      getInputRegister: (address: number) => address >> 1,
      getCoil: (address: number) => address % 3 === 0,
      getDiscreteInput: (address: number) => address % 2 === 0,
    },
    { host: '127.0.0.1', port: 0, unitID: 9 },
  );
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const port = await new Promise<number>((resolve) => {
    server.once('initialized', () =>
      resolve((server as unknown as { _server: { address(): { port: number } } })._server.address().port),
    );
  });
  const context = new Collector();
  const tags = [
    tag('holding:7', 'uint16'),
    tag('holding:300', 'uint32'),
    tag('input:65535', 'uint16'),
    tag('coil:12', 'bool'),
    tag('coil:13', 'bool'),
    tag('discrete:20', 'bool'),
    tag('discrete:21', 'bool'),
    tag('holding:501', 'uint16'),
  ];
  run(modbus, device({ port, unitId: 9, pollMs: 50, timeoutMs: 2000 }), tags, context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(3), { timeout: 8000, interval: 10 });
  const values = tags.map((_, i) => context.last(i + 1)?.value);
  expect(values).toEqual([1007, 1300 * 65536 + 1301, 32767, true, false, true, false, null]);
  expect(context.statuses.map((status) => status.state)).toEqual(['up']);
});

/** A device that answers, and a driver's context that keeps what the driver says: what most Modbus tests begin with. */
import { beforeEach, onTestFinished } from 'vitest';
import { FakeModbusServer } from '../../../services/fake-modbus-server.ts';
import { Collector } from '../collect.ts';

export const wait = { timeout: 8000, interval: 5 };

/** A device for the test that calls it. */
export async function serve(framing: 'mbap' | 'rtu' = 'mbap'): Promise<FakeModbusServer> {
  const server = await new FakeModbusServer({ framing }).listen();
  onTestFinished(() => server.close());
  return server;
}

/** Both are others in each test that comes after a call of `freshDevice`. */
export let server: FakeModbusServer;
export let context: Collector;

/** To be called in a file or a `describe`. */
export function freshDevice(framing?: 'mbap' | 'rtu'): void {
  beforeEach(async () => {
    server = await serve(framing);
    context = new Collector();
  });
}

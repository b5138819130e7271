import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openMqtt } from '@lineside/shared/mqtt/open-client.ts';
import { Aedes } from 'aedes';
import { expect, onTestFinished, test } from 'vitest';

const LENGTHS = 300;
/** Node cuts small buffers out of slabs of this size. */
const SLAB_BYTES = Buffer.poolSize;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

test('messages of ever new lengths leave nothing behind', async () => {
  const broker = await Aedes.createBroker();
  const server = createServer(broker.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  onTestFinished(() => new Promise<void>((resolve) => broker.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const client = openMqtt(
    { url: `mqtt://127.0.0.1:${port}`, resolvePath: (path) => path },
    { clientId: 'of-many-lengths' },
  );
  onTestFinished(() => client.endAsync(true));
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));

  const before = heldBytes();
  for (let i = 0; i < LENGTHS; i++) {
    await client.publishAsync('lengths', Buffer.alloc(1_000 + 37 * i), { qos: 1 });
    // What else a process makes meanwhile: the slab of this message is not that of the next one.
    for (let filled = 0; filled < SLAB_BYTES; filled += 1_000) Buffer.from('x'.repeat(1_000));
  }
  expect((heldBytes() - before) / SLAB_BYTES).toBeLessThan(LENGTHS / 4);
});

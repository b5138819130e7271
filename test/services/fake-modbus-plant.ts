/**
 * Many fake Modbus devices in a process of their own, for a load test.
 *
 *   node test/services/fake-modbus-plant.ts [devices] [floats]
 *
 * Prints one JSON line `{"ports":[…]}` when all listen, and ends on SIGTERM or at the end of its standard input. The float32 at
 * holding register 2·i of a device is the number of the read (exact up to 2^24): all floats of
 * one answer are equal, ascend by one from read to read, and so show a lost or repeated sample at once.
 * A line `counts` on standard input is answered with `{"reads":[…]}`; after a line `hush` the devices answer
 * nothing any more, and `{"hushed":[…]}` says how many reads each has answered.
 */
import { createInterface } from 'node:readline';
import { FakeModbusServer } from './fake-modbus-server.ts';

const devices = Number(process.argv[2] ?? 20);
const floats = Number(process.argv[3] ?? 50);

const servers = await Promise.all(
  Array.from({ length: devices }, async () => {
    const server = new FakeModbusServer({ record: false });
    let reads = 0;
    server.beforeRead = () => {
      server.setFloat32(server.holding, 0, ++reads);
      for (let i = 1; i < floats; i++) server.holding.copyWithin(2 * i, 0, 2);
    };
    return server.listen();
  }),
);

const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
print({ ports: servers.map((server) => server.port) });

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line.trim() === 'counts') print({ reads: servers.map((server) => server.requestCount) });
  if (line.trim() === 'hush') {
    for (const server of servers) server.behave = () => 'silent';
    print({ hushed: servers.map((server) => server.requestCount) });
  }
});
lines.on('close', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));

/** The package modbus-serial, as its manual says, alone in its process. */
import { setTimeout as sleep } from 'node:timers/promises';
import modbusSerial from 'modbus-serial';
import { type Collecting, followOrders } from './measured-process.ts';
import { type ModbusLoad, valuesIn } from './modbus-load.ts';

// CommonJS whose types know only the `default` inside.
const ModbusClient = modbusSerial.default;
type ModbusClient = InstanceType<typeof ModbusClient>;

/** It has none by itself, and a request that nobody answers would pend for ever. Milliseconds. */
const TIMEOUT_MS = 1_000;

followOrders(begin);

async function begin(load: ModbusLoad): Promise<Collecting> {
  let answered = 0;
  let wrong = 0;
  let going = true;
  const values = valuesIn(load);
  const clients: ModbusClient[] = [];
  // One by one: libmodbus' server takes few new connections at once.
  for (const port of load.ports) {
    const client = new ModbusClient();
    await client.connectTCP('127.0.0.1', { port });
    client.setID(1);
    client.setTimeout(TIMEOUT_MS);
    clients.push(client);
  }
  const read = async (client: ModbusClient) => {
    try {
      const { data, buffer } = await client.readHoldingRegisters(0, load.registers);
      const read = load.type === 'uint16' ? data : floats(buffer, values);
      if (read.length === values) answered++;
      else wrong++;
    } catch (error) {
      if (going) throw error;
    }
  };
  const { everyMs } = load;
  const timers = everyMs === null ? [] : clients.map((client) => setInterval(() => void read(client), everyMs));
  const loops =
    everyMs === null
      ? clients.map((client) =>
          repeat(
            () => read(client),
            () => going,
          ),
        )
      : [];
  while (answered < clients.length) await sleep(20);
  return {
    count: () => answered,
    fault: () => (wrong > 0 ? `${wrong} of ${answered + wrong} answers were not whole` : ''),
    async end() {
      going = false;
      for (const timer of timers) clearInterval(timer);
      await Promise.all(loops);
      for (const client of clients) client.close(() => {});
    },
  };
}

async function repeat(work: () => Promise<void>, going: () => boolean): Promise<void> {
  while (going()) await work();
}

function floats(bytes: Buffer, count: number): number[] {
  return Array.from({ length: count }, (_, i) => bytes.readFloatBE(4 * i));
}

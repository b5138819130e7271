/** A plant in this process on free ports, and small readers of what it wrote. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import modbusSerial from 'modbus-serial';
import { type PlantOptions, parseOptions } from '../../demo/options.ts';
import { PlantFloor } from '../../demo/plant-floor.ts';

// CommonJS whose types know only the `default` inside.
const ModbusClient = modbusSerial.default;
type ModbusClient = InstanceType<typeof ModbusClient>;

export interface TestPlant {
  floor: PlantFloor;
  /** A folder of this test, removed with the plant. */
  dir: string;
  truth(): TruthRecord[];
  /** A Modbus client of the machine, closed with the plant. */
  client(machine: 'moulder' | 'pump'): Promise<ModbusClient>;
  stop(): Promise<void>;
}

export interface TruthRecord {
  m: string;
  t: number;
  n?: string;
  v?: number | null;
  q?: number;
  f?: number;
  a?: number;
  l?: number;
  w?: number[];
  b?: number[];
  x?: number;
}

export async function startPlant(changes: Partial<PlantOptions> = {}): Promise<TestPlant> {
  const dir = mkdtempSync(join(tmpdir(), 'lineside-plant-'));
  const truthFile = join(dir, 'truth.jsonl');
  const options = testOptions();
  const floor = new PlantFloor({ ...options, truth: truthFile, pkiDir: join(dir, 'pki'), ...changes });
  await floor.start();
  const clients: ModbusClient[] = [];
  return {
    floor,
    dir,
    truth: () => readTruth(truthFile),
    async client(machine) {
      const client = new ModbusClient();
      client.setTimeout(2_000);
      client.setID(machine === 'moulder' ? 1 : 2);
      await client.connectTCP('127.0.0.1', { port: floor.addresses()[machine].port });
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.destroy(() => undefined);
      await floor.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The defaults of the command line, with every port free. */
export function testOptions(): PlantOptions {
  const free = ['opcua', 'moulder', 'pump', 'http'].flatMap((server) => [`--${server}-port`, '0']);
  const options = parseOptions(free);
  if (options === 'help') throw new Error('unexpected');
  return options;
}

function readTruth(path: string): TruthRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TruthRecord);
}

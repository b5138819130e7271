/** The configuration of the soak: a gateway that uses every stage that it has. JSON is YAML, too. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GATEWAY, PASSWORD } from '../gateway/publisher/fake-hub.ts';
import { TEST_NAMESPACE } from '../services/opcua-test-server.ts';
import type { ItemGroup } from './opcua-load.ts';

export const MODBUS = { devices: 10, floats: 50, pollMs: 100 };
export const GROUPS: ItemGroup[] = [
  { prefix: 'S', items: 1_000, everyMs: 1_000 },
  { prefix: 'F', items: 100, everyMs: 100 },
];

const MODEL = fileURLToPath(new URL('../../config/models/pump-anomaly.json', import.meta.url));

export interface SoakWorld {
  mqttPort: number;
  modbusPorts: number[];
  opcuaEndpoint: string;
}

/** Returns the file. */
export async function writeSoakConfig(
  dir: string,
  { mqttPort, modbusPorts, opcuaEndpoint }: SoakWorld,
): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'secret'), `${PASSWORD}\n`, { mode: 0o600 });
  const floats = Array.from({ length: MODBUS.floats }, (_, i) => ({
    ...{ name: `f${i}`, address: `holding:${2 * i}`, type: 'float32' },
    // Thinned, as a part of a plant's tags is.
    ...(i % 5 === 0 ? { deadband: 100 } : {}),
  }));
  const items = GROUPS.flatMap(({ prefix, items, everyMs }) =>
    Array.from({ length: items }, (_, i) => ({
      name: `${prefix}${i}`,
      nodeId: `nsu=${TEST_NAMESPACE};s=${prefix}${i}`,
      samplingMs: everyMs,
    })),
  );
  const file = join(dir, 'gateway.yaml');
  const config = {
    gateway: { id: GATEWAY },
    dataDir: 'gateway',
    hub: { url: `mqtt://127.0.0.1:${mqttPort}`, passwordFile: 'secret' },
    local: { port: 0 },
    devices: [
      ...modbusPorts.map((port, i) => ({
        ...{ id: `modbus-${i + 1}`, driver: 'modbus', host: '127.0.0.1', port, pollMs: MODBUS.pollMs, tags: floats },
      })),
      { id: 'opcua', driver: 'opcua', endpoint: opcuaEndpoint, tags: items },
    ],
    models: [{ id: 'anomaly', file: MODEL, inputs: { temperature: 'opcua/S0' }, stepMs: 1_000, maxAgeMs: 10_000 }],
    // The fast items go up and fall every ten seconds, and these alarms with them.
    alarms: Array.from({ length: 5 }, (_, i) => ({
      ...{ id: `high-${i}`, tag: `opcua/F${i}`, message: 'Too high', above: 50 + 10 * i, hysteresis: 2 },
    })),
  };
  await writeFile(file, JSON.stringify(config, null, 1));
  return file;
}

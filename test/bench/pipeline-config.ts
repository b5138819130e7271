/** The configurations of the pipeline bench, as files in a folder of its own. JSON is YAML, too. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const GATEWAY = 'bench';
export const FLOATS = 50;
export const POLL_MS = 100;

/** Devices that are also machines with state, counters and tiles, as a part of a plant's devices are. */
export const MACHINES = 4;

/** The last float of every device stands for its state: always PackML 6, Execute. */
const STATE = floatName(FLOATS - 1);

export function deviceName(device: number): string {
  return `device-${device + 1}`;
}

export function floatName(index: number): string {
  return `f${String(index).padStart(2, '0')}`;
}

/** Whether a tag carries the number of the read, as the fake devices send it. */
export function countsReads(name: string): boolean {
  return name !== STATE;
}

/** Writes the hub's, the plant's and the shared secret. Returns the hub's file. */
export async function writeHubConfig(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'secret'), 'a password of the bench\n', { mode: 0o600 });
  const cells = Array.from({ length: MACHINES }, (_, i) => ({
    id: deviceName(i),
    name: `Machine ${i + 1}`,
    gateway: GATEWAY,
    device: deviceName(i),
    state: { tag: STATE },
    counters: { total: floatName(0), unit: 'parts', idealPerHour: 36_000 },
    show: [1, 2, 3].map((index) => ({ tag: floatName(index) })),
  }));
  await writeJson(join(dir, 'plant.yaml'), {
    enterprise: { id: 'bench', name: 'Bench' },
    sites: [
      {
        id: 'site',
        name: 'Site',
        timeZone: 'Etc/UTC',
        shifts: [{ name: 'Day', from: '00:00', to: '00:00' }],
        areas: [{ id: 'area', name: 'Area', lines: [{ id: 'line', name: 'Line', cells }] }],
      },
    ],
  });
  return writeJson(join(dir, 'hub.yaml'), {
    dataDir: 'hub',
    plant: 'plant.yaml',
    http: { port: 0 },
    mqtt: { port: 0 },
    gateways: [{ id: GATEWAY, passwordFile: 'secret' }],
  });
}

/** @param ports of the Modbus devices. Returns the file. */
export async function writeGatewayConfig(dir: string, mqttPort: number, ports: number[]): Promise<string> {
  const tags = Array.from({ length: FLOATS }, (_, i) => ({
    name: floatName(i),
    address: `holding:${2 * i}`,
    type: 'float32',
    ...(countsReads(floatName(i)) ? {} : { scale: 0, offset: 6 }),
  }));
  return writeJson(join(dir, 'gateway.yaml'), {
    gateway: { id: GATEWAY },
    dataDir: 'gateway',
    hub: { url: `mqtt://127.0.0.1:${mqttPort}`, passwordFile: 'secret' },
    local: { port: 0 },
    devices: ports.map((port, i) => ({
      id: deviceName(i),
      driver: 'modbus',
      host: '127.0.0.1',
      port,
      pollMs: POLL_MS,
      tags,
    })),
  });
}

async function writeJson(file: string, content: object): Promise<string> {
  await writeFile(file, JSON.stringify(content, null, 1));
  return file;
}

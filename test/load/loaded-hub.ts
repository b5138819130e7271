/** A hub of its own in a folder, that knows the gateways of a load: with its embedded stores or with real servers. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program } from '../services/program.ts';
import { gatewayId } from './load.ts';

const PASSWORD = 'a password of the load';

export interface LoadedHubOptions {
  dir: string;
  gateways: number;
  prefix: string;
  /** Of `relational` and `timeSeries`; none: the embedded stores. */
  stores?: Record<string, unknown> | undefined;
  /** Node's own options. */
  flags?: string[];
  complain(line: string): unknown;
}

export interface LoadedHub {
  program: Program;
  broker: URL;
  password: string;
  url: string;
  /** Its embedded stores. */
  dataDir: string;
}

export async function startLoadedHub(options: LoadedHubOptions): Promise<LoadedHub> {
  const { dir, flags = [], complain } = options;
  const file = await writeLoadedHub(options);
  const args = [...flags, 'hub/main.ts', 'run', '--config', file];
  const program = new Program({ name: 'the hub', args, complain });
  const told = await program.start();
  const broker = new URL(`mqtt://127.0.0.1:${told.mqttPort}`);
  return { program, broker, password: PASSWORD, url: String(told.url), dataDir: join(dir, 'hub') };
}

/** Its configuration: a machine with states and counters at each gateway. Returns the file; JSON is YAML, too. */
async function writeLoadedHub({ dir, gateways, prefix, stores }: LoadedHubOptions): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'secret'), `${PASSWORD}\n`, { mode: 0o600 });
  const ids = Array.from({ length: gateways }, (_, index) => gatewayId(prefix, index));
  const cells = ids.map((id) => ({
    ...{ id, name: id, gateway: id, device: 'machine', state: { tag: 't081' } },
    counters: { total: 't065', unit: 'parts', idealPerHour: 3_600 },
    show: [{ tag: 't001' }],
  }));
  await writeFile(
    join(dir, 'plant.yaml'),
    JSON.stringify({
      enterprise: { id: 'load', name: 'Load' },
      sites: [
        {
          ...{ id: 'site', name: 'Site', timeZone: 'Etc/UTC' },
          shifts: [{ name: 'Day', from: '00:00', to: '00:00' }],
          areas: [{ id: 'area', name: 'Area', lines: [{ id: 'line', name: 'Line', cells }] }],
        },
      ],
    }),
  );
  const file = join(dir, 'hub.yaml');
  await writeFile(
    file,
    JSON.stringify({
      ...{ dataDir: 'hub', plant: 'plant.yaml', http: { port: 0 }, mqtt: { port: 0 } },
      gateways: ids.map((id) => ({ id, passwordFile: 'secret' })),
      ...stores,
    }),
  );
  return file;
}

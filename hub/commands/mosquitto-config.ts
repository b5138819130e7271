/** Writes what the running hub says a Mosquitto needs. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import type { LoadedHubConfig } from '../config/load-config.ts';
import type { MosquittoFile } from '../mqtt-accounts/mosquitto-files.ts';
import { askRunningHub } from './ask-running-hub.ts';

/** @throws LinesideError in the words of the hub */
export async function writeMosquittoConfig(
  config: LoadedHubConfig,
  { out, place, names }: { out: string; place: string; names: string[] },
): Promise<void> {
  const dataDir = config.resolvePath(config.dataDir);
  const body = { names, place: resolve(place) };
  const files = (await askRunningHub(dataDir, 'mosquitto-config', body)) as MosquittoFile[];
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const { name, text, secret } of files) {
    await writeDurably(join(folder, name), text, { mode: secret ? 0o600 : 0o644 });
  }
  process.stdout.write(`${folder}: ${files.map(({ name }) => name).join(', ')}\n`);
  process.stderr.write(`
Then, on Mosquitto's machine: its files belong to Mosquitto's own user (chown mosquitto: ${resolve(place)}/*), and
mosquitto.conf has the line
  include_dir ${resolve(place)}
After a change of gateways, certificates or accounts write them again, and restart Mosquitto.
`);
}

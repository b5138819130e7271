/** The demo's configurations without what chaos does not look at: less to start, so that more runs fit into an hour. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { Configurations } from '../services/plant-run.ts';

const DEMO = fileURLToPath(new URL('../../config/demo/', import.meta.url));

export interface ChaosConfig {
  /** Of the demo's. */
  devices: readonly string[];
  mosquitto: boolean;
  mqttVersion: '3.1.1' | '5';
}

/** @param dir of the run: the files are written there */
export function writeConfigurations(dir: string, { devices, mosquitto, mqttVersion }: ChaosConfig): Configurations {
  const files = { gateway: join(dir, 'gateway.yaml'), hub: join(dir, 'hub.yaml') };
  const gateway = demo('gateway.yaml');
  gateway.devices = gateway.devices.filter(({ id }: { id: string }) => devices.includes(id)).map(patient);
  gateway.alarms = gateway.alarms.filter(({ tag }: { tag: string }) => devices.includes(tag.split('/')[0]!));
  // Its input is a device that may not be there, and a model has suites of its own.
  gateway.alarms = gateway.alarms.filter(({ id }: { id: string }) => id !== 'pump-anomaly');
  gateway.models = [];
  gateway.localBroker.enabled = false;
  gateway.uns.enabled = false;
  Object.assign(gateway.hub, { mqttVersion });
  // Small files, for a small disk.
  Object.assign(gateway.buffer, { segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 32 });
  writeFileSync(files.gateway, stringify(gateway));
  const hub = demo('hub.yaml');
  hub.plant = join(DEMO, 'plant.yaml');
  hub.uns.enabled = false;
  hub.mqtt.accounts = [];
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
  if (mosquitto) hub.mqtt.broker = { url: '${LINESIDE_BROKER_URL}', mqttVersion };
  writeFileSync(files.hub, stringify(hub));
  return files;
}

// biome-ignore lint/suspicious/noExplicitAny: as loose as a file is
type Loose = any;

/** A device that comes back soon, and whose queue a busy machine does not make overflow. */
function patient(device: Loose): Loose {
  const quick = { retryMinMs: 200, retryMaxMs: 1_000 };
  return device.driver === 'opcua' ? { ...device, ...quick, queueSize: 1_000 } : { ...device, ...quick };
}

function demo(name: string): Loose {
  return parse(readFileSync(join(DEMO, name), 'utf8'));
}

/** Looking at devices for the hub, by what `gateway browse` and `gateway probe` use. */
import { resolve } from 'node:path';
import type { BrowseAsk, DeviceFound, ProbeAsk } from '@lineside/shared/contracts/fleet.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { LoadedConfig } from '../config/load-config.ts';
import { account } from './browse.ts';
import { deviceTarget, endpointTarget } from './opcua-target.ts';

const PROGRESS_MS = 1_000;
/** Of a probe from afar: whoever waits does not wait longer. */
const PROBE_BOUNDS = { maxRequests: 1_000, maxSeconds: 60, pauseMs: 5 };

export async function lookAtServer(
  config: LoadedConfig,
  ask: Static<typeof BrowseAsk>,
  progress: (words: string) => void,
): Promise<DeviceFound> {
  const target = targetOf(config, ask);
  try {
    const { browseServer } = await import('../drivers/opcua/browse-server.ts');
    if (!config.devices.some(({ driver }) => driver === 'opcua')) {
      // Else its driver has done so.
      (await import('../drivers/opcua/link.ts')).quietClient(() => {});
    }
    const say = atMostEvery(PROGRESS_MS, progress);
    const { root, include, exclude, max: maxTags, depth: maxDepth } = ask;
    const request = {
      ...{ id: target.id, root, include, exclude, maxTags, maxDepth },
      progress: (nodes: number, variables: number) => say(`${nodes} nodes looked into, ${variables} variables`),
    };
    const report = await browseServer(target.device, target.context, request);
    return { yaml: report.yaml, account: account(report, request).split('\n') };
  } finally {
    target.cleanUp();
  }
}

export async function lookAtModbus(
  { host, port, unit, from, to }: Static<typeof ProbeAsk>,
  progress: (words: string) => void,
): Promise<DeviceFound> {
  if (to < from) throw new LinesideError('PROBE_OPTIONS', 'config', `to (${to}) is before from (${from})`);
  const { connectionSettings } = await import('../drivers/modbus/connection-config.ts');
  const { probeModbus } = await import('../drivers/modbus/probe.ts');
  const { probeTable, probeYaml } = await import('../drivers/modbus/probe-report.ts');
  const schema = Type.Object(connectionSettings);
  const connection = Value.Parse(schema, Value.Default(schema, { transport: 'tcp', host, port, timeoutMs: 1_000 }));
  const profile = await probeModbus({
    ...{ connection, unit: unit ?? null, from, to, tables: ['holding', 'input', 'discrete', 'coil'] },
    bounds: { ...PROBE_BOUNDS, signal: new AbortController().signal },
    resolvePath: (file) => resolve(file),
    progress: atMostEvery(PROGRESS_MS, progress),
  });
  return { yaml: probeYaml(profile, connection, new Date()) ?? '', account: probeTable(profile, connection) };
}

function targetOf(config: LoadedConfig, { device, endpoint }: Static<typeof BrowseAsk>) {
  if (device !== undefined) return deviceTarget(config, device, () => undefined);
  if (endpoint === undefined) throw new LinesideError('DEVICE', 'config', 'name a device or an endpoint');
  return endpointTarget(endpoint, () => undefined);
}

function atMostEvery(ms: number, say: (words: string) => void): (words: string) => void {
  let said = Number.NEGATIVE_INFINITY;
  return (words) => {
    if (performance.now() - said < ms) return;
    said = performance.now();
    say(words);
  };
}

/** The OPC UA server that a command is about: named by its address, or as a device of a configuration. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CONFIG_OPTION, type CommandArguments, textOption } from '@lineside/shared/cli/command.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Value } from 'typebox/value';
import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { OpcUaDevice } from '../drivers/opcua/config.ts';
import type { SecurityContext } from '../drivers/opcua/security-connect.ts';

export const OPCUA_TARGET_OPTIONS = {
  endpoint: textOption('URL', 'the server, such as opc.tcp://plc1:4840, with security None'),
  ...CONFIG_OPTION,
  device: textOption('ID', 'with --config: the device whose server, security and user are taken'),
};

export interface OpcUaTarget {
  id: string;
  device: OpcUaDevice;
  context: SecurityContext;
  cleanUp(): void;
}

/** Null when neither a server nor a device is named. */
export function opcUaTarget({ options }: CommandArguments): OpcUaTarget | null {
  const warn = (words: string) => console.error(words);
  const { config: file, device: wanted, endpoint } = options;
  if (typeof file === 'string' && typeof wanted === 'string') return deviceTarget(loadConfig(file), wanted, warn);
  return typeof endpoint === 'string' ? endpointTarget(endpoint, warn) : null;
}

/** A device of a configuration, with its security and its user. @throws LinesideError DEVICE */
export function deviceTarget(config: LoadedConfig, wanted: string, warn: (words: string) => void): OpcUaTarget {
  const entry = config.devices.find(({ id, driver }) => id === wanted && driver === 'opcua');
  if (!entry) throw new LinesideError('DEVICE', 'config', `${config.file} has no OPC UA device "${wanted}"`);
  return {
    id: entry.id,
    device: entry.settings as OpcUaDevice,
    context: {
      dataDir: config.resolvePath(config.dataDir),
      now: Date.now,
      resolvePath: (path) => config.resolvePath(path),
      warn,
    },
    cleanUp: () => {},
  };
}

/** A server with security None. @throws LinesideError ENDPOINT */
export function endpointTarget(endpoint: string, warn: (words: string) => void): OpcUaTarget {
  if (!/^opc\.tcp:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new LinesideError('ENDPOINT', 'config', `"${endpoint}" is no address: write opc.tcp://<host>:<port>`);
  }
  // The client needs a certificate of its own even where nothing is signed.
  const dataDir = mkdtempSync(join(tmpdir(), 'lineside-browse-'));
  const open = { endpoint, security: { policy: 'None' } };
  return {
    id:
      new URL(endpoint).hostname
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-+|-+$/g, '') || 'server',
    device: Value.Parse(OpcUaDevice, Value.Default(OpcUaDevice, open)),
    context: { dataDir, now: Date.now, resolvePath: (path) => resolve(path), warn },
    cleanUp: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

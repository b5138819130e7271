/** The OPC UA server that a command is about: named by its address, or as a device of a configuration. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CONFIG_OPTION, type CommandArguments, textOption } from '@lineside/shared/cli/command.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Value } from 'typebox/value';
import { loadConfig } from '../config/load-config.ts';
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
  if (typeof file === 'string' && typeof wanted === 'string') {
    const config = loadConfig(file);
    const entry = config.devices.find(({ id, driver }) => id === wanted && driver === 'opcua');
    if (!entry) throw new LinesideError('DEVICE', 'config', `${file} has no OPC UA device "${wanted}"`);
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
  if (typeof endpoint !== 'string') return null;
  if (!/^opc\.tcp:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new LinesideError('ENDPOINT', 'config', `--endpoint "${endpoint}": write opc.tcp://<host>:<port>`);
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

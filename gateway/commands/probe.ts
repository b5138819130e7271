/** `gateway probe modbus`: learns how a device is best read, and prints it as YAML to paste. */
import { resolve } from 'node:path';
import { type Command, type CommandArguments, sayProblems, textOption } from '@lineside/shared/cli/command.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Table } from '../drivers/modbus/address.ts';
import { type ConnectionSettings, checkConnection, connectionSettings } from '../drivers/modbus/connection-config.ts';
import { probeModbus } from '../drivers/modbus/probe.ts';
import { probeTable, probeYaml } from '../drivers/modbus/probe-report.ts';
import { interruption } from './interruption.ts';

const TABLES: Table[] = ['holding', 'input', 'discrete', 'coil'];

export const probe: Command = {
  words: 'probe modbus',
  summary: 'find out by careful reads what a Modbus device has and takes, as YAML to paste; never writes',
  options: {
    host: textOption('HOST', 'Modbus TCP: name or address of the device'),
    port: textOption('N', 'TCP port (default: 502, and 802 with TLS)'),
    transport: textOption('NAME', 'tcp, tls or rtuOverTcp (default: tcp, and rtu with --path)'),
    path: textOption('PORT', 'Modbus RTU: the serial port, such as /dev/ttyUSB0'),
    baud: textOption('N', 'bits per second (default: 19200)'),
    parity: textOption('NAME', 'none, even or odd (default: even)'),
    unit: textOption('N', 'unit id (default: the first of the usual ones that answers)'),
    table: textOption('NAMES', `of ${TABLES.join(',')} (default: all)`),
    from: textOption('N', 'first address, counted from 0 (default: 0)'),
    to: textOption('N', 'last address (default: 199 behind the first)'),
    timeout: textOption('MS', 'how long an answer may take, milliseconds (default: 1000)'),
    pause: textOption('MS', 'rest between requests, milliseconds (default: 5)'),
    'max-requests': textOption('N', 'so many requests at most (default: 2000)'),
    'max-seconds': textOption('N', 'so long at most, seconds (default: 120)'),
  },
  async run(args) {
    const { host, path } = args.options;
    if (typeof host !== 'string' && typeof path !== 'string') return 2;
    const stop = interruption();
    try {
      const connection = connectionOf(args);
      const from = whole(args, 'from', 0, 0, 65_535);
      const profile = await probeModbus({
        connection,
        unit: args.options.unit === undefined ? null : whole(args, 'unit', 1, 0, 255),
        tables: tablesOf(args),
        from,
        to: whole(args, 'to', Math.min(65_535, from + 199), from, 65_535),
        bounds: {
          maxRequests: whole(args, 'max-requests', 2000, 1, 200_000),
          maxSeconds: whole(args, 'max-seconds', 120, 1, 86_400),
          pauseMs: whole(args, 'pause', 5, 0, 10_000),
          signal: stop.signal,
        },
        resolvePath: (file) => resolve(file),
        progress: (words) => console.error(words),
      });
      console.error(['', ...probeTable(profile, connection), ''].join('\n'));
      const yaml = probeYaml(profile, connection, new Date());
      if (yaml) await stop.print(yaml);
      return yaml ? 0 : 1;
    } catch (error) {
      return sayProblems(new Error(messageOf(error)));
    } finally {
      stop.end();
    }
  },
};

/** @throws LinesideError PROBE_OPTIONS */
function connectionOf(args: CommandArguments): ConnectionSettings {
  const { host, path, transport, parity = 'even' } = args.options;
  const settings = {
    transport: transport ?? (path === undefined ? 'tcp' : 'rtu'),
    ...(host === undefined ? {} : { host }),
    ...(args.options.port === undefined ? {} : { port: whole(args, 'port', 502, 1, 65_535) }),
    ...(path === undefined
      ? {}
      : { serial: { path, baudRate: whole(args, 'baud', 19_200, 110, 4_000_000), parity } }),
    timeoutMs: whole(args, 'timeout', 1000, 50, 60_000),
  };
  const schema = Type.Object(connectionSettings);
  const filled = Value.Default(schema, settings);
  if (!Value.Check(schema, filled)) {
    const words = '--transport is tcp, tls or rtuOverTcp, and --parity none, even or odd';
    throw new LinesideError('PROBE_OPTIONS', 'config', words);
  }
  const [problem] = checkConnection({ ...filled, unitId: 1 });
  if (problem) throw new LinesideError('PROBE_OPTIONS', 'config', problem.message);
  return filled;
}

function tablesOf({ options }: CommandArguments): Table[] {
  if (typeof options.table !== 'string') return TABLES;
  return options.table.split(',').map((name) => {
    const table = TABLES.find((one) => one === name.trim());
    if (table) return table;
    throw new LinesideError('PROBE_OPTIONS', 'config', `--table "${name}": write one of ${TABLES.join(', ')}`);
  });
}

function whole(args: CommandArguments, name: string, otherwise: number, least: number, most: number): number {
  const given = args.options[name];
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new LinesideError(
    'PROBE_OPTIONS',
    'config',
    `--${name} ${given}: write a whole number from ${least} to ${most}`,
  );
}

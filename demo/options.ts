/** The plant's command line. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

export const speedLimits = { low: 0.1, high: 1_000 };

export interface PlantOptions {
  host: string;
  opcuaPort: number;
  moulderPort: number;
  pumpPort: number;
  httpPort: number;
  /** How many seconds of the plant's time pass in one real second. */
  speed: number;
  seed: number;
  truth?: string | undefined;
  recording: string;
  recordingStart: number;
  /** Undefined takes a temporary folder, removed at the end. */
  pkiDir?: string | undefined;
}

export const usage = `node demo/plant.ts [flags]
  --host 127.0.0.1       address that all servers listen on
  --opcua-port 4840      packer, OPC UA; 0 takes any free port, here and below
  --moulder-port 5020    moulder, Modbus TCP, unit 1
  --pump-port 5021       pump station, Modbus TCP, unit 2
  --http-port 8090       page, state and faults
  --speed 1              plant seconds in one real second, ${speedLimits.low} to ${speedLimits.high}
  --seed 1               seed of the plant's randomness
  --truth FILE           append every served value to this file, as JSON lines
  --recording FILE       CSV of timestamp,value that the pump replays, .gz or plain
  --recording-start 0    row of the recording to begin with
  --pki-dir DIR          OPC UA certificates; a temporary folder by default`;

const RECORDING = fileURLToPath(new URL('data/nab/machine_temperature_system_failure.csv.gz', import.meta.url));

/** @throws LinesideError `DEMO_OPTIONS` that names the flag. */
export function parseOptions(args: string[]): PlantOptions | 'help' {
  const text = { type: 'string' } as const;
  const flags = {
    host: text,
    'opcua-port': text,
    'moulder-port': text,
    'pump-port': text,
    'http-port': text,
    speed: text,
    seed: text,
    truth: text,
    recording: text,
    'recording-start': text,
    'pki-dir': text,
    help: { type: 'boolean' },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof flags }>>['values'];
  try {
    values = parseArgs({ args, options: flags, strict: true }).values;
  } catch (cause) {
    throw new LinesideError('DEMO_OPTIONS', 'config', `${messageOf(cause)}\n${usage}`);
  }
  if (values.help) return 'help';
  const port = (flag: 'opcua-port' | 'moulder-port' | 'pump-port' | 'http-port', fallback: number): number =>
    whole(flag, values[flag], fallback, 65_535);
  return {
    host: values.host ?? '127.0.0.1',
    opcuaPort: port('opcua-port', 4840),
    moulderPort: port('moulder-port', 5020),
    pumpPort: port('pump-port', 5021),
    httpPort: port('http-port', 8090),
    speed: number('speed', values.speed, 1, speedLimits.low, speedLimits.high),
    seed: whole('seed', values.seed, 1, 2 ** 32 - 1),
    truth: values.truth,
    recording: values.recording ?? RECORDING,
    recordingStart: whole('recording-start', values['recording-start'], 0, 2 ** 31),
    pkiDir: values['pki-dir'],
  };
}

function whole(flag: string, given: string | undefined, fallback: number, high: number): number {
  const value = number(flag, given, fallback, 0, high);
  if (!Number.isInteger(value)) throw badNumber(flag, given, 'a whole number');
  return value;
}

function number(flag: string, given: string | undefined, fallback: number, low: number, high: number): number {
  if (given === undefined) return fallback;
  const value = given.trim() === '' ? Number.NaN : Number(given);
  if (!(value >= low && value <= high)) throw badNumber(flag, given, `a number from ${low} to ${high}`);
  return value;
}

function badNumber(flag: string, given: string | undefined, wanted: string): LinesideError {
  return new LinesideError('DEMO_OPTIONS', 'config', `--${flag} must be ${wanted}, found "${given}"`);
}

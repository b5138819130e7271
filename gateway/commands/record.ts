/** `gateway record`: writes down for a while what one device says. */

import { CONFIG_OPTION, type Command, configFile, sayProblems, textOption } from '@lineside/shared/cli/command.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { pino } from 'pino';
import { loadConfig } from '../config/load-config.ts';
import type { Driver } from '../drivers/driver.ts';
import { FileRecorder } from '../drivers/recording/file-recorder.ts';
import { drivers } from '../drivers/registry.ts';
import { interruption } from './interruption.ts';

const MIB = 1024 * 1024;

/** Of a recording without --max-mib. */
const DEFAULT_MIB = 64;

export const record: Command = {
  words: 'record',
  summary: 'write down for a while what a device says, over a connection of its own; for `gateway replay`',
  options: {
    ...CONFIG_OPTION,
    device: textOption('ID', 'the device'),
    seconds: textOption('N', 'how long; without it until Ctrl-C'),
    out: textOption('FILE', 'where to; FILE.1 takes the older half when it grows long'),
    'max-mib': textOption('N', `most that is kept, MiB; without it ${DEFAULT_MIB}`),
  },
  async run(args) {
    const file = configFile(args);
    const { device, out } = args.options;
    const seconds = numberOf(args.options.seconds, Number.POSITIVE_INFINITY);
    const maxMiB = numberOf(args.options['max-mib'], DEFAULT_MIB);
    if (!file || typeof device !== 'string' || typeof out !== 'string' || !(seconds > 0) || !(maxMiB > 0)) return 2;
    const stop = interruption();
    try {
      const config = loadConfig(file);
      const entry = config.devices.find(({ id }) => id === device);
      if (!entry) {
        const known = config.devices.map(({ id }) => id).join(', ');
        const words = `${file} has no device "${device}"; it has ${known}`;
        throw new LinesideError('RECORD_DEVICE', 'config', words);
      }
      const log = pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true }));
      const recorder = new FileRecorder({
        file: out,
        maxBytes: maxMiB * MIB,
        device,
        driver: entry.driver,
        log,
        now: Date.now,
      });
      let samples = 0;
      const tags = entry.tags.map(({ name, settings }, i) => ({ id: i + 1, name, settings: settings as never }));
      const driver: Driver = drivers[entry.driver]!.create(entry.settings as never, tags, {
        onFrame: (frame) => {
          samples += frame.tags.length;
        },
        onStatus: ({ state, reason }) => console.error(`device "${device}" is ${state}${reason && `: ${reason}`}`),
        log,
        now: Date.now,
        dataDir: config.resolvePath(config.dataDir),
        resolvePath: (path) => config.resolvePath(path),
        recorder,
      });
      recorder.start();
      driver.start();
      await pause(1000 * seconds, stop.signal);
      await driver.stop();
      await recorder.stop();
      console.error(`${out}: ${recorder.entries} entries, ${samples} samples`);
      return samples > 0 ? 0 : 1;
    } catch (error) {
      return sayProblems(error);
    } finally {
      stop.end();
    }
  },
};

/** Not a number when it is none. */
function numberOf(text: string | boolean | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Number(text);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // The longest that a timer takes is 24 days.
    const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** `gateway replay`: what a configuration makes of a recording. */

import { CONFIG_OPTION, type Command, configFile, sayProblems, textOption } from '@lineside/shared/cli/command.ts';
import { pino } from 'pino';
import { loadConfig } from '../config/load-config.ts';
import { readRecording } from '../drivers/recording/recording.ts';
import { type ReplaySummary, replay as replayRecording } from '../replay.ts';
import { interruption } from './interruption.ts';

export const replay: Command = {
  words: 'replay',
  summary: 'print the frames and alarms that a recording of a device gives, one line of JSON each',
  options: {
    ...CONFIG_OPTION,
    recording: textOption('FILE', 'what `gateway record` or record: in the configuration wrote'),
    device: textOption('ID', 'the device; without it, of a replay, the recorded one'),
    speed: textOption('N|max', 'recorded seconds in one second; without it max'),
  },
  async run(args) {
    const file = configFile(args);
    const { recording, device, speed = 'max' } = args.options;
    if (!file || typeof recording !== 'string') return 2;
    const factor = speed === 'max' ? Number.POSITIVE_INFINITY : Number(speed);
    if (!(factor > 0)) {
      console.error(`--speed ${speed}: write a number above 0, or max`);
      return 2;
    }
    const stop = interruption();
    try {
      const summary = await replayRecording({
        config: loadConfig(file),
        recording: readRecording(recording),
        device: typeof device === 'string' ? device : undefined,
        speed: factor,
        log: pino({ level: 'error' }, pino.destination({ dest: 2, sync: true })),
        write: (line) => stop.print(`${JSON.stringify(line)}\n`),
        signal: stop.signal,
      });
      console.error(told(summary));
      return 0;
    } catch (error) {
      return sayProblems(error);
    } finally {
      stop.end();
    }
  },
};

function told(summary: ReplaySummary): string {
  const { device, entries, damaged, seconds, frames, samples, notGood, alarms, notes } = summary;
  const lines = [
    `device "${device}": ${entries} entries over ${seconds} s gave ${frames} frames, ${samples} samples (${notGood} not Good), ${alarms} changes of alarms`,
    ...notes.slice(0, 20),
  ];
  if (notes.length > 20) lines.push(`and ${notes.length - 20} more of that kind`);
  if (damaged > 0) lines.push(`${damaged} damaged lines of the recording were left out`);
  return lines.join('\n');
}

/** `gateway buffer inspect`, `verify` and `export`: what is on the disk, whether the gateway runs or not. */
import { join } from 'node:path';
import {
  CONFIG_OPTION,
  type Command,
  type CommandArguments,
  configFile,
  sayProblems,
  textOption,
} from '@lineside/shared/cli/command.ts';
import { openBufferFolder } from '../buffer/lane-folder.ts';
import { loadConfig } from '../config/load-config.ts';
import { exportSamples, exportUrgent } from './buffer-export.ts';
import { inspectBuffer, inspectTable } from './buffer-inspect.ts';
import { verifyLane } from './buffer-verify.ts';
import { type Interruption, interruption } from './interruption.ts';
import { ProgressLine } from './progress-line.ts';

const FOLDER_OPTIONS = {
  ...CONFIG_OPTION,
  'data-dir': textOption('DIR', 'the gateway’s data directory, where there is no --config'),
} as const;

type Folder = Awaited<ReturnType<typeof openBufferFolder>>;

/** Opens the folder that was named, and sees to Ctrl-C. */
async function withFolder(
  args: CommandArguments,
  work: (folder: Folder, stop: Interruption) => Promise<number>,
): Promise<number> {
  const file = configFile(args);
  const dataDir = args.options['data-dir'];
  if ((file === null) === (typeof dataDir !== 'string')) return 2;
  const stop = interruption();
  try {
    const config = file === null ? undefined : loadConfig(file);
    const dir = config ? config.resolvePath(config.dataDir) : String(dataDir);
    return await work(await openBufferFolder(join(dir, 'buffer')), stop);
  } catch (error) {
    return sayProblems(error);
  } finally {
    stop.end();
  }
}

const inspect: Command = {
  words: 'buffer inspect',
  summary: 'show what the buffer on disk holds: files, records, cursors, what waits for the hub',
  options: { ...FOLDER_OPTIONS, json: { type: 'boolean', meaning: 'as one JSON object' } },
  run: (args) =>
    withFolder(args, async (folder, stop) => {
      const picture = await inspectBuffer(folder);
      await stop.print(args.options.json === true ? `${JSON.stringify(picture)}\n` : inspectTable(picture));
      return 0;
    }),
};

const verify: Command = {
  words: 'buffer verify',
  summary: 'check every record of the buffer on disk; exit 1 and name the places when something is damaged',
  options: FOLDER_OPTIONS,
  run: (args) =>
    withFolder(args, async ({ samples, urgent }, stop) => {
      const lanes = [samples, ...(urgent ? [urgent] : [])];
      const progress = new ProgressLine(lanes.flatMap(({ segments }) => segments));
      let damaged = 0;
      for (const lane of lanes) {
        const report = await verifyLane(lane, progress, stop.signal);
        for (const line of report.lines) await stop.print(`${line}\n`);
        damaged += report.damaged;
      }
      progress.end();
      if (stop.signal.aborted) return 1;
      await stop.print(damaged === 0 ? 'sound\n' : `${damaged} ${damaged === 1 ? 'place' : 'places'} damaged\n`);
      return damaged === 0 ? 0 : 1;
    }),
};

const exporting: Command = {
  words: 'buffer export',
  summary: 'print the samples of the buffer on disk, or its alarms and events, one a line',
  options: {
    ...FOLDER_OPTIONS,
    lane: textOption('NAME', 'samples (default), or urgent: alarms and events, as JSON'),
    format: textOption('NAME', 'json (one object a line, default) or csv'),
    time: textOption('NAME', 'times as iso (default) or as ms since 1970 UTC'),
    from: textOption('TIME', 'source time from which on, such as 2026-03-01T06:00:00Z'),
    to: textOption('TIME', 'source time before which'),
    device: textOption('IDS', 'of these devices, with commas between them'),
    tag: textOption('NAMES', 'of these tags, with commas between them'),
    pending: { type: 'boolean', meaning: 'only what the hub has not committed' },
  },
  async run(args) {
    const filter = filterOf(args);
    if (typeof filter === 'string') {
      console.error(filter);
      return 2;
    }
    return withFolder(args, async ({ samples, urgent }, stop) => {
      const lane = filter.lane === 'urgent' ? urgent : samples;
      if (!lane) return 0;
      const progress = new ProgressLine(lane.segments);
      const write = filter.lane === 'urgent' ? exportUrgent : exportSamples;
      const damaged = await write(lane, filter, stop, progress);
      progress.end();
      if (damaged > 0) console.error(`${damaged} damaged places were left out; see gateway buffer verify`);
      return stop.signal.aborted ? 1 : 0;
    });
  },
};

export interface ExportFilter {
  lane: 'samples' | 'urgent';
  format: 'json' | 'csv';
  time: 'iso' | 'ms';
  /** Milliseconds since 1970 UTC; `to` is not included. */
  from: number;
  to: number;
  devices: Set<string> | null;
  tags: Set<string> | null;
  pending: boolean;
}

/** The filter, or what is wrong with the arguments. */
function filterOf({ options }: CommandArguments): ExportFilter | string {
  const { lane = 'samples', format = 'json', time = 'iso' } = options;
  const from = timeOf(options.from, Number.NEGATIVE_INFINITY);
  const to = timeOf(options.to, Number.POSITIVE_INFINITY);
  if (lane !== 'samples' && lane !== 'urgent') return `--lane ${lane}: write samples or urgent`;
  if (format !== 'json' && format !== 'csv') return `--format ${format}: write json or csv`;
  if (lane === 'urgent' && format === 'csv') return '--format csv: alarms and events are JSON';
  if (time !== 'iso' && time !== 'ms') return `--time ${time}: write iso or ms`;
  if (Number.isNaN(from)) return `--from ${options.from}: write a time such as 2026-03-01T06:00:00Z`;
  if (Number.isNaN(to)) return `--to ${options.to}: write a time such as 2026-03-01T06:00:00Z`;
  const [devices, tags] = [listOf(options.device), listOf(options.tag)];
  return { lane, format, time, from, to, devices, tags, pending: options.pending === true };
}

function timeOf(given: string | boolean | undefined, otherwise: number): number {
  if (typeof given !== 'string') return otherwise;
  return /^-?\d+$/.test(given) ? Number(given) : Date.parse(given);
}

function listOf(given: string | boolean | undefined): Set<string> | null {
  return typeof given === 'string' ? new Set(given.split(',')) : null;
}

export const bufferCommands: Command[] = [inspect, verify, exporting];

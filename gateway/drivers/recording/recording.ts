/** Recordings of devices as they lie in files: JSON lines, described in docs/recording.md. */
import { existsSync, readFileSync } from 'node:fs';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

export const RECORDING_VERSION = 1;

/** The first line of each file. */
interface RecordingHeader {
  recording: 'lineside';
  version: number;
  device: string;
  driver: string;
  /** Names the run of the program that recorded: monotonic times compare only within it. */
  run: string;
  /** One moment by the monotonic and by the wall clock, milliseconds. */
  t: number;
  at: number;
}

/** A line behind the header; what else is in it is the driver's own. */
export interface RecordingEntry {
  /** Monotonic, milliseconds. */
  t: number;
  /** Wall clock, milliseconds since 1970 UTC. */
  at: number;
  [key: string]: unknown;
}

export interface Recording {
  header: RecordingHeader;
  entries: RecordingEntry[];
  /** Lines that were no entries, such as the last one of a program that was killed. */
  damaged: number;
}

/** The older half of a recording whose newer half is `file`. */
export function olderHalf(file: string): string {
  return `${file}.1`;
}

/**
 * Reads a recording, with its older half when that is of the same run.
 *
 * @throws LinesideError RECORDING_UNREADABLE
 */
export function readRecording(file: string): Recording {
  const recording = readOne(file);
  const older = olderHalf(file);
  if (!existsSync(older)) return recording;
  const before = readOne(older);
  if (before.header.run !== recording.header.run) return recording;
  return {
    header: before.header,
    entries: [...before.entries, ...recording.entries],
    damaged: before.damaged + recording.damaged,
  };
}

function readOne(file: string): Recording {
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    throw unreadable(file, messageOf(error));
  }
  const header = parse(lines[0] ?? '') as Partial<RecordingHeader> | null;
  if (header?.recording !== 'lineside' || typeof header.t !== 'number' || typeof header.at !== 'number') {
    throw unreadable(file, 'its first line is not the head of a recording; give a file that the gateway recorded');
  }
  if (header.version !== RECORDING_VERSION) {
    throw unreadable(file, `it has version ${header.version}, this program reads version ${RECORDING_VERSION}`);
  }
  const entries: RecordingEntry[] = [];
  let damaged = 0;
  for (const line of lines.slice(1)) {
    if (line === '') continue;
    const entry = parse(line) as Partial<RecordingEntry> | null;
    if (typeof entry?.t === 'number' && typeof entry.at === 'number') entries.push(entry as RecordingEntry);
    else damaged++;
  }
  return { header: header as RecordingHeader, entries, damaged };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function unreadable(file: string, why: string): LinesideError {
  return new LinesideError('RECORDING_UNREADABLE', 'config', `${file} cannot be replayed: ${why}`);
}

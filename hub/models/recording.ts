/** A recording of a machine: a CSV file with a header, a `timestamp` column in UTC and one column a signal. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

export interface Recording {
  file: string;
  /** Of the file's bytes as they are on disk. */
  sha256: string;
  /** Names of the columns after the time. */
  signals: string[];
  /** Milliseconds since 1970 UTC. */
  at: number[];
  /** One array for each row, in the order of `signals`; NaN where the field is empty. */
  rows: number[][];
  /** The commonest time from row to row, milliseconds. */
  stepMs: number;
}

/** A stretch of time, both ends included, milliseconds since 1970 UTC. */
export interface TimeRange {
  from: number;
  to: number;
}

const MAX_BYTES = 512 * 1024 * 1024;

function parseTime(text: string): number {
  const iso = text.trim().replace(' ', 'T');
  return Date.parse(/Z|[+-]\d\d:\d\d$/.test(iso) ? iso : `${iso}Z`);
}

function commonestStep(at: number[]): number {
  const counts = new Map<number, number>();
  for (let i = 1; i < at.length; i++) {
    const step = at[i]! - at[i - 1]!;
    if (step > 0) counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0] ?? 0;
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new LinesideError('RECORDING_UNREADABLE', 'config', `cannot read the recording ${file}`, { cause });
  }
}

function unpack(file: string, bytes: Buffer): string {
  if (!file.endsWith('.gz')) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES }).toString('utf8');
  } catch (cause) {
    throw new LinesideError(
      'recording.damaged',
      'config',
      `${file} is not a whole gzip file (${messageOf(cause)}): copy it again`,
      { cause },
    );
  }
}

/**
 * Reads a `.csv` or `.csv.gz` file.
 * @throws LinesideError (config) that names the file and the line.
 */
export function readRecording(file: string): Recording {
  const bytes = readBytes(file);
  const lines = unpack(file, bytes).split(/\r?\n/);
  const [timeName, ...signals] = (lines[0] ?? '').split(',').map((name) => name.trim());
  if (timeName !== 'timestamp' || signals.length === 0) {
    throw new LinesideError(
      'recording.header',
      'config',
      `${file} line 1: expected "timestamp,<signal>,…" and found "${(lines[0] ?? '').slice(0, 80)}"`,
    );
  }
  const at: number[] = [];
  const rows: number[][] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    if (line === '') continue;
    const [time = '', ...fields] = line.split(',');
    const ms = parseTime(time);
    const values = fields.map((field) => (field.trim() === '' ? Number.NaN : Number(field)));
    const wrong = fields.findIndex((field, j) => field.trim() !== '' && Number.isNaN(values[j]));
    if (Number.isNaN(ms) || values.length !== signals.length || wrong >= 0) {
      throw new LinesideError(
        'recording.line',
        'config',
        `${file} line ${i + 1}: expected a time and ${signals.length} number(s), found "${line.slice(0, 80)}"`,
      );
    }
    at.push(ms);
    rows.push(values);
  }
  const stepMs = commonestStep(at);
  if (stepMs === 0) {
    throw new LinesideError('RECORDING_EMPTY', 'config', `${file} has fewer than two rows in ascending time`);
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file: basename(file), sha256, signals, at, rows, stepMs };
}

/**
 * Reads labelled anomalies: JSON `{ "windows": [{ "from": ISO 8601, "to": ISO 8601 }] }`.
 * @throws LinesideError (config) that names the file.
 */
export function readAnomalies(file: string): TimeRange[] {
  let windows: { from: string; to: string }[];
  try {
    windows = JSON.parse(readFileSync(file, 'utf8')).windows;
  } catch (cause) {
    throw new LinesideError('ANOMALIES_UNREADABLE', 'config', `cannot read the labels ${file}`, { cause });
  }
  const ranges = Array.isArray(windows) ? windows.map((w) => ({ from: parseTime(w.from), to: parseTime(w.to) })) : [];
  if (!Array.isArray(windows) || ranges.some((r) => !(r.from <= r.to))) {
    throw new LinesideError(
      'anomalies.invalid',
      'config',
      `${file}: expected { "windows": [{ "from": …, "to": … }] } with from before to, in ISO 8601`,
    );
  }
  return ranges;
}

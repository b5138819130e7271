/** The recording that the pump replays: a CSV of `timestamp,value`, plain or gzipped. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/**
 * @returns the value column, one number a row, in the file's order and unit.
 * @throws LinesideError `DEMO_RECORDING` naming the file, and the line when a row is not a number.
 */
export function readRecording(path: string): Float64Array {
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (cause) {
    throw new LinesideError('DEMO_RECORDING', 'config', `cannot read the recording ${path} (--recording)`, { cause });
  }
  const rows = text.trimEnd().split('\n').slice(1);
  if (rows.length === 0) {
    throw new LinesideError('DEMO_RECORDING', 'config', `the recording ${path} has no row below its heading`);
  }
  return Float64Array.from(rows, (row, index) => {
    const field = row.split(',')[1]?.trim();
    const value = Number(field);
    if (field === undefined || field === '' || !Number.isFinite(value)) {
      const line = index + 2;
      const message = `${path}, line ${line}: expected "timestamp,value" with a number, found "${row.slice(0, 60)}"`;
      throw new LinesideError('DEMO_RECORDING', 'config', message);
    }
    return value;
  });
}

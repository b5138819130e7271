import type { Logger } from '@lineside/shared/log/logger.ts';
import { pino } from 'pino';

/** One line as pino would have written it. */
export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** A real logger whose lines end in an array. */
export function recordingLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const settings = { base: null, timestamp: false, formatters: { level: (level: string) => ({ level }) } };
  const log = pino(settings, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

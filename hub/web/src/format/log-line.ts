/** A line of a gateway's log, taken apart. */
export interface LogLine {
  /** Milliseconds since 1970 UTC; null when the line does not say. */
  at: number | null;
  level: LogLevel;
  message: string;
  /** What else stands in it, as `name=value`. */
  rest: string;
  raw: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What says nothing on a page about one gateway. */
const LEFT_OUT = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'name', 'v']);

/** @param raw JSON of one line, as pino writes it; anything else stays as it is */
export function parseLogLine(raw: string): LogLine {
  try {
    const { level, time, msg, ...others } = JSON.parse(raw) as Record<string, unknown>;
    const at = typeof time === 'number' ? time : Date.parse(String(time));
    const rest = Object.entries(others)
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return {
      ...{ at: Number.isFinite(at) ? at : null, level: levelOf(level) },
      ...{ message: typeof msg === 'string' ? msg : '', rest: rest.join(' '), raw },
    };
  } catch {
    return { at: null, level: 'info', message: raw, rest: '', raw };
  }
}

/** pino's numbers, or words. */
function levelOf(level: unknown): LogLevel {
  const number =
    typeof level === 'number' ? level : { trace: 10, debug: 20, warn: 40, error: 50, fatal: 60 }[String(level)];
  if (number === undefined) return 'info';
  if (number >= 50) return 'error';
  if (number >= 40) return 'warn';
  return number >= 30 ? 'info' : 'debug';
}

/** pino, set up alike in both programs. */
import { type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger };

/** syslog priorities, which journald reads from a `<N>` prefix (sd-daemon(3)). */
const PRIORITY: Record<string, number> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/** Paths that may hold a secret; pino writes [redacted] in their place. */
const REDACT = [
  'password',
  '*.password',
  'token',
  '*.token',
  '*.secret',
  'req.headers.authorization',
  'req.headers.cookie',
];

export interface LogOptions {
  level: string;
  /** Program name, in each line. */
  name: string;
}

/** JSON lines on stdout; under systemd each line begins with its priority. */
export function createLogger(options: LogOptions): Logger {
  const underJournald = process.env.JOURNAL_STREAM !== undefined;
  const settings = {
    name: options.name,
    level: options.level,
    base: { name: options.name },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACT, censor: '[redacted]' },
  };
  if (!underJournald) return pino(settings);
  return pino(settings, {
    write(line: string) {
      const level = /"level":"(\w+)"/.exec(line)?.[1] ?? 'info';
      process.stdout.write(`<${PRIORITY[level] ?? 6}>${line}`);
    },
  });
}

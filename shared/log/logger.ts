/** pino, set up alike in both programs. */
import { fstatSync } from 'node:fs';
import { type Logger, pino, stdTimeFunctions } from 'pino';

import type { LogRing } from './log-ring.ts';
import { StdoutLines } from './stdout-lines.ts';

export type { Logger };

/** syslog priorities, which journald reads from a `<N>` prefix (sd-daemon(3)). */
const PRIORITY: Record<string, number> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/** Paths that may hold a secret; pino writes [redacted] in their place. */
const SECRET_KEYS = ['password', 'token', 'secret', 'authorization', 'cookie'];
const REDACT = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
/** The name and password in front of an address's host. */
const IN_ADDRESS = /:\/\/[^@/\s"]+@/g;

export interface LogOptions {
  level: string;
  /** Program name, in each line. */
  name: string;
  /** Keeps the last lines, as they are written. */
  ring?: LogRing;
}

/** JSON lines on stdout; under systemd each line begins with its priority. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    base: { name: options.name },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACT, censor: '[redacted]' },
  };
  const { ring } = options;
  const hooks = {
    streamWrite(line: string) {
      const written = line.replace(IN_ADDRESS, '://[redacted]@');
      ring?.add(written);
      return written;
    },
  };
  const lines = new StdoutLines((lost) => log.warn({ lost }, 'log lines were lost: nobody read standard output'));
  const journal = stdoutIsJournal();
  const log = pino(
    { ...settings, hooks },
    {
      write(line: string) {
        lines.write(journal ? `<${priorityOf(line)}>${line}` : line);
      },
    },
  );
  return log;
}

function priorityOf(line: string): number {
  return PRIORITY[/"level":"(\w+)"/.exec(line)?.[1] ?? 'info'] ?? 6;
}

/** The variable is inherited by everything that a service starts, so it names the stream it is about (systemd.exec(5)). */
function stdoutIsJournal(): boolean {
  const stream = process.env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(process.stdout.fd);
  return stream === `${dev}:${ino}`;
}

/**
 * Tells the service manager how the program is, by sd_notify(3): one datagram of `KEY=value` lines to the socket
 * that $NOTIFY_SOCKET names. Without that variable nothing is sent and nothing is loaded.
 *
 * A socket lives only for one message. One that stays open holds Node's event loop, and with it the process.
 */
import { messageOf } from '../errors/lineside-error.ts';
import type { Logger } from '../log/logger.ts';

/** The service manager reads its socket at once; a send that takes longer than this has no reader. */
const SEND_DEADLINE_MS = 2_000;

export interface ServiceWatchdog {
  /** The service manager ends the process after this silence, milliseconds; null when nobody watches. */
  readonly intervalMs: number | null;
  /** Says that the program does its work. To be called at half of `intervalMs` (sd_watchdog_enabled(3)). */
  feed(): Promise<void>;
}

/** None of its promises rejects: a service manager that does not listen is logged once and changes nothing. */
export interface ServiceNotifier {
  /** Start-up is complete. `status` is one line for `systemctl status`. */
  ready(status: string): Promise<void>;
  status(text: string): Promise<void>;
  /** The program begins to stop. */
  stopping(): Promise<void>;
  readonly watchdog: ServiceWatchdog;
  /** Waits for what is being sent; later messages are dropped. */
  close(): Promise<void>;
}

export interface ServiceNotifierOptions {
  log: Logger;
  /** Default: the process's own. */
  env?: NodeJS.ProcessEnv;
}

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; sends nothing yet. */
export function createServiceNotifier({ log, env = process.env }: ServiceNotifierOptions): ServiceNotifier {
  const socketPath = notifySocket(env, log);
  const pending = new Set<Promise<void>>();
  let closed = false;
  let failed = false;

  function notify(lines: string): Promise<void> {
    if (socketPath === null || closed) return Promise.resolve();
    const sent = sendDatagram(socketPath, lines).then(
      () => {
        failed = false;
      },
      (error: unknown) => {
        if (!failed) {
          log.warn({ socket: socketPath, reason: messageOf(error) }, 'the service manager cannot be told our state');
        }
        failed = true;
      },
    );
    pending.add(sent);
    return sent.finally(() => pending.delete(sent));
  }

  return {
    ready: (status) => notify(`READY=1\nSTATUS=${oneLine(status)}`),
    status: (text) => notify(`STATUS=${oneLine(text)}`),
    stopping: () => notify('STOPPING=1\nSTATUS=Stopping'),
    watchdog: {
      intervalMs: socketPath === null ? null : watchdogInterval(env, log),
      feed: () => notify('WATCHDOG=1'),
    },
    async close() {
      closed = true;
      await Promise.all(pending);
    },
  };
}

function notifySocket(env: NodeJS.ProcessEnv, log: Logger): string | null {
  const address = env.NOTIFY_SOCKET;
  if (!address) return null;
  if (address.startsWith('/')) return address;
  // node-unix-socket 0.2.7 pads an abstract name with NULs up to the size of sockaddr_un, which makes it another
  // name. systemd has used a path since version 229, and so do podman and the container runtimes.
  log.warn(
    { socket: address },
    'NOTIFY_SOCKET is not a path, and only paths can be notified: the service manager will not hear that the ' +
      'program is ready; use Type=exec and no WatchdogSec there',
  );
  return null;
}

/** sd_watchdog_enabled(3): in force when WATCHDOG_USEC is positive and WATCHDOG_PID is absent or our own. */
function watchdogInterval(env: NodeJS.ProcessEnv, log: Logger): number | null {
  if (!env.WATCHDOG_USEC) return null;
  if (env.WATCHDOG_PID && env.WATCHDOG_PID !== String(process.pid)) return null;
  const microseconds = /^\d+$/.test(env.WATCHDOG_USEC) ? Number(env.WATCHDOG_USEC) : 0;
  if (microseconds > 0) return microseconds / 1_000;
  log.warn({ value: env.WATCHDOG_USEC }, 'WATCHDOG_USEC is not a positive number of microseconds; it is ignored');
  return null;
}

/** A line break would begin another variable of the message. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

async function sendDatagram(path: string, text: string): Promise<void> {
  const { DgramSocket } = await import('node-unix-socket');
  const socket = new DgramSocket();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${SEND_DEADLINE_MS} ms`)), SEND_DEADLINE_MS);
      socket.on('error', reject);
      const data = Buffer.from(text);
      socket.sendTo(data, 0, data.length, path, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

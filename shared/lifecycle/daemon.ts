/**
 * The life of a daemon: start, tell the service manager, wait for the word to stop, unwind in reverse. A start
 * that fails half-way is unwound by the same list.
 */
import { LinesideError, messageOf } from '../errors/lineside-error.ts';
import type { Logger } from '../log/logger.ts';
import { Progress } from './progress.ts';
import { createServiceNotifier } from './service-notify.ts';
import { Unwind } from './unwind.ts';

/** EX_TEMPFAIL of sysexits.h: not done, and tried again. */
const RESTART_CODE = 75;

/** Each part has so long to stop; the demo promises that all of them are down within 5 s. Milliseconds. */
const STEP_DEADLINE_MS = 3_500;

export interface DaemonContext {
  unwind: Unwind;
  progress: Progress;
  /** Aborted when the program is to stop, so that a start that waits for something gives up. */
  stopping: AbortSignal;
  /** Ends it in order, with an exit code by which a service manager starts it again. */
  restart(reason: string): void;
}

/**
 * Runs until SIGTERM, SIGINT or the end of the process that started it with an IPC channel. Returns the exit code:
 * 0 after a clean stop, 75 after one that asks for a new start, 1 when the start failed or a part did not stop.
 * @param start opens everything and returns one line for the service manager's status
 */
export async function runDaemon(log: Logger, start: (context: DaemonContext) => Promise<string>): Promise<number> {
  // Node ends the process after this and writes the error by itself, but only where no log is kept.
  process.on('uncaughtExceptionMonitor', (err) =>
    log.fatal({ err }, `ended by an unexpected error: ${messageOf(err)}`),
  );
  const unwind = new Unwind();
  const notifier = createServiceNotifier({ log });
  const progress = new Progress({ log, watchdog: notifier.watchdog });
  const stopping = new AbortController();
  let code = 0;
  const { promise: wanted, resolve: want } = Promise.withResolvers<string>();
  const stop = Promise.race([stopRequested(), wanted]).finally(() => stopping.abort());
  const restart = (reason: string) => {
    code = RESTART_CODE;
    want(reason);
  };
  let failed = false;
  try {
    const status = await start({ unwind, progress, stopping: stopping.signal, restart });
    progress.start();
    unwind.defer('watchdog', () => progress.stop());
    await notifier.ready(status);
    process.send?.({ ready: true });
    log.info({ reason: await stop }, 'stopping');
  } catch (error) {
    failed = !(error instanceof LinesideError && error.code === 'STOPPED');
    const known = error instanceof LinesideError;
    if (failed) log.fatal({ code: known ? error.code : undefined, err: known ? undefined : error }, messageOf(error));
    else log.info({ reason: messageOf(error) }, 'stopping');
  }
  await notifier.stopping();
  const result = await unwind.unwind(log, STEP_DEADLINE_MS);
  await notifier.close();
  log.info('stopped');
  return failed || result.failed.length > 0 ? 1 : code;
}

function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    // Started by the demo or a test: without its parent nobody would ever stop it.
    const orphaned = () => resolve('the parent process is gone');
    process.once('disconnect', orphaned);
    // It may have gone while the program was being loaded, when nobody listened yet.
    if (process.connected === false) orphaned();
  });
}

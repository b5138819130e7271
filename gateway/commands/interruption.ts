/** Ctrl-C, and a reader of the output that goes away, as the end of what a command does and not of the program. */

export interface Interruption {
  signal: AbortSignal;
  /** Writes to standard output, as fast as it is read. */
  print(text: string): void | Promise<void>;
  /** From now on Ctrl-C ends the program again. */
  end(): void;
}

export function interruption(): Interruption {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let unread = false;
  const leave = () => {
    unread = true;
    abort();
  };
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  process.stdout.on('error', leave);
  return {
    signal: controller.signal,
    print(text) {
      if (unread || process.stdout.write(text) || controller.signal.aborted) return;
      return new Promise((resolve) => {
        const go = () => {
          process.stdout.off('drain', go);
          controller.signal.removeEventListener('abort', go);
          resolve();
        };
        process.stdout.on('drain', go);
        controller.signal.addEventListener('abort', go);
      });
    },
    end() {
      process.off('SIGINT', abort);
      process.off('SIGTERM', abort);
    },
  };
}

/** Waits at the start for a server that is merely not there, for as long as it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';

/** It is said so often that it is waited for. Milliseconds. */
const SAY_AGAIN_MS = 60_000;

export interface Wait {
  /** What is waited for, in a word. */
  server: string;
  log?: Logger | undefined;
  /** Ends the waiting. */
  stopping?: AbortSignal | undefined;
}

/**
 * @param look fails with STORE_UNREACHABLE while the server is not there
 * @throws LinesideError STOPPED when told to stop meanwhile; at once whatever else `look` fails with
 */
export async function untilThere<T>(look: () => Promise<T>, { server, log, stopping }: Wait): Promise<T> {
  const backoff = new Backoff(250, 5_000);
  let saidAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof LinesideError && error.code === 'STORE_UNREACHABLE')) throw error;
      if (performance.now() - saidAt > SAY_AGAIN_MS) {
        saidAt = performance.now();
        log?.warn({ reason: error.message }, `waiting for ${server}; the hub starts when it is there`);
      }
      await sleep(backoff.next(), undefined, stopping && { signal: stopping }).catch(() => {
        const words = `told to stop while waiting for ${server}: ${messageOf(error)}`;
        throw new LinesideError('STOPPED', 'outside', words, { cause: error });
      });
    }
  }
}

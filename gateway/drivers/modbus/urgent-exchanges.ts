/** Single requests that somebody waits for: each goes ahead of the polls, and ends when the device is given up. */
import type { Job } from './connection.ts';
import { type Failure, refusal, scopeOf, unitUnreachable } from './failure.ts';
import type { Request } from './request.ts';

export interface ExchangeHost {
  readonly unitId: number;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Why nothing can be asked now; null when it can. */
  downBecause(): string | null;
  submitUrgent(job: Job): boolean;
  alive(good: boolean): void;
  fail(failure: Failure): void;
}

export type Answer = { bytes: Buffer } | { exception: number } | { failure: string };

export class UrgentExchanges {
  readonly #host: ExchangeHost;
  readonly #open = new Set<(answer: Answer) => void>();

  constructor(host: ExchangeHost) {
    this.#host = host;
  }

  /** The device is down: nothing that is under way comes to its end. */
  abandon(reason: string): void {
    for (const settle of [...this.#open]) settle({ failure: reason });
  }

  /**
   * Never rejects.
   *
   * @param guess nobody knows whether the device takes it: its outcome says nothing of how the device is
   */
  exchange(request: Request, guess = false): Promise<Answer> {
    const host = this.#host;
    return new Promise((resolve) => {
      const settle = (answer: Answer) => {
        this.#open.delete(settle);
        resolve(answer);
      };
      this.#open.add(settle);
      const job: Job = {
        request,
        timeoutMs: host.timeoutMs,
        retries: request.echo || guess ? 0 : host.retries,
        guess,
        answered: (view, at) => {
          const bytes = new Uint8Array(view.buffer, view.byteOffset + at, request.bytes);
          settle({ bytes: Buffer.from(bytes) });
          if (!guess) host.alive(true);
        },
        refused: (exception) => {
          settle({ exception });
          if (!guess && scopeOf(exception) === 'device') host.fail(unitUnreachable(request.unit, exception));
        },
        failed: (failure) => {
          settle({ failure: failure.reason });
          if (!guess) host.fail(failure);
        },
      };
      if (!host.submitUrgent(job)) settle({ failure: host.downBecause() ?? 'there is no connection' });
    });
  }
}

/** An answer that gives nothing, in words for an operator. */
export function said(answer: Exclude<Answer, { bytes: Buffer }>): string {
  if ('failure' in answer) return answer.failure;
  if (scopeOf(answer.exception) === 'moment') return 'the device is busy; try it again';
  return refusal(answer.exception).reason;
}

/** Reads all values again and again, for servers that cannot subscribe. */
import type { DataValue } from 'node-opcua-client';

export interface PollerEvents {
  /** Reads the present values of all items that the server gives. */
  read(): Promise<Map<number, DataValue>>;
  /** `lateMs`: how long after its time the reading began. Milliseconds. */
  took(values: Map<number, DataValue>, tookMs: number, lateMs: number): void;
  /** A reading failed; no further one follows. */
  failed(error: unknown): void;
}

export class Poller {
  readonly #everyMs: number;
  readonly #events: PollerEvents;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #missed = 0;

  constructor(everyMs: number, events: PollerEvents) {
    this.#everyMs = everyMs;
    this.#events = events;
  }

  /** Readings that were due while the one before was under way. */
  get missed(): number {
    return this.#missed;
  }

  start(): void {
    void this.#poll(performance.now());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @param due by the monotonic clock: readings keep to their times, whatever they take */
  async #poll(due: number): Promise<void> {
    const began = performance.now();
    try {
      const values = await this.#events.read();
      if (this.#stopped) return;
      this.#events.took(values, performance.now() - began, began - due);
    } catch (error) {
      if (!this.#stopped) this.#events.failed(error);
      return;
    }
    const periods = Math.max(1, Math.ceil((performance.now() - due) / this.#everyMs));
    this.#missed += periods - 1;
    const next = due + periods * this.#everyMs;
    this.#timer = setTimeout(() => void this.#poll(next), Math.max(0, next - performance.now()));
  }
}

/** How much a counter has counted over a range, through resets. */
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from '../store/timeseries/time-series.ts';

/**
 * Sums the increases between Good samples, which come by time and begin with the newest before the range. A
 * counter that falls was set to 0 and counted on: what it shows now was made since then.
 */
export class CounterTotal {
  #previous: number | null = null;
  #sum = 0;
  #known = 0;

  add(samples: StoredSample[]): void {
    for (const { value, quality } of samples) {
      if (!isGood(quality) || typeof value !== 'number' || !Number.isFinite(value)) continue;
      this.#known++;
      if (this.#previous !== null) this.#sum += value >= this.#previous ? value - this.#previous : value;
      this.#previous = value;
    }
  }

  /** Null while fewer than two Good samples have come, for then nothing is known. */
  get total(): number | null {
    return this.#known >= 2 ? this.#sum : null;
  }
}

/** How long the process lets its events wait: what grows first when the gateway has too much to do. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** A figure covers the last whole stretch of this length, so that several readers see the same. Milliseconds. */
const STRETCH_MS = 15_000;

export interface Lag {
  meanSeconds: number;
  p99Seconds: number;
  maxSeconds: number;
}

export class EventLoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #last: Lag | null = null;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#last = this.#read();
      this.#histogram.reset();
    }, STRETCH_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  read(): Lag {
    return this.#last ?? this.#read();
  }

  /** What is measured is the distance of two looks, which lie apart also when nothing waits. */
  #read(): Lag {
    if (this.#histogram.count === 0) return { meanSeconds: 0, p99Seconds: 0, maxSeconds: 0 };
    const lag = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1e3;
    const { mean, max } = this.#histogram;
    return { meanSeconds: lag(mean), p99Seconds: lag(this.#histogram.percentile(99)), maxSeconds: lag(max) };
  }
}

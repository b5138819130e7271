/**
 * Trades time for memory where there is much garbage. V8 lets its heap grow to a multiple of what is alive before it
 * collects: at a gateway's usual pace that costs a few MB and saves a fifth of its time. At hundreds of thousands of
 * samples a second it is 150 MB, and what the heap once had is not given back. So the gateway is started with
 * `--heap-growing-percent=5`, which has to be there before the heap's first limit is set, and this lets the heap grow as V8
 * likes after some seconds at a usual pace. Measured in docs/performance.md.
 */
import { setFlagsFromString } from 'node:v8';

const LOOK_MS = 1_000;
/** Below this the heap may grow as V8 likes. Samples a second: far beyond what a line has. */
const BUSY = 50_000;
/** Looks in a row that have to find it so. */
const CALM_LOOKS = 3;

export class HeapThrift {
  readonly #samples: () => number;
  readonly #setFlag: (flag: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #before = 0;
  #calm = 0;
  #small = false;

  /** @param samples how many there have been so far */
  constructor(samples: () => number, setFlag: (flag: string) => void = setFlagsFromString) {
    this.#samples = samples;
    this.#setFlag = setFlag;
  }

  start(): void {
    this.#keepSmall(true);
    this.#before = this.#samples();
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Once a second. */
  look(): void {
    const now = this.#samples();
    const came = now - this.#before;
    this.#before = now;
    // While none come, as at the start, nobody knows how many will.
    if (came > 0) this.#calm = came < BUSY ? this.#calm + 1 : 0;
    this.#keepSmall(this.#calm < CALM_LOOKS);
  }

  #keepSmall(small: boolean): void {
    if (small === this.#small) return;
    this.#small = small;
    // Percent of what is alive; 0 is V8's own choice.
    this.#setFlag(`--heap-growing-percent=${small ? 5 : 0}`);
  }
}

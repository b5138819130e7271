/**
 * What is to be published, the newest value of each topic only: however slow the broker or fast the machine, no more
 * waits than there are topics. A topic is published at most so often, and so many messages are under way at once.
 */

/** A topic with what is newest of it. It belongs to one outbox. */
export interface Outgoing {
  readonly topic: string;
  /** Of now; empty takes the retained message away. */
  payload(): string;
  readonly qos: 0 | 1;
  /** The outbox's own. */
  waiting: boolean;
  /** The outbox's own: not before this, on its clock. */
  dueAt: number;
}

/** Takes a retained message; `done` when the next one may come. */
export type PublishRetained = (topic: string, payload: string, qos: 0 | 1, done: () => void) => void;

export interface OutboxOptions {
  publish: PublishRetained;
  /** Between two messages of one topic, milliseconds. */
  minIntervalMs: number;
  maxInFlight: number;
}

/** What comes within this time leaves together. Milliseconds. */
const GATHER_MS = 20;

export class Outbox {
  readonly #options: OutboxOptions;
  #waiting: Outgoing[] = [];
  #inFlight = 0;
  #timer: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  #open = false;
  /** Something that is due waits for a place. */
  #blocked = false;
  #generation = 0;
  #published = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Messages handed over so far, and topics that wait. */
  get counts(): { published: number; waiting: number } {
    return { published: this.#published, waiting: this.#waiting.length };
  }

  /** The broker takes messages from now on. */
  open(): void {
    this.#open = true;
    this.#schedule(0);
  }

  /** The broker takes none; what was under way is not waited for. */
  close(): void {
    this.#open = false;
    this.#generation++;
    this.#inFlight = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  /** The topic has something new. Cheap when it waits already. */
  offer(item: Outgoing): void {
    if (item.waiting) return;
    item.waiting = true;
    this.#waiting.push(item);
    this.#schedule(GATHER_MS);
  }

  /** Resolves when nothing waits or is under way, or after so long. Milliseconds. */
  async emptied(patienceMs: number): Promise<void> {
    for (const item of this.#waiting) item.dueAt = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(0);
    if (this.#isEmpty() || !this.#open) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#whenEmpty.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#inFlight === 0;
  }

  #schedule(afterMs: number): void {
    if (!this.#open || this.#timer || this.#waiting.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, afterMs);
  }

  #flush(): void {
    if (!this.#open) return;
    const { minIntervalMs, maxInFlight } = this.#options;
    const now = performance.now();
    const items = this.#waiting;
    const kept: Outgoing[] = [];
    let soonest = Number.POSITIVE_INFINITY;
    let i = 0;
    for (; i < items.length && this.#inFlight < maxInFlight; i++) {
      const item = items[i]!;
      if (item.dueAt > now) {
        soonest = Math.min(soonest, item.dueAt);
        kept.push(item);
        continue;
      }
      item.waiting = false;
      item.dueAt = now + minIntervalMs;
      this.#send(item);
    }
    this.#blocked = i < items.length;
    this.#waiting = this.#blocked ? kept.concat(items.slice(i)) : kept;
    // When all places are taken, those that get free go on.
    if (!this.#blocked && kept.length > 0) this.#schedule(Math.max(GATHER_MS, soonest - now));
  }

  #send(item: Outgoing): void {
    this.#inFlight++;
    this.#published++;
    const generation = this.#generation;
    this.#options.publish(item.topic, item.payload(), item.qos, () => {
      if (generation !== this.#generation) return;
      this.#inFlight--;
      if (this.#blocked && this.#inFlight * 2 <= this.#options.maxInFlight) this.#goOn();
      if (this.#isEmpty()) for (const go of this.#whenEmpty.splice(0)) go();
    });
  }

  #goOn(): void {
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#flush();
    });
  }
}

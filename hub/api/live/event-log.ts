/**
 * The newest events of alarms, states and jobs, numbered, so that a client that was away gets what it missed. In memory
 * and bounded: a client that was away for longer, or that comes from another run of the hub, reads anew.
 */
import { randomBytes } from 'node:crypto';

export interface LiveEvent {
  number: number;
  kind: 'states' | 'alarms' | 'jobs';
  /** Where it happened: whoever may see one of them hears of it. */
  paths: string[];
  /** The message, as it is sent to everybody. */
  text: Buffer;
}

/** A message without its id. */
export interface EventMessage {
  type: string;
  [key: string]: unknown;
}

const MAX_EVENTS = 20_000;
const MAX_BYTES = 16 * 1024 * 1024;

export class EventLog {
  /** Of this run: numbers begin anew with each. */
  readonly #run = randomBytes(6).toString('hex');
  readonly #events: (LiveEvent | undefined)[] = [];
  /** Place of the oldest in the list; what is before it is gone. */
  #first = 0;
  #bytes = 0;
  #next = 1;

  /** Id of the newest. */
  get newest(): string {
    return this.#id(this.#next - 1);
  }

  get size(): number {
    return this.#events.length - this.#first;
  }

  add(kind: LiveEvent['kind'], paths: string[], { type, ...rest }: EventMessage): LiveEvent {
    const number = this.#next++;
    const text = Buffer.from(JSON.stringify({ type, event: this.#id(number), ...rest }));
    const event = { number, kind, paths, text };
    this.#events.push(event);
    this.#bytes += text.length;
    while (this.size > MAX_EVENTS || (this.#bytes > MAX_BYTES && this.size > 1)) {
      this.#bytes -= this.#events[this.#first]!.text.length;
      this.#events[this.#first++] = undefined;
    }
    // The list is moved up only now and then, as that takes time in proportion to its length.
    if (this.#first > MAX_EVENTS) {
      this.#events.splice(0, this.#first);
      this.#first = 0;
    }
    return event;
  }

  /** What came after that event; null when that is not known any more. */
  after(id: string): LiveEvent[] | null {
    const [run, number] = id.split('.');
    const last = Number(number);
    if (run !== this.#run || !Number.isSafeInteger(last) || last >= this.#next) return null;
    const missed = this.#next - 1 - last;
    if (missed > this.size) return null;
    return this.#events.slice(this.#events.length - missed) as LiveEvent[];
  }

  #id(number: number): string {
    return `${this.#run}.${number}`;
  }
}

/**
 * A watchdog that is fed by a timer proves only that the timer runs. Here every part of a program that has work
 * to get done marks its own progress, and the service manager's watchdog is fed only while no part is overdue.
 *
 * Time is monotonic, as it is for the service manager: setting the clock makes no part overdue.
 */
import type { Logger } from '../log/logger.ts';
import type { ServiceWatchdog } from './service-notify.ts';

/** How often the parts are looked at when no service manager watches, milliseconds. */
const LOOK_MS = 5_000;

export interface ProgressPartOptions {
  /** Longest time between two beats that is still healthy, milliseconds. */
  maxSilenceMs: number;
}

export interface ProgressMark {
  /** The part got something done. Cheap: may be called for every frame. */
  beat(): void;
  /** The part has nothing to do and may be silent. */
  pause(): void;
  /** It has work again; its silence counts from now on. */
  resume(): void;
  /** The part is gone for good. */
  end(): void;
}

export interface OverduePart {
  name: string;
  silentMs: number;
  maxSilenceMs: number;
}

export interface ProgressOptions {
  log: Logger;
  /** From createServiceNotifier. Without one, overdue parts are still logged. */
  watchdog?: ServiceWatchdog;
  /** Monotonic milliseconds; for tests. */
  now?: () => number;
}

interface Part {
  name: string;
  maxSilenceMs: number;
  lastAt: number;
  paused: boolean;
  overdue: boolean;
}

export class Progress {
  readonly #log: Logger;
  readonly #watchdog: ServiceWatchdog | undefined;
  readonly #now: () => number;
  readonly #parts = new Map<string, Part>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor({ log, watchdog, now = () => performance.now() }: ProgressOptions) {
    this.#log = log;
    this.#watchdog = watchdog;
    this.#now = now;
  }

  /** Registers a part; its silence counts from now on. Throws when the name is taken. */
  part(name: string, { maxSilenceMs }: ProgressPartOptions): ProgressMark {
    if (this.#parts.has(name)) throw new Error(`progress part '${name}' is registered twice`);
    const part: Part = { name, maxSilenceMs, lastAt: this.#now(), paused: false, overdue: false };
    this.#parts.set(name, part);
    return {
      beat: () => {
        part.lastAt = this.#now();
      },
      pause: () => {
        part.paused = true;
      },
      resume: () => {
        if (part.paused) part.lastAt = this.#now();
        part.paused = false;
      },
      end: () => {
        if (this.#parts.get(name) === part) this.#parts.delete(name);
      },
    };
  }

  /** Parts that have been silent for longer than they may, longest first; empty when all is well. */
  overdue(): OverduePart[] {
    const now = this.#now();
    return [...this.#parts.values()]
      .filter((part) => !part.paused && now - part.lastAt > part.maxSilenceMs)
      .map(({ name, lastAt, maxSilenceMs }) => ({ name, silentMs: Math.round(now - lastAt), maxSilenceMs }))
      .sort((a, b) => b.silentMs - a.silentMs);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#look();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  #look(): void {
    if (!this.#running) return;
    const overdue = this.overdue();
    this.#logChanges(overdue);
    if (overdue.length === 0) void this.#watchdog?.feed();

    const interval = this.#watchdog?.intervalMs ?? LOOK_MS * 2;
    // A part that comes back after the whole process stood still must be seen before the service manager's
    // patience ends, so look more often while one is overdue.
    const wait = overdue.length === 0 ? interval / 2 : interval / 8;
    this.#timer = setTimeout(() => this.#look(), wait);
    this.#timer.unref();
  }

  #logChanges(overdue: OverduePart[]): void {
    const late = new Map(overdue.map((part) => [part.name, part]));
    const watched = this.#watchdog?.intervalMs != null;
    for (const part of this.#parts.values()) {
      const { name, maxSilenceMs } = part;
      const found = late.get(name);
      if (found && !part.overdue) {
        const consequence = watched ? '; the watchdog is not fed until it is' : '';
        this.#log.error(
          { part: name, silentMs: found.silentMs, maxSilenceMs },
          `'${name}' makes no progress${consequence}`,
        );
      } else if (!found && part.overdue) {
        this.#log.info({ part: name }, `'${name}' makes progress again`);
      }
      part.overdue = found !== undefined;
    }
  }
}

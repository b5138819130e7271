import type { LiveValue } from '@lineside/shared/contracts/api.ts';

/** The newest known of one tag. A new object for each change, so that identity tells of change. */
export interface TagValue {
  /** Source time, milliseconds since 1970 UTC; null when nothing has come yet. */
  at: number | null;
  value: number | boolean | string | null;
  /** OPC UA StatusCode. */
  quality: number;
}

type Listener = () => void;
type Tap = (values: readonly LiveValue[]) => void;

/**
 * The newest value of each tag, outside React: ten values a second of forty tags must not render a page four
 * hundred times a second. Listeners of a tag hear at most once for each flush, however often it changed; taps
 * (the chart's buffers) get every value at once.
 */
export class LiveStore {
  private readonly values = new Map<number, TagValue>();
  private readonly listeners = new Map<number, Set<Listener>>();
  private readonly taps = new Set<Tap>();
  private readonly changed = new Set<number>();
  private scheduled = false;
  private readonly schedule: (flush: () => void) => void;

  /** @param schedule runs the flush once, later */
  constructor(schedule: (flush: () => void) => void) {
    this.schedule = schedule;
  }

  get(tag: number): TagValue | undefined {
    return this.values.get(tag);
  }

  /** Takes values as they came over the socket. One that is older than what is known does not replace it. */
  put(values: readonly LiveValue[]): void {
    for (const [tag, at, value, quality] of values) this.set(tag, { at, value, quality });
    for (const tap of this.taps) tap(values);
  }

  /** Takes the value that a machine's or a tag's view carries; the taps do not get it, for it may be old. */
  seed(tag: number, value: TagValue): void {
    this.set(tag, value);
  }

  /** Calls back at most once a flush after the tag has changed. Returns the way out. */
  subscribe(tag: number, listener: Listener): () => void {
    const set = this.listeners.get(tag) ?? new Set();
    set.add(listener);
    this.listeners.set(tag, set);
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(tag) === set) this.listeners.delete(tag);
    };
  }

  /** Calls back with every batch of values as it comes. Returns the way out. */
  tap(tap: Tap): () => void {
    this.taps.add(tap);
    return () => {
      this.taps.delete(tap);
    };
  }

  clear(): void {
    for (const tag of this.values.keys()) this.changed.add(tag);
    this.values.clear();
    this.wake();
  }

  private set(tag: number, next: TagValue): void {
    const known = this.values.get(tag);
    if (known) {
      if (known.at !== null && (next.at === null || next.at < known.at)) return;
      if (known.at === next.at && known.value === next.value && known.quality === next.quality) return;
    }
    this.values.set(tag, next);
    this.changed.add(tag);
    this.wake();
  }

  private wake(): void {
    if (this.scheduled || this.changed.size === 0) return;
    this.scheduled = true;
    this.schedule(() => this.flush());
  }

  private flush(): void {
    this.scheduled = false;
    const tags = [...this.changed];
    this.changed.clear();
    for (const tag of tags) {
      for (const listener of this.listeners.get(tag) ?? []) listener();
    }
  }
}

/**
 * Fills gaps from the server's own history: knows what is missing of each tag, and reads it page by page whenever there
 * is a link, slowly enough not to disturb the present. What was read is missing no more, so an outage in the middle
 * costs nothing but time.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { DataValue } from 'node-opcua-client';
import { cameAt, type Gap, readAt, type TagPast } from '../tag-past.ts';
import type { HistoryAccess, HistoryNode } from './history-access.ts';
import type { HistorySettings } from './history-config.ts';
import { type Missing, planTogether } from './history-plan.ts';

/** These say that the node, or the whole server, has no history to give (OPC 10000-11, 6.8). */
const NO_HISTORY =
  /BadHistoryOperation(Unsupported|Invalid)|BadNotSupported|BadServiceUnsupported|BadNotImplemented|BadUserAccessDenied|BadNotReadable|BadNodeId(Unknown|Invalid)|BadTimestampNotSupported/;
/** These are Bad by name and say that there is nothing in the span. */
const NOTHING = /BadNoData|BadBoundNotFound/;
/** The server has no room for so many nodes at once. */
const TOO_MANY = /BadNoContinuationPoints|BadTooManyOperations|BadRe(quest|sponse)TooLarge|BadEncodingLimitsExceeded/;

/** So often a span is tried before it is given up, and so many pages in a row may bring nothing. */
const MAX_TRIES = 5;
const MAX_EMPTY_PAGES = 20;
/** Pause after a failure, milliseconds; doubles. */
const RETRY_MS = 1000;

const HOUR_MS = 3_600_000;

export interface HistoryOptions {
  device: string;
  settings: HistorySettings;
  /** By the tags' positions. */
  names: string[];
  pasts: TagPast[];
  /** Source time of a value, milliseconds since 1970 UTC; null when it has none. */
  timeOf(data: DataValue): number | null;
  /** A value of the past. Those of one page come in one turn of the event loop, each tag's by time. */
  emit(index: number, data: DataValue): void;
  /** It is known now whether the tag has a history. */
  known(index: number, readable: boolean): void;
  log: Logger;
}

export class History {
  readonly #options: HistoryOptions;
  readonly #maxGapMs: number;
  /** Tags whose next value closes a gap. */
  readonly #open: Set<number>;
  /** Tags that miss something. */
  readonly #missing = new Set<number>();
  /** Monotonic time from which on a gap may be read. */
  readonly #dueAt = new WeakMap<Gap, number>();
  readonly #readable = new Map<number, boolean>();
  /** Grows with each link; who runs for another one than the present has to end. */
  #run = 0;
  #wake: (() => void) | null = null;
  #requestedAt = 0;
  #maxNodes = Number.POSITIVE_INFINITY;
  #tries = 0;
  /** Since nothing was missing last. */
  #told = { values: 0, tags: new Set<number>(), from: Number.POSITIVE_INFINITY, to: 0, dropped: 0 };
  #warnedOutage = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#maxGapMs = options.settings.maxGapHours * HOUR_MS;
    // What came while the gateway was down is missing like that of an outage.
    this.#open = new Set(options.pasts.keys());
    options.pasts.forEach(({ gaps }, index) => {
      if (gaps.length > 0) this.#missing.add(index);
    });
  }

  /** From here on values may not come, of all tags: the next value of each ends the gap. */
  lost(): void {
    this.#warnedOutage = false;
    for (const index of this.#options.pasts.keys()) this.#open.add(index);
  }

  /**
   * A value came as of now.
   *
   * @param at its source time
   * @param overflowed the server has thrown some away before it
   */
  came(index: number, at: number, overflowed: boolean): void {
    const past = this.#options.pasts[index]!;
    const missing = (this.#open.delete(index) || overflowed) && this.#readable.get(index) !== false;
    if (missing) this.#warnOfLength(past, at);
    const gap = cameAt(past, at, missing, this.#maxGapMs);
    if (gap === null) return;
    if (gap === 'full') {
      this.#told.dropped++;
      return;
    }
    this.#dueAt.set(gap, performance.now() + this.#options.settings.settleMs);
    this.#missing.add(index);
    this.#wake?.();
  }

  /** There is a link: reads until nothing is missing, and whenever something is. */
  start(access: HistoryAccess): void {
    this.pause();
    void this.#work(access, this.#run);
  }

  /** The link is gone, or the driver stops. Idempotent. */
  pause(): void {
    this.#run++;
    this.#wake?.();
  }

  async #work(access: HistoryAccess, run: number): Promise<void> {
    // Known before it is needed: only of tags with a history anything has to be kept over a restart.
    await this.#learn(access, [...this.#options.pasts.keys()]).catch(() => {});
    while (run === this.#run) {
      const now = performance.now();
      const missing = this.#nextOfEach(access);
      const due = missing.filter(({ gap }) => (this.#dueAt.get(gap) ?? 0) <= now);
      if (due.length === 0) {
        if (this.#missing.size === 0) this.#tellDone();
        const next = Math.min(...missing.map(({ gap }) => this.#dueAt.get(gap) ?? 0));
        await this.#sleep(Number.isFinite(next) ? next - now : null);
        continue;
      }
      try {
        await this.#learn(
          access,
          due.map(({ index }) => index).filter((index) => !this.#readable.has(index)),
        );
        const together = planTogether(
          due.filter(({ index }) => this.#readable.get(index)),
          Math.min(this.#maxNodes, access.maxNodes),
        );
        if (together.length > 0 && run === this.#run) await this.#read(access, together, run);
      } catch (error) {
        if (run === this.#run) await this.#failed(messageOf(error), due, run);
      }
    }
  }

  /** The oldest gap of each tag that the server gives. */
  #nextOfEach(access: HistoryAccess): Missing[] {
    const missing: Missing[] = [];
    for (const index of this.#missing) {
      const gap = this.#options.pasts[index]!.gaps[0];
      if (!gap) this.#missing.delete(index);
      else if (access.gives(index)) missing.push({ index, gap });
    }
    return missing;
  }

  async #learn(access: HistoryAccess, indexes: number[]): Promise<void> {
    if (indexes.length === 0) return;
    for (const [index, readable] of await access.readable(indexes)) this.#know(index, readable);
  }

  #know(index: number, readable: boolean): void {
    this.#readable.set(index, readable);
    if (!readable) this.#forget(index);
    this.#options.known(index, readable);
  }

  #forget(index: number): void {
    this.#options.pasts[index]!.gaps.length = 0;
    this.#missing.delete(index);
  }

  async #read(access: HistoryAccess, together: Missing[], run: number): Promise<void> {
    // Both ends have come already, the server's span has its begin in it and its end not.
    const from = Math.min(...together.map(({ gap }) => gap.from)) + 1;
    const to = Math.max(...together.map(({ gap }) => gap.to));
    const valuesPerNode = Math.max(1, Math.floor(this.#options.settings.valuesPerRequest / together.length));
    const gaps = new Map(together.map(({ index, gap }) => [index, gap]));
    let nodes: HistoryNode[] = together.map(({ index }) => ({ index, continuation: null }));
    const newest = new Map<number, number>();
    let empty = 0;
    try {
      while (nodes.length > 0) {
        await this.#pace(run);
        if (run !== this.#run) break;
        const pages = await access.page(nodes, from, to, valuesPerNode);
        if (run !== this.#run) {
          nodes = pages.map(({ continuation }, i) => ({ index: nodes[i]!.index, continuation }));
          break;
        }
        const brought = pages.map((page, i) => this.#take(nodes[i]!.index, page.values, newest));
        empty = brought.some((count) => count > 0) ? 0 : empty + 1;
        const more: HistoryNode[] = [];
        const retried: string[] = [];
        pages.forEach(({ status, good, continuation, values }, i) => {
          const { index } = nodes[i]!;
          const gap = gaps.get(index)!;
          if (good && continuation && gap.to - gap.from >= 2) more.push({ index, continuation });
          // Some servers cut what is too much without a word: the gap stays, and is asked for from there on.
          else if (good && !continuation && values.length >= valuesPerNode && brought[i]! > 0) return;
          else if (good || NOTHING.test(status)) this.#close(index, gap);
          else if (NO_HISTORY.test(status)) this.#refused(index, status);
          else retried.push(status);
          // It has all that it misses; the rest is another's.
          if (continuation && !more.some((one) => one.index === index))
            void access.release([{ index, continuation }]);
        });
        nodes = more;
        if (empty > MAX_EMPTY_PAGES) throw new Error('it sends page after page without a value');
        if (retried.length > 0) throw new Error(retried[0]);
        this.#tries = 0;
      }
    } finally {
      void access.release(nodes);
    }
  }

  /**
   * @param newest time that was read last of each tag: frames know milliseconds, and servers may have several values in one
   * @returns how many of the values were missing
   */
  #take(index: number, values: DataValue[], newest: Map<number, number>): number {
    const past = this.#options.pasts[index]!;
    const times = values.map((data) => this.#options.timeOf(data));
    const order = [...values.keys()].filter((i) => times[i] !== null).sort((a, b) => times[a]! - times[b]!);
    let taken = 0;
    for (const i of order) {
      const at = times[i]!;
      if (at !== newest.get(index) && !readAt(past, at)) continue;
      newest.set(index, at);
      taken++;
      this.#told.from = Math.min(this.#told.from, at);
      this.#told.to = Math.max(this.#told.to, at);
      this.#options.emit(index, values[i]!);
    }
    if (taken > 0) this.#told.tags.add(index);
    this.#told.values += taken;
    return taken;
  }

  #close(index: number, gap: Gap): void {
    const { gaps } = this.#options.pasts[index]!;
    const at = gaps.indexOf(gap);
    if (at >= 0) gaps.splice(at, 1);
    if (gaps.length === 0) this.#missing.delete(index);
  }

  #refused(index: number, status: string): void {
    this.#know(index, false);
    const tag = this.#options.names[index];
    this.#warn({ tag }, `tag "${tag}": its history cannot be read (${status}); what an outage took is lost for it`);
  }

  async #failed(words: string, due: Missing[], run: number): Promise<void> {
    const why = /\bBad\w+/.exec(words)?.[0] ?? words;
    if (NO_HISTORY.test(why)) {
      for (const index of this.#options.pasts.keys()) this.#know(index, false);
      this.#warn({}, `the server gives no history (${why}); what an outage took is lost`);
      return;
    }
    if (TOO_MANY.test(why)) {
      const asked = Math.min(due.length, this.#maxNodes);
      if (asked > 1) {
        this.#maxNodes = Math.ceil(Math.min(asked, 100) / 2);
        return;
      }
    }
    if (++this.#tries >= MAX_TRIES) {
      this.#tries = 0;
      const [{ index, gap }] = planTogether(due, 1) as [Missing];
      const span = `${new Date(gap.from).toISOString()} to ${new Date(gap.to).toISOString()}`;
      this.#close(index, gap);
      const tag = this.#options.names[index];
      this.#warn({ tag }, `tag "${tag}": its history from ${span} could not be read and is left out: ${why}`);
      return;
    }
    await this.#until(performance.now() + RETRY_MS * 2 ** this.#tries, run);
  }

  /** An outage that is longer than what is asked for leaves a hole that has to be told. */
  #warnOfLength(past: TagPast, at: number): void {
    if (this.#warnedOutage || past.at === 0 || at - past.at <= this.#maxGapMs) return;
    // A tag that seldom changes has an old value and misses nothing; the newest of all says how long it was.
    const newest = this.#options.pasts.reduce((most, one) => Math.max(most, one.at), 0);
    if (at - newest <= this.#maxGapMs) return;
    this.#warnedOutage = true;
    const { maxGapHours } = this.#options.settings;
    this.#warn(
      {},
      `it was away since ${new Date(newest).toISOString()}; of its history the last ${maxGapHours} h are read (maxGapHours)`,
    );
  }

  #tellDone(): void {
    const { values, tags, from, to, dropped } = this.#told;
    this.#told = { values: 0, tags: new Set(), from: Number.POSITIVE_INFINITY, to: 0, dropped: 0 };
    const { device, log } = this.#options;
    if (values > 0) {
      log.info(
        { device, values, tags: tags.size, from, to },
        `device "${device}": read back ${values} values of ${tags.size} tags from its history, ${new Date(from).toISOString()} to ${new Date(to).toISOString()}`,
      );
    }
    if (dropped > 0) {
      this.#warn(
        { dropped },
        `${dropped} gaps were not read back, for they came faster than they are read; raise queueSize`,
      );
    }
  }

  #warn(details: Record<string, unknown>, what: string): void {
    const { device, log } = this.#options;
    log.warn({ device, ...details }, `device "${device}": ${what}`);
  }

  async #pace(run: number): Promise<void> {
    await this.#until(this.#requestedAt + 1000 / this.#options.settings.requestsPerSecond, run);
    this.#requestedAt = performance.now();
  }

  /** Until this monotonic time, or the end of the run. */
  async #until(due: number, run: number): Promise<void> {
    for (let now = performance.now(); now < due && run === this.#run; now = performance.now()) {
      await this.#sleep(due - now);
    }
  }

  /** Until the time is over, or something has changed. Milliseconds; null for ever. */
  #sleep(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(() => this.#wake?.(), Math.max(0, ms));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

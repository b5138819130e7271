/** Keeps the figures of every machine's running shift up to date. */
import type { MachineState, Oee } from '@lineside/shared/contracts/api.ts';
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Machine } from '../equipment/plant.ts';
import type { TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { noShift, oeeOf } from './oee.ts';
import { ShiftRecord, type ShiftTags } from './shift-record.ts';
import { runningShift, type ShiftWindow } from './shift-window.ts';
import { meaningOf } from './state-map.ts';
import { type StateInterval, timeline } from './timeline.ts';

/** How often the figures are made anew. Milliseconds. */
const PERIOD_MS = 2_000;

export interface OeeServiceOptions {
  machines: Machine[];
  timeSeries: TimeSeriesStore;
  /** The hub's id of a device's tag, once it has been seen. */
  tagId(gateway: string, device: string, name: string): number | undefined;
  onFigures(path: string, figures: { oee: Oee; state: MachineState }): void;
  log: Logger;
  now(): number;
}

export class OeeService {
  readonly #options: OeeServiceOptions;
  readonly #records = new Map<string, ShiftRecord>();
  readonly #firstSeenAt = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(options: OeeServiceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#next(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Samples have come; those older than what was read restate the figures. */
  observe(tags: number[], at: number[]): void {
    for (const [path, record] of this.#records) {
      if (tags.some((tag, i) => record.isLate(tag, at[i]!))) this.#records.delete(path);
    }
  }

  /** The figures of one machine now, and the intervals behind them. */
  async explain(machine: Machine): Promise<{ oee: Oee; intervals: StateInterval[] }> {
    const now = this.#options.now();
    const running = runningShift(machine.shifts, machine.timeZone, now);
    if (!running) return { oee: noShift(now, machine.counters?.unit ?? ''), intervals: [] };
    const shift = { ...running, from: Math.min(now, Math.max(running.from, await this.#firstSeen(machine, now))) };
    const record = await this.#record(machine, shift, now);
    const { state } = machine;
    const intervals =
      state && record.tags.state !== undefined
        ? timeline(record.states, record.links, (code) => meaningOf(state, code), shift.from, now)
        : null;
    const oee = oeeOf({
      shift,
      now,
      intervals: state ? (intervals ?? []) : null,
      counters: machine.counters ?? null,
      total: record.total.total,
      reject: record.reject.total,
    });
    return { oee, intervals: intervals ?? [] };
  }

  #next(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#calculate().finally(() => {
        if (!this.#stopped) this.#next(PERIOD_MS);
      });
    }, afterMs);
  }

  async #calculate(): Promise<void> {
    for (const machine of this.#options.machines) {
      if (this.#stopped) return;
      try {
        const { oee, intervals } = await this.explain(machine);
        const newest = intervals.at(-1);
        const state: MachineState = newest
          ? { name: newest.name, category: newest.category, since: newest.from }
          : { name: 'Unknown', category: 'unknown', since: null };
        this.#options.onFigures(machine.path, { oee, state });
      } catch (error) {
        this.#records.delete(machine.path);
        this.#options.log.error({ machine: machine.path, error: messageOf(error) }, 'OEE not calculated');
      }
    }
  }

  async #record(machine: Machine, shift: ShiftWindow, now: number): Promise<ShiftRecord> {
    const tags = this.#tagsOf(machine);
    let record = this.#records.get(machine.path);
    if (!record?.fits(shift, tags)) {
      record = new ShiftRecord(this.#options.timeSeries, shift, tags);
      this.#records.set(machine.path, record);
    }
    await record.read(now);
    return record;
  }

  /** A machine counts from when it was first connected: before that, Lineside was not there to see. */
  async #firstSeen(machine: Machine, now: number): Promise<number> {
    const known = this.#firstSeenAt.get(machine.path);
    if (known !== undefined) return known;
    const link = this.#tagsOf(machine).link;
    if (link === undefined) return 0;
    const [first] = await this.#options.timeSeries.range(link, 0, now, { limit: 1 });
    if (!first) return 0;
    this.#firstSeenAt.set(machine.path, first.at);
    return first.at;
  }

  #tagsOf(machine: Machine): ShiftTags {
    const { gateway, device, state, counters } = machine;
    const id = (name: string | undefined) => (name ? this.#options.tagId(gateway, device, name) : undefined);
    return { state: id(state?.tag), link: id(LINK_TAG), total: id(counters?.total), reject: id(counters?.reject) };
  }
}

/** Keeps the figures of every machine's running shift up to date. */
import type { MachineState, Oee } from '@lineside/shared/contracts/api.ts';
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Machine } from '../equipment/plant.ts';
import { SharedReads } from '../store/shared-reads.ts';
import { linkedIntervals } from '../store/timeseries/linked-intervals.ts';
import type { SampleColumns, StoredSample, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { countOf } from './counter.ts';
import { noShift, oeeOf } from './oee.ts';
import { ShiftRecord, type ShiftTags } from './shift-record.ts';
import { runningShift, type ShiftWindow } from './shift-window.ts';
import { meaningOf } from './state-map.ts';
import { type StateInterval, timeline } from './timeline.ts';

/** How often the figures are made anew. Milliseconds. */
const PERIOD_MS = 2_000;
/** Machines that are calculated at the same time, so that the store can read for them together. */
const TOGETHER = 50;

/** Figures that somebody asks for are at most so old; what is stored makes them anew at once. Milliseconds. */
const EXPLAINED_MS = 1_000;

export interface Explained {
  oee: Oee;
  intervals: StateInterval[];
}

export interface OeeServiceOptions {
  machines: Machine[];
  timeSeries: TimeSeriesStore;
  /** The hub's id of a device's tag, once it has been seen. */
  tagId(gateway: string, device: string, name: string): number | undefined;
  /** Whether nothing is stored without `stored` being called: not where other hubs store as well. */
  toldOfAll: boolean;
  onFigures(path: string, figures: { oee: Oee; state: MachineState }): void;
  log: Logger;
  now(): number;
}

export class OeeService {
  readonly #options: OeeServiceOptions;
  readonly #records = new Map<string, ShiftRecord>();
  /** By tag, the records that its samples belong to, and what was explained from each. */
  readonly #byTag = new Map<number, { record: ShiftRecord; explained: string }[]>();
  /** 1 for tags that are in there: every sample of the plant is looked up. */
  #matters = new Uint8Array(0);
  readonly #explained: SharedReads<Explained>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(options: OeeServiceOptions) {
    this.#options = options;
    const most = options.machines.length;
    this.#explained = new SharedReads({ lifeMs: EXPLAINED_MS, most, now: options.now });
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

  /** Samples are in the store. Most of a plant's belong to no figure. */
  stored({ tags, at, values, quality }: SampleColumns): void {
    for (let i = 0; i < tags.length; i++) {
      if (this.#matters[tags[i]!] !== 1) continue;
      const sample = { at: at[i]!, value: values.at(i), quality: quality[i]! };
      for (const { record, explained } of this.#byTag.get(tags[i]!) ?? []) {
        record.stored(tags[i]!, sample);
        this.#explained.forget(explained);
      }
    }
  }

  /** The figures of one machine now, and the intervals behind them; whoever asks at the same time gets the same. */
  explain(machine: Machine): Promise<Explained> {
    const key = keyOf(machine.path, this.#tagsOf(machine));
    return this.#explained.get(key, () => this.#explain(machine));
  }

  async #explain(machine: Machine): Promise<Explained> {
    const now = this.#options.now();
    const running = runningShift(machine.shifts, machine.timeZone, now);
    if (!running) return { oee: noShift(now, machine.counters?.unit ?? ''), intervals: [] };
    const record = await this.#record(machine, running, now);
    // A machine counts from when it was first connected: before that, Lineside was not there to see.
    const firstSeenAt = record.links[0]?.at ?? running.from;
    const shift = { ...running, from: Math.min(now, Math.max(running.from, firstSeenAt)) };
    const { state } = machine;
    // A state that has never been seen is unknown all the way, which the timeline says of no samples.
    const intervals = state
      ? timeline(since(record.states, shift.from), record.links, (code) => meaningOf(state, code), shift.from, now)
      : null;
    const windows = linkedIntervals(record.links, shift.from, now);
    const oee = oeeOf({
      shift,
      now,
      intervals,
      counters: machine.counters ?? null,
      total: countOf(since(record.totals, shift.from), shift.from, windows),
      reject: countOf(since(record.rejects, shift.from), shift.from, windows),
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
    const { machines } = this.#options;
    for (let i = 0; i < machines.length && !this.#stopped; i += TOGETHER) {
      await Promise.all(machines.slice(i, i + TOGETHER).map((machine) => this.#tell(machine)));
    }
  }

  async #tell(machine: Machine): Promise<void> {
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

  async #record(machine: Machine, shift: ShiftWindow, now: number): Promise<ShiftRecord> {
    const tags = this.#tagsOf(machine);
    let record = this.#records.get(machine.path);
    if (!record?.fits(shift, tags)) {
      record = new ShiftRecord(this.#options.timeSeries, shift, tags, this.#options.toldOfAll);
      this.#records.set(machine.path, record);
      this.#indexTags();
    }
    await record.read(now);
    return record;
  }

  #indexTags(): void {
    this.#byTag.clear();
    for (const [path, record] of this.#records) {
      const explained = keyOf(path, record.tags);
      for (const tag of new Set(Object.values(record.tags) as (number | undefined)[])) {
        if (tag === undefined) continue;
        const entries = this.#byTag.get(tag) ?? [];
        entries.push({ record, explained });
        this.#byTag.set(tag, entries);
      }
    }
    this.#matters = new Uint8Array([...this.#byTag.keys()].reduce((most, tag) => Math.max(most, tag + 1), 0));
    for (const tag of this.#byTag.keys()) this.#matters[tag] = 1;
  }

  #tagsOf(machine: Machine): ShiftTags {
    const { gateway, device, state, counters } = machine;
    const id = (name: string | undefined) => (name ? this.#options.tagId(gateway, device, name) : undefined);
    return { state: id(state?.tag), link: id(LINK_TAG), total: id(counters?.total), reject: id(counters?.reject) };
  }
}

/** The newest sample before a time, and all after it. */
function since(samples: readonly StoredSample[], from: number): readonly StoredSample[] {
  const after = samples.findIndex(({ at }) => at >= from);
  return after < 0 ? samples.slice(-1) : samples.slice(Math.max(0, after - 1));
}

function keyOf(path: string, { state, link, total, reject }: ShiftTags): string {
  return [path, state, link, total, reject].join();
}

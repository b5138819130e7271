/**
 * The andon board: the present picture of the plant, in memory, from what gateways send and OEE finds. It says when
 * a part of the picture changes; it never makes a figure better than what is known.
 */
import { EventEmitter } from 'node:events';
import type {
  AlarmView,
  GatewayView,
  LiveValue,
  MachineState,
  MachineView,
  Oee,
  TagView,
} from '@lineside/shared/contracts/api.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { JobView } from '@lineside/shared/contracts/job.ts';
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { Machine } from '../equipment/plant.ts';
import type { SampleColumns } from '../store/timeseries/time-series.ts';
import { connectionOf } from './connection.ts';
import { GatewayBoard } from './gateway-board.ts';
import { JobBoard } from './job-board.ts';
import { type HubTag, TagCatalog } from './tag-catalog.ts';
import { WatchedTags } from './watched-tags.ts';

export interface BoardEvents {
  /** New values of watched tags. Each is the tag's own and goes on changing with it. */
  values: [LiveValue[]];
  machine: [MachineView];
  gateway: [GatewayView];
  alarm: [AlarmView];
  job: [JobView];
}

/** What a state number means to a machine. */
type StateMeaningOf = (machine: Machine, code: number) => Omit<MachineState, 'since'>;

/** The result of the OEE calculation that the board shows. */
export interface MachineFigures {
  oee: Oee;
  /** The newest interval of the timeline, for how long the state has lasted. */
  state: MachineState;
}

export interface BoardOptions {
  machines: Machine[];
  meaningOf: StateMeaningOf;
  emptyOee(machine: Machine, now: number): Oee;
  now(): number;
}

/** A machine's tile changes at most so often. Milliseconds. */
const REFRESH_MS = 500;

export class AndonBoard extends EventEmitter<BoardEvents> {
  readonly #options: BoardOptions;
  readonly catalog = new TagCatalog();
  readonly gateways = new GatewayBoard();
  readonly watched = new WatchedTags();
  readonly jobs = new JobBoard((job) => this.emit('job', job));
  /** By tag: its newest value, and when that was set last. */
  readonly #last: ({ value: LiveValue; round: number } | undefined)[] = [];
  #round = 0;
  /** Newest receive time of any sample, by gateway/device. */
  readonly #seen = new Map<string, number>();
  readonly #figures = new Map<string, MachineFigures>();
  readonly #sent = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BoardOptions) {
    super();
    this.#options = options;
    this.setMaxListeners(0);
  }

  start(): void {
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Values from before the start of the hub. */
  restore(values: LiveValue[]): void {
    for (const value of values) {
      this.#last[value[0]] = { value, round: 0 };
      const tag = this.catalog.get(value[0]);
      if (tag) this.seen(tag.gateway, tag.device, value[1]);
    }
  }

  /**
   * Samples that have just come, in order. An older one than is known (a backlog) changes nothing. Every sample of
   * the plant passes here, so a known tag's value is changed where it is, and only watched ones are told.
   */
  observe({ tags, at, values, quality }: SampleColumns): void {
    const fresh: LiveValue[] = [];
    const round = ++this.#round;
    // From the end: where a tag comes several times, nearly always only its last sample counts.
    for (let i = tags.length - 1; i >= 0; i--) {
      const tag = tags[i]!;
      const time = at[i]!;
      let last = this.#last[tag];
      if (!last) {
        last = { value: [tag, time, null, 0], round: 0 };
        this.#last[tag] = last;
      }
      const { value } = last;
      if (last.round === round ? value[1] >= time : value[1] > time) continue;
      value[1] = time;
      value[2] = values.at(i);
      value[3] = quality[i]!;
      if (last.round !== round && this.watched.has(tag)) fresh.push(value);
      last.round = round;
    }
    if (fresh.length > 0) this.emit('values', fresh.reverse());
  }

  /** The gateway had data of the device at this time. */
  seen(gateway: string, device: string, at: number): void {
    const key = `${gateway}/${device}`;
    if (at > (this.#seen.get(key) ?? 0)) this.#seen.set(key, at);
  }

  report(status: GatewayStatus): void {
    this.emit('gateway', this.gateways.report(status, this.#options.now()));
  }

  setFigures(path: string, figures: MachineFigures): void {
    this.#figures.set(path, figures);
  }

  last(tag: number): LiveValue | undefined {
    return this.#last[tag]?.value;
  }

  machines(): MachineView[] {
    const now = this.#options.now();
    return this.#options.machines.map((machine) => this.#view(machine, now));
  }

  /** The tags of devices, which need not belong to a machine, by name. */
  tagsOfDevices(): (gateway: string, device: string) => TagView[] {
    const tags = this.catalog.byDevice();
    return (gateway, device) =>
      (tags.get(`${gateway}/${device}`) ?? []).map((tag) => this.#tagView(tag, tag.name, 2));
  }

  /** A tag with its last value, and as its machine's tile names it. */
  tagView(tag: HubTag, machine: Machine | undefined): TagView {
    const shown = machine?.show.find((entry) => entry.tag === tag.name);
    return this.#tagView(tag, shown?.label ?? tag.name, shown?.decimals ?? (tag.type === 'integer' ? 0 : 2));
  }

  /** The machine that a device belongs to. */
  machineOf(gateway: string, device: string): Machine | undefined {
    return this.#options.machines.find((machine) => machine.gateway === gateway && machine.device === device);
  }

  /** Tells of every machine whose picture has changed since it was last told, and of gateways gone silent. */
  refresh(): void {
    const now = this.#options.now();
    for (const gateway of this.gateways.silent(now)) this.emit('gateway', gateway);
    for (const machine of this.#options.machines) {
      const view = this.#view(machine, now);
      // The age of a picture is not part of it: values travel on their own, and "last seen" would change always.
      const picture = JSON.stringify({ ...view, lastSeenAt: Math.floor((view.lastSeenAt ?? 0) / 5_000), values: [] });
      if (this.#sent.get(machine.path) === picture) continue;
      this.#sent.set(machine.path, picture);
      this.emit('machine', view);
    }
  }

  #view(machine: Machine, now: number): MachineView {
    const { path, name, gateway, device } = machine;
    const lastSeenAt = this.#seen.get(`${gateway}/${device}`) ?? null;
    const connection = connectionOf(
      this.gateways.get(gateway),
      this.gateways.device(gateway, device),
      lastSeenAt,
      now,
    );
    const figures = this.#figures.get(path);
    return {
      path,
      name,
      gateway,
      device,
      state: this.#state(machine, connection.status === 'live', connection.since, figures),
      oee: figures?.oee ?? this.#options.emptyOee(machine, now),
      values: machine.show.flatMap((shown) => {
        const tag = this.catalog.find(gateway, device, shown.tag);
        return tag ? [this.#tagView(tag, shown.label ?? tag.name, shown.decimals)] : [];
      }),
      connection,
      lastSeenAt,
    };
  }

  /** A state that nobody sees now is unknown, whatever it was when it was last seen. */
  #state(machine: Machine, live: boolean, since: number | null, figures: MachineFigures | undefined): MachineState {
    const unknown: MachineState = { name: 'Unknown', category: 'unknown', since };
    if (!live || !machine.state) return unknown;
    const tag = this.catalog.find(machine.gateway, machine.device, machine.state.tag);
    const sample = tag && this.last(tag.id);
    if (!sample || !isGood(sample[3]) || sample[2] === null || typeof sample[2] === 'string') return unknown;
    const meaning = this.#options.meaningOf(machine, Number(sample[2]));
    const lasting = figures?.state.name === meaning.name ? figures.state.since : null;
    return { ...meaning, since: lasting ?? sample[1] };
  }

  #tagView(tag: HubTag, label: string, decimals: number): TagView {
    const sample = this.last(tag.id);
    return {
      id: tag.id,
      gateway: tag.gateway,
      device: tag.device,
      name: tag.name,
      label,
      type: tag.type,
      unit: tag.unit,
      decimals,
      at: sample?.[1] ?? null,
      value: presentable(sample?.[2] ?? null),
      quality: sample?.[3] ?? 0,
      ...(tag.writable ? { write: { min: tag.min ?? null, max: tag.max ?? null, names: tag.names ?? [] } } : {}),
    };
  }
}

/** A PLC's NaN or infinity has no place in JSON; a picture with one in it would not be sent at all. */
function presentable(value: Value): Value {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

/** Says in the unified namespace what the hub knows of all machines. All of it is retained, and said again at a start. */
import type { AlarmView, GatewayView, LiveValue, MachineView } from '@lineside/shared/contracts/api.ts';
import type { PublishRetained } from '@lineside/shared/uns/outbox.ts';
import { alarmPayload, gatewayPayload, hubPayload, statePayload } from '@lineside/shared/uns/payloads.ts';
import { RetainedTopics, type ValueTopic, valueTopic } from '@lineside/shared/uns/retained-topics.ts';
import type { UnsTopics } from '@lineside/shared/uns/topics.ts';
import type { Machine } from '../equipment/plant.ts';
import type { SampleColumns } from '../store/timeseries/time-series.ts';

/**
 * Messages on their way to the broker. The embedded one passes on 100 at a time and waits for the slowest of their
 * hearers; the places that stay free are the gateways'.
 */
const MAX_IN_FLIGHT = 32;

interface NamedTag {
  id: number;
  gateway: string;
  device: string;
  name: string;
  unit: string;
}

export interface PlantTopicsOptions {
  topics: UnsTopics;
  /** Id of the enterprise. */
  enterprise: string;
  machines: Machine[];
  version: string;
  minIntervalMs: number;
  /** The tag that goes by this id at present. */
  tag(id: number): NamedTag | undefined;
  publish: PublishRetained;
  now(): number;
}

export class PlantTopics {
  readonly #options: PlantTopicsOptions;
  readonly #retained: RetainedTopics;
  /** Where each tag is said: a device may belong to several machines, or to none. */
  readonly #byTag = new Map<number, ValueTopic[]>();
  readonly #machines = new Map<string, Machine[]>();
  readonly #settable = new Map<string, number>();

  constructor(options: PlantTopicsOptions) {
    this.#options = options;
    const { publish, minIntervalMs, machines } = options;
    this.#retained = new RetainedTopics({ publish, minIntervalMs, maxInFlight: MAX_IN_FLIGHT });
    for (const machine of machines) {
      const key = `${machine.gateway}/${machine.device}`;
      this.#machines.set(key, [...(this.#machines.get(key) ?? []), machine]);
    }
  }

  /** Tags were described anew. */
  tagsChanged(ids: Iterable<number>): void {
    for (const id of ids) {
      const values = this.#byTag.get(id);
      const tag = this.#options.tag(id);
      // What was asked for before its description came has found no topic.
      if (!values || values.length === 0 || !tag) this.#byTag.delete(id);
      else for (const value of values) value.unit = tag.unit;
    }
  }

  /** The hub's id of the tag that is set by this topic. */
  tagOfSet(topic: string): number | undefined {
    return this.#settable.get(topic);
  }

  /** Samples that have just come, or the newest of before. One that is older than what was said changes nothing. */
  observe({ tags, at, values, quality }: SampleColumns): void {
    for (let i = 0; i < tags.length; i++) this.#observe([tags[i]!, at[i]!, values.at(i), quality[i]!]);
  }

  #observe([tag, at, value, quality]: LiveValue): void {
    for (const topic of this.#of(tag)) {
      if (!topic.known || topic.at <= at) this.#retained.observe(topic, at, value, quality);
    }
  }

  restore(values: Iterable<LiveValue>): void {
    for (const value of values) this.#observe(value);
  }

  /** What is retained is only to be believed together with this. */
  machine({ path, gateway, device, connection }: MachineView): void {
    const { status, since, reason } = connection;
    const state = status === 'live' ? 'up' : status === 'stale' ? 'down' : 'unknown';
    const { topics } = this.#options;
    // Since when it is up is not known; what does not change is not said again.
    const timestamp_ms = since ?? this.#sinceOf(topics.state(path, device), state);
    this.#say(topics.state(path, device), statePayload({ timestamp_ms, gateway, device, state, reason }));
  }

  gateway({ id, online, since, version }: GatewayView): void {
    const { topics, now } = this.#options;
    const machines = this.#options.machines.filter(({ gateway }) => gateway === id);
    const sites = new Set(machines.map(({ path }) => path.split('/').slice(0, 2).join('/')));
    const text = gatewayPayload({ timestamp_ms: since ?? now(), gateway: id, online, version });
    for (const site of sites) this.#say(topics.gateway(site, id), text);
  }

  alarm(view: AlarmView): void {
    const { gateway, device, occurrence, rule, state, priority, message, value, limit, unit } = view;
    const at = Math.max(view.raisedAt, view.returnedAt ?? 0, view.acknowledgedAt ?? 0);
    const text = alarmPayload({
      ...{ occurrence, rule, device, state, at, priority, message, value, limit, unit },
      by: view.acknowledgedBy,
    });
    for (const { path } of this.#machines.get(`${gateway}/${device}`) ?? []) {
      this.#say(this.#options.topics.alarm(path, rule), text);
    }
  }

  hub(online: boolean): void {
    this.#say(this.#hubTopic(), this.#hubText(online));
  }

  lastWill(): { topic: string; payload: string } {
    return { topic: this.#hubTopic(), payload: this.#hubText(false) };
  }

  /** Where alarms of machines are, as a filter. */
  get alarmFilter(): string {
    return `${this.#options.topics.prefix}/+/+/+/+/+/_alarm/+`;
  }

  /** A broker has kept this alarm; it may have ended while the hub was away. */
  keptAlarm(topic: string): void {
    if (this.#retained.said(topic) === undefined) this.#say(topic, '');
  }

  /** The broker is there, and knows nothing: all is said again. */
  open(): void {
    this.#retained.open([...this.#byTag.values()].flat());
  }

  /** The broker takes nothing for now. */
  close(): void {
    this.#retained.close();
  }

  /** The last words, as far as they go out within so long. Milliseconds. */
  async sayGoodbye(patienceMs: number): Promise<void> {
    this.hub(false);
    await this.#retained.sayGoodbye(patienceMs);
  }

  #hubTopic(): string {
    return this.#options.topics.hub(this.#options.enterprise);
  }

  #hubText(online: boolean): string {
    const { version, now } = this.#options;
    return hubPayload({ timestamp_ms: now(), online, version });
  }

  #of(id: number): ValueTopic[] {
    let known = this.#byTag.get(id);
    if (!known) {
      known = this.#make(id);
      this.#byTag.set(id, known);
    }
    return known;
  }

  #make(id: number): ValueTopic[] {
    const { topics } = this.#options;
    const tag = this.#options.tag(id);
    if (!tag || tag.name.startsWith('$')) return [];
    const levels = tag.name
      .replace(/\[(\d+)\]$/, '.$1')
      .split(/[./]/)
      .filter((level) => level !== '')
      // Names of others may hold what no topic can.
      .map((level) => level.replace(/[+#\p{Cc}]/gu, '_'));
    return (this.#machines.get(`${tag.gateway}/${tag.device}`) ?? []).map(({ path }) => {
      const set = topics.set(path, levels);
      // A tag whose type was changed is another one, and the older one has nothing more to say.
      const before = this.#settable.get(set);
      if (before !== undefined && before !== id) this.#byTag.set(before, []);
      this.#settable.set(set, id);
      return valueTopic(topics.style, topics.value(path, levels), tag.unit);
    });
  }

  #sinceOf(topic: string, state: string): number {
    const said = this.#retained.said(topic);
    const before = said ? (JSON.parse(said) as { state: string; timestamp_ms: number }) : undefined;
    return before?.state === state ? before.timestamp_ms : this.#options.now();
  }

  /** What does not change is not said again. */
  #say(topic: string, text: string): void {
    if (this.#retained.said(topic) !== text) this.#retained.say(topic, text);
  }
}

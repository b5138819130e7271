/** Says in the unified namespace what the gateway knows: values, devices, alarms, and itself. All of it is retained. */
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { PublishRetained } from '@lineside/shared/uns/outbox.ts';
import { alarmPayload, gatewayPayload, statePayload, type UnsAlarmPicture } from '@lineside/shared/uns/payloads.ts';
import { RetainedTopics, type ValueTopic, valueTopic } from '@lineside/shared/uns/retained-topics.ts';
import type { PlacedDevice, UnsLayout } from './layout.ts';

/**
 * Messages on their way to the broker. The local one passes on 100 at a time and waits for the slowest of their
 * hearers: so many places stay free for what clients say.
 */
const MAX_IN_FLIGHT = 64;

export interface UnsPublisherOptions {
  layout: UnsLayout;
  gateway: string;
  version: string;
  minIntervalMs: number;
  publish: PublishRetained;
  now(): number;
}

export class UnsPublisher {
  readonly #options: UnsPublisherOptions;
  readonly #retained: RetainedTopics;
  /** By number of the tag. */
  #byTag = new Map<number, ValueTopic>();
  #devices = new Map<string, PlacedDevice>();
  /** Where each alarm that is not normal was said. */
  readonly #alarms = new Map<string, string>();

  constructor(options: UnsPublisherOptions) {
    this.#options = options;
    const { publish, minIntervalMs } = options;
    this.#retained = new RetainedTopics({ publish, minIntervalMs, maxInFlight: MAX_IN_FLIGHT });
  }

  get counts(): { published: number; waiting: number } {
    return this.#retained.counts;
  }

  /** What there is from now on. Topics of what is no more are emptied. */
  describe(devices: PlacedDevice[], tags: TagInfo[]): void {
    const { layout } = this.#options;
    const before = new Set([...this.#byTag.values()].map(({ topic }) => topic));
    const statesBefore = new Set([...this.#devices.values()].map((device) => layout.stateOf(device)));
    this.#devices = new Map(devices.map((device) => [device.id, device]));
    const byTag = new Map<number, ValueTopic>();
    for (const tag of tags) {
      const device = this.#devices.get(tag.device);
      if (!device || tag.name.startsWith('$')) continue;
      const { value: topic } = layout.tagOf(device, tag.name);
      const known = this.#byTag.get(tag.id);
      byTag.set(tag.id, known?.topic === topic ? known : valueTopic(layout.style, topic, tag.unit));
    }
    this.#byTag = byTag;
    const after = new Set([...byTag.values()].map(({ topic }) => topic));
    for (const device of devices) statesBefore.delete(layout.stateOf(device));
    for (const topic of [...before, ...statesBefore]) if (!after.has(topic)) this.#retained.say(topic, '');
    // What was taken away and is there again must not be taken away at the next connection.
    for (const topic of after) this.#retained.forget(topic);
  }

  /** Samples of a device that have passed its deadband. */
  observe(frame: Frame): void {
    const { tags, sourceAt, values, quality } = frame;
    for (let i = 0; i < tags.length; i++) {
      const value = this.#byTag.get(tags[i]!);
      if (value) this.#retained.observe(value, sourceAt[i]!, values[i]!, quality[i]!);
    }
  }

  device({ device: id, state, since, reason }: DeviceStatus): void {
    const device = this.#devices.get(id);
    if (!device) return;
    const { layout, gateway } = this.#options;
    this.#retained.say(
      layout.stateOf(device),
      statePayload({ timestamp_ms: since, gateway, device: id, state, reason }),
    );
  }

  /** Alarms that are normal now, whatever a broker may still have of them. */
  normal(alarms: { rule: string; device: string }[]): void {
    for (const { rule, device: id } of alarms) {
      const device = this.#devices.get(id);
      if (device && !this.#alarms.has(rule)) this.#retained.say(this.#options.layout.alarmOf(device, rule), '');
    }
  }

  alarm(alarm: UnsAlarmPicture): void {
    const device = this.#devices.get(alarm.device);
    const topic = this.#alarms.get(alarm.rule) ?? (device && this.#options.layout.alarmOf(device, alarm.rule));
    if (topic === undefined) return;
    const text = alarmPayload(alarm);
    if (text === '') this.#alarms.delete(alarm.rule);
    else this.#alarms.set(alarm.rule, topic);
    this.#retained.say(topic, text);
  }

  /** Whether the gateway is there; `lastWill` is what a broker says when it is gone without a word. */
  gateway(online: boolean): void {
    this.#retained.say(this.#options.layout.gateway(), this.#gatewayText(online));
  }

  lastWill(): { topic: string; payload: string } {
    return { topic: this.#options.layout.gateway(), payload: this.#gatewayText(false) };
  }

  /** The broker is there, and knows nothing: all is said again. */
  open(): void {
    this.#retained.open(this.#byTag.values());
  }

  /** The broker takes nothing for now. */
  close(): void {
    this.#retained.close();
  }

  /** The last words, as far as they go out within so long. Milliseconds. */
  async sayGoodbye(patienceMs: number): Promise<void> {
    this.gateway(false);
    await this.#retained.sayGoodbye(patienceMs);
  }

  #gatewayText(online: boolean): string {
    const { gateway, version, now } = this.#options;
    return gatewayPayload({ timestamp_ms: now(), gateway, online, version });
  }
}

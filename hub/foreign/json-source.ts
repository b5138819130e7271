/** One program that publishes JSON: its messages become samples, and its silence a device that is down. */
import type { DeviceStatus, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { JsonSourceConfig } from './config.ts';
import { ForeignSource, type ForeignSourceOptions } from './foreign-source.ts';
import { jsonSamples } from './json-samples.ts';
import { JsonTopic } from './json-topic.ts';

export interface JsonSourceOptions extends Pick<ForeignSourceOptions, 'take' | 'now'> {
  config: JsonSourceConfig;
  /** Keeps a message that means nothing, so that somebody can look at it. */
  quarantine(name: string, reason: string, message: Buffer): Promise<void>;
  log: Logger;
}

/** How often devices are looked at, and told of. Milliseconds. */
export const LOOK_MS = 5_000;
/** Devices of one source; a topic with serial numbers in it must not fill the hub. */
const MAX_DEVICES = 10_000;

interface Seen {
  since: number;
  at: number;
  up: boolean;
  messages: number;
  refused: number;
}

export class JsonSource {
  readonly source: ForeignSource;
  readonly topic: JsonTopic;
  readonly #options: JsonSourceOptions;
  readonly #devices = new Map<string, Seen>();
  readonly #startedAt: number;

  constructor(options: JsonSourceOptions) {
    const { config, take, log, now } = options;
    this.#options = options;
    this.topic = new JsonTopic(config.topic);
    this.source = new ForeignSource({ name: `json:${config.name}`, take, log, now });
    this.#startedAt = now();
  }

  /** Takes a message of one of its topics. Never throws: what means nothing is kept aside and counted. */
  take(topic: string, payload: Buffer): void {
    const { config, now } = this.#options;
    const meaning = this.topic.read(topic);
    if (!meaning) return;
    const at = now();
    let seen = this.#devices.get(meaning.device);
    try {
      const samples = jsonSamples(payload, meaning.tag, { value: config.valueField, time: config.timeField }, at);
      if (!seen) {
        if (this.#devices.size >= MAX_DEVICES) throw new Error(`it has ${MAX_DEVICES} devices already`);
        seen = { since: at, at, up: false, messages: 0, refused: 0 };
        this.#devices.set(meaning.device, seen);
      }
      this.source.add(meaning.device, samples);
      seen.messages++;
      seen.at = at;
      if (seen.up) return;
      Object.assign(seen, { up: true, since: at });
      this.source.setLink(meaning.device, true);
    } catch (error) {
      if (seen) seen.refused++;
      void this.#options.quarantine(this.source.name, `${topic}: ${messageOf(error)}`, payload);
    }
  }

  /** Devices that have gone silent are down from now on. */
  look(): void {
    const { config, now } = this.#options;
    const at = now();
    for (const [device, seen] of this.#devices) {
      if (!seen.up || at - seen.at < config.silentAfterSeconds * 1_000) continue;
      Object.assign(seen, { up: false, since: at });
      this.source.setLink(device, false);
    }
  }

  /** As a gateway would report itself. @param fault why nothing can come; empty while it can */
  status(version: string, fault: string): GatewayStatus {
    const { config, now } = this.#options;
    const devices = [...this.#devices].map(([device, { since, at, up, messages, refused }]): DeviceStatus => {
      const silence = `nothing has come for ${config.silentAfterSeconds} s; is the program that publishes it running?`;
      return {
        ...{ device, driver: 'json', endpoint: config.topic, state: up ? 'up' : 'down', since },
        ...{ reason: up ? '' : fault || silence, lastGoodAt: at, requests: messages, errors: refused, missed: 0 },
      };
    });
    return {
      ...{ gateway: this.source.name, online: fault === '', at: now(), version, startedAt: this.#startedAt, devices },
      buffer: { epoch: '', pendingRecords: 0, pendingSamples: 0, bytes: 0 },
    };
  }
}

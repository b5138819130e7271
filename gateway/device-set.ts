/**
 * The devices that the gateway collects from, and how they become others: one that did not change is never touched,
 * so that it keeps its connection and misses no poll.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, type ConfigProblem } from '@lineside/shared/config/config-document.ts';
import type { ConditionNews } from '@lineside/shared/contracts/condition.ts';
import { emptyFrame, type Frame, LINK_TAG, pushSample } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { DeviceEntry, LoadedConfig } from './config/load-config.ts';
import { createDriver } from './drivers/create-driver.ts';
import type { Driver } from './drivers/driver.ts';
import type { TagPast } from './drivers/tag-past.ts';

/** Number of a tag; undefined when there is none. */
export type TagId = (device: string, tag: string) => number | undefined;

export interface DeviceSetOptions {
  onFrame(frame: Frame): void;
  /** A link tag's sample; it passes no other stage. */
  onLink(frame: Frame): void;
  onStatus(status: DeviceStatus): void;
  /** What a device says of its own alarms. */
  onConditions(news: ConditionNews): void;
  /** Before a device starts, and after it has stopped for good: what belongs to its tags comes and goes with it. */
  onAdded(device: DeviceEntry, tagId: TagId): void;
  /** `lost`: those of its tags that nobody gives any more. */
  onRemoved(device: DeviceEntry, tags: number[], lost: number[]): void;
  log: Logger;
  now(): number;
  dataDir: string;
  /** See `DriverContext`. */
  pasts: Map<number, TagPast>;
}

interface Device {
  entry: DeviceEntry;
  driver: Driver;
  link: number;
  tagId: TagId;
  ids: number[];
}

/** What is to be done to get from one set to another; nothing of it has been done yet. */
export interface DeviceSwap {
  /** All that there will be, in the order of the configuration. */
  next: Device[];
  fresh: Device[];
  gone: Device[];
}

export class DeviceSet {
  readonly #options: DeviceSetOptions;
  #devices = new Map<string, Device>();

  constructor(options: DeviceSetOptions) {
    this.#options = options;
  }

  statuses(): DeviceStatus[] {
    return [...this.#devices.values()].map(({ driver }) => driver.status());
  }

  /** The driver of a device; undefined when there is no such device. */
  driver(id: string): Driver | undefined {
    return this.#devices.get(id)?.driver;
  }

  /**
   * Makes what is new or has changed, and starts nothing.
   *
   * @param config its devices have passed the checks
   * @throws ConfigError naming each device that its driver does not take
   */
  prepare(config: LoadedConfig, tagId: TagId): DeviceSwap {
    const problems: ConfigProblem[] = [];
    const fresh: Device[] = [];
    const next = config.devices.flatMap((entry, index) => {
      const known = this.#devices.get(entry.id);
      if (known && isDeepStrictEqual(known.entry, entry)) return [known];
      try {
        const made = this.#make(entry, tagId, (path) => config.resolvePath(path));
        fresh.push(made);
        return [made];
      } catch (error) {
        problems.push(config.problem(['devices', index], messageOf(error)));
        return [];
      }
    });
    if (problems.length > 0) throw new ConfigError(problems);
    const gone = [...this.#devices.values()].filter((device) => !next.includes(device));
    return { next, fresh, gone };
  }

  /** Stops what is gone or has changed, and lets it say its last word. A device that does not stop is left. */
  async retire({ gone, fresh }: Pick<DeviceSwap, 'gone' | 'fresh'>): Promise<void> {
    await Promise.all(gone.map((device) => this.#stop(device)));
    for (const device of gone) {
      const successor = fresh.find(({ entry }) => entry.id === device.entry.id);
      const lost = device.ids.filter((id) => !successor?.ids.includes(id));
      this.#sayBad(device, lost);
      this.#sayLink(device, 0);
      this.#options.onRemoved(device.entry, device.ids, lost);
      this.#devices.delete(device.entry.id);
    }
  }

  /** Starts what is new. @throws what a driver throws; then some may be running. */
  launch({ next, fresh }: Pick<DeviceSwap, 'next' | 'fresh'>): void {
    // All are known before the first one reports: a status names every device.
    this.#devices = new Map(next.map((device) => [device.entry.id, device]));
    for (const { entry, tagId } of fresh) this.#options.onAdded(entry, tagId);
    for (const { driver } of fresh) driver.start();
  }

  /**
   * The way back from a swap that `retire` was done of: what it stopped is made and started anew.
   *
   * @throws what a driver throws that had been started before
   */
  async revert({ fresh, gone }: DeviceSwap, config: LoadedConfig): Promise<void> {
    const running = fresh.filter((device) => this.#devices.get(device.entry.id) === device);
    await this.retire({ gone: running, fresh: gone });
    const again = gone.map(({ entry, tagId }) => this.#make(entry, tagId, (path) => config.resolvePath(path)));
    const all = [...this.#devices.values(), ...again];
    const next = config.devices.flatMap(({ id }) => all.find(({ entry }) => entry.id === id) ?? []);
    this.launch({ next, fresh: again });
  }

  /** Stops all at once. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all([...this.#devices.values()].map((device) => this.#stop(device)));
  }

  /** Says whether each device answers. */
  sayLinks(value?: 0): void {
    for (const device of this.#devices.values()) this.#sayLink(device, value);
  }

  #make(entry: DeviceEntry, tagId: TagId, resolvePath: (path: string) => string): Device {
    const { log, now, dataDir, pasts } = this.#options;
    const tags = entry.tags.map(({ name, settings }) => ({
      id: tagId(entry.id, name)!,
      name,
      settings: settings as never,
    }));
    let device: Device | undefined;
    const driver = createDriver(entry.driver, entry.settings, tags, {
      onFrame: (frame) => this.#options.onFrame(frame),
      onStatus: (status) => this.#changed(device, status),
      onConditions: (news) => this.#options.onConditions(news),
      log: log.child({ part: entry.driver }),
      now,
      dataDir,
      resolvePath,
      pasts,
    });
    device = { entry, driver, link: tagId(entry.id, LINK_TAG)!, tagId, ids: tags.map(({ id }) => id) };
    return device;
  }

  #changed(device: Device | undefined, status: DeviceStatus): void {
    // One that was replaced says nothing for its successor.
    if (!device || this.#devices.get(status.device) !== device) return;
    this.#sayLink(device);
    this.#options.onStatus(status);
  }

  async #stop({ entry, driver }: Device): Promise<void> {
    try {
      await driver.stop();
    } catch (error) {
      this.#options.log.error({ device: entry.id, reason: messageOf(error) }, 'device did not stop in order');
    }
  }

  /** What nobody reads any more is unknown, not as it was. */
  #sayBad({ entry }: Device, tags: number[]): void {
    if (tags.length === 0) return;
    const now = this.#options.now();
    const frame = emptyFrame(entry.id, now);
    for (const tag of tags) pushSample(frame, tag, now, null, Quality.BadOutOfService);
    this.#options.onFrame(frame);
  }

  #sayLink({ entry, driver, link }: Device, value = driver.status().state === 'up' ? 1 : 0): void {
    const now = this.#options.now();
    const frame = emptyFrame(entry.id, now);
    pushSample(frame, link, now, value, Quality.Good);
    this.#options.onLink(frame);
  }
}

/**
 * Joins the stages: drivers → scale → models and alarms → deadband → buffer → link. The stages do not know each
 * other; the order in which a frame meets them stands here and nowhere else.
 */
import { join } from 'node:path';
import { readSecret } from '@lineside/shared/config/validate.ts';
import {
  emptyFrame,
  type Frame,
  LINK_HEARTBEAT_MS,
  LINK_TAG,
  pushSample,
  type TagInfo,
} from '@lineside/shared/contracts/frame.ts';
import type { Command, DeviceStatus, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Progress, ProgressMark } from '@lineside/shared/lifecycle/progress.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AlarmStage } from './alarms/alarm-stage.ts';
import { GatewayBuffer } from './buffer/buffer.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Driver } from './drivers/driver.ts';
import { drivers } from './drivers/registry.ts';
import { outputOf } from './models/config.ts';
import { ModelStage } from './models/model-stage.ts';
import { HubLink } from './publisher/hub-link.ts';
import { Conditioner } from './tags/conditioner.ts';
import { LastValues } from './tags/last-values.ts';
import { linkTag, type TagDescription, TagRegistry } from './tags/tag-registry.ts';

export interface PipelineOptions {
  config: LoadedConfig;
  dataDir: string;
  version: string;
  log: Logger;
  now(): number;
  progress: Progress;
}

interface Running {
  driver: Driver;
  linkTag: number;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #startedAt: number;
  readonly #conditioner = new Conditioner();
  readonly #devices = new Map<string, Running>();
  readonly lastValues = new LastValues();
  readonly buffer: GatewayBuffer;
  #models: ModelStage[] = [];
  #alarms: AlarmStage | undefined;
  #link: HubLink | undefined;
  #bufferMark: ProgressMark | undefined;
  tags: TagInfo[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    this.buffer = new GatewayBuffer({
      dir: join(options.dataDir, 'buffer'),
      config: options.config.buffer,
      log: options.log.child({ part: 'buffer' }),
      now: options.now,
      onCommit: () => {
        this.#bufferMark?.beat();
        this.#link?.notify();
      },
    });
  }

  get alarms(): AlarmStage {
    return this.#alarms!;
  }

  get link(): HubLink {
    return this.#link!;
  }

  /** Starts from the disk towards the devices, so that a stage is there before what it takes comes. */
  async start(unwind: Unwind): Promise<void> {
    const { config, log, progress } = this.#options;
    await this.buffer.open();
    unwind.defer('buffer', () => this.buffer.close());
    await this.#numberTags();
    // The link heartbeats of the devices alone give the buffer something to commit every few seconds.
    this.#bufferMark = progress.part('buffer', { maxSilenceMs: 6 * LINK_HEARTBEAT_MS });

    this.#link = new HubLink({
      gateway: config.gateway.id,
      url: config.hub.url,
      password: readSecret(config.resolvePath(config.hub.passwordFile)),
      buffer: this.buffer,
      status: () => this.status(),
      onCommand: (command) => this.#carryOut(command),
      log: log.child({ part: 'link' }),
      now: this.#options.now,
    });
    unwind.defer('hub link', async () => {
      await this.buffer.flush().catch(() => undefined);
      await this.#link!.stop();
    });

    this.#alarms = this.#createAlarms();
    await this.#alarms.start();
    unwind.defer('alarms', () => this.#alarms!.stop());
    this.#link.start();

    await this.#startModels(unwind);
    // Unwound when the drivers are down: what comes after a stop is unknown, not as it was.
    unwind.defer('last word of the devices', () => this.#sayAllLinks(0));
    this.#startDevices(unwind);
    const heartbeat = setInterval(() => this.#sayAllLinks(), LINK_HEARTBEAT_MS);
    unwind.defer('heartbeat', () => clearInterval(heartbeat));
  }

  models(): ReturnType<ModelStage['status']>[] {
    return this.#models.map((model) => model.status());
  }

  status(): GatewayStatus {
    const { config, version, now } = this.#options;
    const { epoch, pendingRecords, pendingSamples, bytes } = this.buffer.stats();
    return {
      gateway: config.gateway.id,
      online: true,
      at: now(),
      version,
      startedAt: this.#startedAt,
      buffer: { epoch, pendingRecords, pendingSamples, bytes },
      devices: [...this.#devices.values()].map(({ driver }) => driver.status()),
    };
  }

  /** Numbers and describes every tag: the devices', their link tags and the models' outputs. */
  async #numberTags(): Promise<void> {
    const { config, log, dataDir } = this.#options;
    const described: TagDescription[] = config.devices.flatMap((device) => [
      linkTag(device.id),
      ...device.tags.map(({ name, type, unit, description }) => ({
        device: device.id,
        name,
        type,
        unit,
        description,
      })),
    ]);
    for (const model of config.models) {
      const { device, tag } = outputOf(model);
      const description = `Score of the model ${model.id}; 1 is its limit`;
      described.push({ device, name: tag, type: 'float32', unit: '', description });
    }
    const registry = new TagRegistry(join(dataDir, 'buffer'), log.child({ part: 'tags' }));
    // What the hub has committed was given back, but speaks of these numbers as well.
    const fresh = this.buffer.newestSeq === 0 && this.buffer.committedSeq === 0;
    this.tags = await registry.assign(this.buffer.epoch, fresh, described);
    this.buffer.describeTags(this.tags);
    for (const device of config.devices) {
      for (const tag of device.tags) this.#conditioner.add(device.id, this.#tagId(device.id, tag.name)!, tag);
    }
  }

  /** Ids are looked up at start only, so a scan is enough. */
  #tagId(device: string, name: string): number | undefined {
    return this.tags.find((tag) => tag.device === device && tag.name === name)?.id;
  }

  #createAlarms(): AlarmStage {
    const { config, dataDir, log, now } = this.#options;
    const alarms = config.alarms.map((alarm) => {
      const tag = this.tags.find((candidate) => `${candidate.device}/${candidate.name}` === alarm.tag)!;
      return { config: alarm, tag: { id: tag.id, device: tag.device, unit: tag.unit } };
    });
    return new AlarmStage({
      dataDir,
      alarms,
      log: log.child({ part: 'alarms' }),
      now,
      add: (event) => this.buffer.addAlarm(event),
      flush: () => this.buffer.flush(),
    });
  }

  async #startModels(unwind: Unwind): Promise<void> {
    const { config, log, now } = this.#options;
    for (const model of config.models) {
      const { device, tag } = outputOf(model);
      const stage = new ModelStage(model, {
        onFrame: (frame) => this.#take(frame),
        tagId: (inputDevice, name) => this.#tagId(inputDevice, name),
        outputTag: this.#tagId(device, tag)!,
        configDir: config.resolvePath('.'),
        log: log.child({ part: 'model' }),
        now,
      });
      await stage.start();
      unwind.defer(`model ${model.id}`, () => stage.stop());
      this.#models.push(stage);
    }
  }

  #startDevices(unwind: Unwind): void {
    const { config, log, now, dataDir } = this.#options;
    for (const device of config.devices) {
      const tags = device.tags.map(({ name, settings }) => ({
        id: this.#tagId(device.id, name)!,
        name,
        settings: settings as never,
      }));
      const driver = drivers[device.driver]!.create(device.settings as never, tags, {
        onFrame: (frame) => this.#fromDriver(frame),
        onStatus: (status) => this.#deviceChanged(status),
        log: log.child({ part: device.driver }),
        now,
        dataDir,
        resolvePath: (path) => config.resolvePath(path),
      });
      this.#devices.set(device.id, { driver, linkTag: this.#tagId(device.id, LINK_TAG)! });
      unwind.defer(`device ${device.id}`, () => driver.stop());
    }
    // All are known before the first one reports: a status names every device.
    for (const { driver } of this.#devices.values()) driver.start();
  }

  #fromDriver(frame: Frame): void {
    this.#take(this.#conditioner.scale(frame));
  }

  /** Every stage behind the drivers, in order. */
  #take(frame: Frame): void {
    for (const model of this.#models) model.observe(frame);
    this.#alarms?.observe(frame);
    this.lastValues.observe(frame);
    const kept = this.#conditioner.filter(frame);
    if (kept.tags.length > 0) this.buffer.addFrame(kept);
  }

  #deviceChanged(status: DeviceStatus): void {
    const { log } = this.#options;
    if (status.state === 'down') log.warn({ device: status.device, reason: status.reason }, 'device down');
    else log.info({ device: status.device, state: status.state }, 'device state');
    const running = this.#devices.get(status.device);
    if (running) this.#sayLink(status.device, running);
    this.#link?.statusChanged();
  }

  /** Repeats whether each device answers, so that whoever reads the data can tell silence from "no change". */
  #sayAllLinks(value?: 0): void {
    for (const [device, running] of this.#devices) this.#sayLink(device, running, value);
  }

  #sayLink(device: string, { driver, linkTag: tag }: Running, value = driver.status().state === 'up' ? 1 : 0): void {
    const now = this.#options.now();
    const frame = emptyFrame(device, now);
    pushSample(frame, tag, now, value, Quality.Good);
    this.buffer.addFrame(frame);
  }

  async #carryOut(command: Command): Promise<void> {
    try {
      await this.alarms.acknowledge(command.occurrence, command.by, command.comment, this.#options.now());
    } catch (error) {
      // The hub repeats a command until its effect has come back, so most of these are echoes.
      this.#options.log.debug({ occurrence: command.occurrence, error: messageOf(error) }, 'nothing to acknowledge');
    }
  }
}

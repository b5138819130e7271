/**
 * Joins the stages: drivers → scale → models and alarms → deadband → buffer → link. The stages do not know each
 * other; the order in which a frame meets them stands here and nowhere else.
 */
import { join } from 'node:path';
import type { AcknowledgeResult } from '@lineside/shared/contracts/condition.ts';
import { type Frame, LINK_HEARTBEAT_MS, type TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { AcknowledgeCommand, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Progress, ProgressMark } from '@lineside/shared/lifecycle/progress.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AlarmStage, type WatchedAlarm } from './alarms/alarm-stage.ts';
import { GatewayBuffer } from './buffer/buffer.ts';
import type { LoadedConfig } from './config/load-config.ts';
import { DeviceSet, type DeviceSwap, type TagId } from './device-set.ts';
import type { Driver } from './drivers/driver.ts';
import { type HubIdentity, hubIdentity } from './hub-identity.ts';
import { ModelSet, type ModelSwap } from './model-set.ts';
import type { ModelStatus } from './models/model-stage.ts';
import type { Outlet } from './outlet.ts';
import { OwnTags } from './own-tags.ts';
import { HubLink, type HubLinkOptions } from './publisher/hub-link.ts';
import type { SparkplugConfig } from './sparkplug/config.ts';
import { SPARKPLUG_READER, SparkplugOutlet } from './sparkplug-outlet.ts';
import { alarmingDevices, describeTags, tagIds, watchedAlarms } from './tag-layout.ts';
import { PASTS_READER, TagPasts } from './tag-pasts.ts';
import { TagWriter } from './tag-writer.ts';
import { Conditioner } from './tags/conditioner.ts';
import { LastValues } from './tags/last-values.ts';
import { TagRegistry } from './tags/tag-registry.ts';
import type { UnsOutlet } from './uns-outlet.ts';

export interface PipelineOptions {
  config: LoadedConfig;
  dataDir: string;
  version: string;
  log: Logger;
  now(): number;
  progress: Progress;
  /** Takes over a configuration that the hub sends. Never rejects. Absent: none is taken. */
  onConfig?: HubLinkOptions['onConfig'];
  onFleet?: HubLinkOptions['onFleet'];
  /** The configuration on trial; undefined while there is none. */
  trial?(): GatewayStatus['trial'];
}

/** A configuration made ready to be taken over; nothing runs of what is new in it. */
interface Prepared {
  config: LoadedConfig;
  tags: TagInfo[];
  tagId: TagId;
  own: OwnTags;
  devices: DeviceSwap;
  models: ModelSwap;
  alarms: WatchedAlarm[];
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #startedAt: number;
  readonly #conditioner = new Conditioner();
  readonly #registry: TagRegistry;
  readonly #devices: DeviceSet;
  readonly #models: ModelSet;
  readonly lastValues = new LastValues();
  readonly #pasts: TagPasts;
  readonly buffer: GatewayBuffer;
  /** Whoever may set a tag does it here. */
  readonly writer: TagWriter;
  #config: LoadedConfig;
  #own: OwnTags | undefined;
  #alarms: AlarmStage | undefined;
  #link: HubLink | undefined;
  #certificate: HubIdentity['certificate'];
  /** What goes out beside the buffer. */
  readonly #outlets: Outlet[] = [];
  #uns: UnsOutlet | undefined;
  #sparkplug: SparkplugOutlet | undefined;
  #bufferMark: ProgressMark | undefined;
  tags: TagInfo[] = [];

  constructor(options: PipelineOptions) {
    const { config, dataDir, log, now } = options;
    this.#options = options;
    this.#config = config;
    this.#startedAt = now();
    this.buffer = new GatewayBuffer({
      dir: join(dataDir, 'buffer'),
      config: config.buffer,
      readers: [PASTS_READER, ...(config.sparkplug?.history.enabled ? [SPARKPLUG_READER] : [])],
      log: log.child({ part: 'buffer' }),
      now,
      onCommit: (record, lane) => {
        this.#bufferMark?.beat();
        this.#link?.notify(lane === 'samples' ? record : undefined);
      },
      onRebirth: () => this.#bufferReborn(),
    });
    this.#pasts = new TagPasts({ path: join(dataDir, 'history.json'), buffer: this.buffer, log });
    this.#registry = new TagRegistry(join(dataDir, 'buffer'), log.child({ part: 'tags' }));
    this.writer = new TagWriter({
      conditioner: this.#conditioner,
      driver: (device) => this.#devices.driver(device),
      buffer: {
        addEvent: (event) => this.buffer.addEvent(event),
        flush: () => this.buffer.flushUrgent(),
      },
      log: log.child({ part: 'writes' }),
      now,
    });
    this.#models = new ModelSet({ onFrame: (frame) => this.#take(frame), log, now });
    this.#devices = new DeviceSet({
      onFrame: (frame) => this.#take(this.#conditioner.scale(frame)),
      onLink: (frame) => this.buffer.addFrame(frame),
      onStatus: (status) => {
        this.#link?.statusChanged();
        for (const outlet of this.#outlets) outlet.device(status);
      },
      onConditions: (news) => this.#alarms?.observeConditions(news),
      onAdded: (device, tagId) => {
        const { id, tags } = device;
        for (const tag of tags) this.#conditioner.add(id, tagId(id, tag.name)!, tag);
        this.writer.addDevice(device, tagId);
      },
      onRemoved: ({ id }, tags, lost) => {
        this.writer.removeDevice(id);
        this.#conditioner.remove(id, tags);
        this.lastValues.forget(id, lost);
        for (const tag of lost) this.#pasts.map.delete(tag);
      },
      log,
      now,
      dataDir,
      pasts: this.#pasts.map,
    });
  }

  get alarms(): AlarmStage {
    return this.#alarms!;
  }

  get link(): HubLink {
    return this.#link!;
  }

  /** Topics for integrators; undefined when nobody wants them. */
  get uns(): UnsOutlet | undefined {
    return this.#uns;
  }

  /** Undefined when the gateway is no Sparkplug node. */
  get sparkplug(): SparkplugOutlet | undefined {
    return this.#sparkplug;
  }

  /** What runs at present. */
  get config(): LoadedConfig {
    return this.#config;
  }

  /** The driver of a device; undefined when there is no such device. */
  driver(device: string): Driver | undefined {
    return this.#devices.driver(device);
  }

  /** Starts from the disk towards the devices, so that a stage is there before what it takes comes. */
  async start(unwind: Unwind): Promise<void> {
    const { config, dataDir, log, progress, now } = this.#options;
    await this.buffer.open();
    unwind.defer('buffer', () => this.buffer.close());
    await this.#pasts.start();
    unwind.defer('how far the tags have come', () => this.#pasts.stop());
    const prepared = await this.#prepare(config);
    this.#describe(prepared);
    // The link heartbeats of the devices alone give the buffer something to commit every few seconds.
    this.#bufferMark = progress.part('buffer', { maxSilenceMs: 6 * LINK_HEARTBEAT_MS });

    const identity = hubIdentity(config, log.child({ part: 'certificate' }), now);
    this.#certificate = identity.certificate;
    this.#link = new HubLink({
      gateway: config.gateway.id,
      ...identity,
      buffer: this.buffer,
      urgent: this.buffer.urgent,
      status: () => this.status(),
      catchUpKiBPerSecond: config.hub.catchUpKiBPerSecond,
      onAcknowledge: (command) => this.#acknowledge(command),
      onWrite: ({ id, device, tag, value, by, comment }, notAfter) =>
        this.writer.write({ id, device, tag, value, by, via: 'hub', comment }, notAfter),
      ...(this.#options.onConfig ? { onConfig: this.#options.onConfig } : {}),
      ...(this.#options.onFleet ? { onFleet: this.#options.onFleet } : {}),
      log: log.child({ part: 'link' }),
      now,
    });
    unwind.defer('hub link', async () => {
      await this.buffer.flush().catch(() => undefined);
      await this.#link!.stop();
    });

    this.#alarms = new AlarmStage({
      dataDir,
      alarms: prepared.alarms,
      alarmingDevices: alarmingDevices(config),
      acknowledgeInDevice: (device, key, comment) => this.#acknowledgeInDevice(device, key, comment),
      log: log.child({ part: 'alarms' }),
      now,
      add: (event) => {
        this.buffer.addAlarm(event);
        for (const outlet of this.#outlets) outlet.alarm(event);
      },
      flush: () => this.buffer.flushUrgent(),
    });
    await this.#startOutlets(unwind);
    await this.#alarms.start();
    for (const outlet of this.#outlets) outlet.activeAlarms(this.#alarms.active());
    unwind.defer('alarms', () => this.#alarms!.stop());
    this.#link.start();

    unwind.defer('models', () => this.#models.stop());
    await this.#models.launch(prepared.models);
    // Unwound when the drivers are down: what comes after a stop is unknown, not as it was.
    unwind.defer('last word of the devices', () => this.#devices.sayLinks(0));
    unwind.defer('writes', () => this.writer.stop());
    unwind.defer('devices', () => this.#devices.stop());
    this.#devices.launch(prepared.devices);
    this.#tellStates();
    const heartbeat = setInterval(() => {
      this.#devices.sayLinks();
      this.#lookAtOwnTags();
    }, LINK_HEARTBEAT_MS);
    unwind.defer('heartbeat', () => clearInterval(heartbeat));
  }

  /**
   * Takes over the devices, models and alarms of another configuration. What did not change in it goes on as if
   * nothing had happened. Not to be called again before it has settled, nor during a stop.
   *
   * @param mayGoOn asked once more when all is ready
   * @throws ConfigError when something new in it does not work: then nothing was touched
   * @throws LinesideError RELOAD_ROLLED_BACK when it failed on the way: then what ran before runs again
   */
  async change(config: LoadedConfig, mayGoOn: () => boolean = () => true): Promise<void> {
    const before = { config: this.#config, tags: this.tags, own: this.#own! };
    const prepared = await this.#prepare(config);
    await this.#models.rehearse(prepared.models, config);
    if (!mayGoOn()) throw new LinesideError('GATEWAY_STOPPING', 'outside', 'the gateway is stopping');
    try {
      await this.#models.retire(prepared.models);
      await this.#devices.retire(prepared.devices);
      this.#describe(prepared);
      await this.#models.launch(prepared.models);
      this.#models.expectSound(prepared.models);
      this.#devices.launch(prepared.devices);
    } catch (cause) {
      this.#describe(before);
      await this.#models.revert(prepared.models);
      await this.#devices.revert(prepared.devices, before.config);
      this.#tellStates();
      throw new LinesideError('RELOAD_ROLLED_BACK', 'outside', messageOf(cause), { cause });
    }
    this.#config = config;
    this.#tellWhatIsNew(prepared);
    this.#tellStates();
    this.#link?.statusChanged();
  }

  /** The clock was set: written down before anything is measured by it, and no delay runs out by it. */
  clockStepped(stepMs: number, at: number): void {
    this.buffer.addEvent({ kind: 'clock', at, stepMs });
    this.#alarms?.clockStepped(stepMs);
  }

  models(): ModelStatus[] {
    return this.#models.statuses();
  }

  status(): GatewayStatus {
    const { config, version, now } = this.#options;
    const { epoch, pendingRecords, pendingSamples, bytes, fault } = this.buffer.stats();
    const certificate = this.#certificate?.status();
    const trial = this.#options.trial?.();
    return {
      gateway: config.gateway.id,
      online: true,
      at: now(),
      version,
      startedAt: this.#startedAt,
      buffer: { epoch, pendingRecords, pendingSamples, bytes, ...(fault === '' ? {} : { fault }) },
      devices: this.#devices.statuses(),
      configSha256: this.#config.sha256,
      accepts: config.hub.accept,
      ...(certificate ? { certificate } : {}),
      ...(trial ? { trial } : {}),
    };
  }

  /** Numbers every tag and makes every part that is new. A number that is then not used is only not given again. */
  async #prepare(config: LoadedConfig): Promise<Prepared> {
    const { dataDir, log } = this.#options;
    const own = new OwnTags(config.devices, dataDir, log, this.#own);
    // What the hub has committed was given back, but speaks of these numbers as well.
    const fresh = this.buffer.newestSeq === 0 && this.buffer.committedSeq === 0;
    const tags = await this.#registry.assign(this.buffer.epoch, fresh, [...describeTags(config), ...own.tags]);
    const tagId = tagIds(tags);
    return {
      config,
      tags,
      tagId,
      own,
      devices: this.#devices.prepare(config, tagId),
      models: this.#models.prepare(config, tagId),
      alarms: watchedAlarms([...config.alarms, ...own.alarms], tags),
    };
  }

  #describe({ config, tags, own }: Pick<Prepared, 'config' | 'tags' | 'own'>): void {
    this.tags = tags;
    this.#own = own;
    this.buffer.describeTags(tags);
    for (const outlet of this.#outlets) outlet.describe(config, tags);
  }

  async #startOutlets(unwind: Unwind): Promise<void> {
    const { version, log, now } = this.#options;
    const config = this.#config;
    if (config.uns.enabled || config.localBroker.enabled) {
      // Its broker is loaded only where somebody wants it.
      const { UnsOutlet } = await import('./uns-outlet.ts');
      const write = this.writer.write.bind(this.writer);
      this.#uns = new UnsOutlet({ config, version, write, log: log.child({ part: 'uns' }), now });
      this.#outlets.push(this.#uns);
      unwind.defer('topics for integrators', () => this.#uns!.stop());
      this.#uns.describe(config, this.tags);
      await this.#uns.start();
    }
    if (config.sparkplug) this.#startSparkplug({ ...config, sparkplug: config.sparkplug }, unwind);
  }

  #startSparkplug(config: LoadedConfig & { sparkplug: SparkplugConfig }, unwind: Unwind): void {
    const { dataDir, version, log, now } = this.#options;
    this.#sparkplug = new SparkplugOutlet({
      ...{ config, dataDir, version, now },
      buffer: this.buffer,
      lastValue: (device, tag) => this.lastValues.get(device, tag),
      hubConnected: () => this.link.state().connected,
      write: (request) => this.writer.write(request),
      log: log.child({ part: 'sparkplug' }),
    });
    this.#outlets.push(this.#sparkplug);
    unwind.defer('Sparkplug node', () => this.#sparkplug!.stop());
    this.#sparkplug.describe(config, this.tags);
    this.#sparkplug.start();
  }

  /** Drivers only tell of changes. */
  #tellStates(): void {
    for (const status of this.#devices.statuses()) for (const outlet of this.#outlets) outlet.device(status);
  }

  /** The numbers of what runs must not change; they hold in the new epoch as well. */
  #bufferReborn(): void {
    this.#registry.moveTo(this.buffer.epoch).catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error) }, 'tag numbers not kept; the next start gives others');
    });
    this.#link?.notify();
  }

  /** A device that reports only what changes does not say again what a new model or alarm has to know. */
  #tellWhatIsNew({ config, devices, models, alarms, tagId }: Prepared): void {
    const last = (device: string, tag: number) =>
      devices.fresh.some(({ entry }) => entry.id === device) ? undefined : this.lastValues.get(device, tag);
    this.#models.prime(models, tagId, last);
    this.alarms.replace(alarms, ({ device, id }) => last(device, id), alarmingDevices(config));
  }

  /** Every stage behind the drivers, in order. What is past is kept, and no news for anyone. */
  #take(frame: Frame): void {
    if (frame.historical) {
      this.buffer.addFrame(frame);
      for (const outlet of this.#outlets) outlet.past?.(frame);
      return;
    }
    this.#models.observe(frame);
    this.#alarms?.observe(frame);
    this.lastValues.observe(frame);
    const kept = this.#conditioner.filter(frame);
    if (kept.tags.length === 0) return;
    this.buffer.addFrame(kept);
    for (const outlet of this.#outlets) outlet.observe(kept);
  }

  #lookAtOwnTags(): void {
    for (const frame of this.#own!.look(this.tags, this.buffer.stats(), this.#options.now())) this.#take(frame);
  }

  /** @returns the words of a device that does not take it; empty when it may still become true */
  async #acknowledge({ occurrence, by, comment }: AcknowledgeCommand): Promise<string> {
    const { log, now } = this.#options;
    try {
      await this.alarms.acknowledge(occurrence, by, comment, now(), true);
      return '';
    } catch (error) {
      const told = { occurrence, by, error: messageOf(error) };
      const code = error instanceof LinesideError ? error.code : '';
      if (code === 'ALARM_REFUSED' || code === 'ALARM_LATER') log.warn(told, 'alarm not acknowledged');
      // The hub repeats a command until its effect has come back, so most of these are echoes.
      else log.debug(told, 'nothing to acknowledge');
      return code === 'ALARM_REFUSED' ? told.error.slice(0, 1_000) : '';
    }
  }

  async #acknowledgeInDevice(device: string, key: string, comment: string): Promise<AcknowledgeResult> {
    const result = await this.#devices.driver(device)?.acknowledge?.(key, comment);
    return result ?? { ok: false, error: `device "${device}" cannot be asked any more`, again: false };
  }
}

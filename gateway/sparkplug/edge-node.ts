/**
 * The gateway as a Sparkplug B 3.0 edge node, each of its devices a Sparkplug device.
 *
 * After each connect, and once the primary host is online where there is one, the births name every metric; then
 * changes follow by alias, together once in `publishIntervalMs`. One sequence number goes over all of it. What could
 * not be sent in time comes later out of the gateway's buffer.
 */
import { join } from 'node:path';
import type { Frame } from '@lineside/shared/contracts/frame.ts';
import type { DeviceState } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { MqttEndpoint } from '@lineside/shared/mqtt/open-client.ts';
import type { Metric } from '@lineside/shared/wire/sparkplug/payload.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { deviceTopic, nodeTopic, parseSparkplugTopic, stateTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import { BdSeqFile } from './bd-seq-file.ts';
import { bdSeqMetric, Catalog, type CatalogOptions } from './catalog.ts';
import { readDeviceCommand, readNodeCommand } from './commands.ts';
import type { SparkplugConfig } from './config.ts';
import { type History, HistoryFlush, type Place } from './history-flush.ts';
import { HostGate } from './host-gate.ts';
import { LiveData } from './live-data.ts';
import { Proof } from './proof.ts';
import { Session } from './session.ts';

export interface SparkplugNodeOptions extends Omit<CatalogOptions, 'live'> {
  config: SparkplugConfig;
  /** The node's id: the gateway's. */
  node: string;
  endpoint: MqttEndpoint;
  dataDir: string;
  devices(): readonly { device: string; state: DeviceState }[];
  /** Never rejects; refusals have been logged and audited by it. */
  write(request: WriteRequest): Promise<WriteOutcome>;
  /** Undefined when what is missed is not to be sent later. */
  history: History | undefined;
  log: Logger;
  /** For tests. */
  timing?: {
    firstRetryMs?: number;
    keepaliveSeconds?: number;
    settleMs?: number;
    rebirthMs?: number;
    nodeMetricsMs?: number;
    stuckMs?: number;
  };
}

export interface SparkplugState {
  /** Births are out and data follows. */
  online: boolean;
  since: number;
  /** Why it is not online; empty while it is. */
  reason: string;
  /** Messages sent since the start. */
  messages: number;
  /** Times that the births went out. */
  births: number;
}

const NODE_METRICS_MS = 1_000;
/** Births that are asked for more often are given once in this time. */
const REBIRTH_MS = 1_000;
/** A broker that takes nothing for so long is given up. */
const STUCK_MS = 10_000;
const AGE_MS = 60_000;

export class SparkplugNode {
  readonly #options: SparkplugNodeOptions;
  readonly #session: Session;
  readonly #gate: HostGate;
  readonly #live = new LiveData();
  readonly #catalog: Catalog;
  readonly #flush: HistoryFlush | undefined;
  readonly #proof: Proof | undefined;
  /** Devices whose last word was a birth; and those that are down and were born for their history only. */
  readonly #born = new Set<string>();
  readonly #ghosts = new Set<string>();
  #timers: NodeJS.Timeout[] = [];
  #aging: NodeJS.Timeout | undefined;
  #ready = false;
  #bdSeq = 0;
  #seq = 0;
  #devicesChanged = false;
  #rebirth = false;
  #bornAt = 0;
  #stuckAt = 0;
  /** Newest record of which all samples have been sent live. */
  #published: Place | undefined;
  /** Why it has been offline since it was online last. */
  readonly #told = new Set<string>();
  #state: SparkplugState;

  constructor(options: SparkplugNodeOptions) {
    const { config, node, endpoint, dataDir, history, log, now, timing } = options;
    this.#options = options;
    this.#state = { online: false, since: now(), reason: 'not started', messages: 0, births: 0 };
    this.#gate = new HostGate(config.primaryHost);
    this.#catalog = new Catalog({ ...options, live: this.#live });
    const { group, primaryHost } = config;
    this.#session = new Session({
      endpoint,
      clientId: config.clientId ?? `sparkplug-${node}`,
      bdSeq: new BdSeqFile(join(dataDir, 'sparkplug-bdseq'), log),
      death: (bdSeq) => ({
        topic: nodeTopic(group, 'NDEATH', node),
        payload: writePayload({ timestamp: now(), metrics: [bdSeqMetric(bdSeq, now())] }),
      }),
      topics: [
        nodeTopic(group, 'NCMD', node),
        deviceTopic(group, 'DCMD', node, '+'),
        ...(primaryHost === undefined ? [] : [stateTopic(primaryHost)]),
      ],
      onReady: (bdSeq) => this.#onReady(bdSeq),
      onMessage: (topic, payload, retained) => this.#onMessage(topic, payload, retained),
      onLost: (reason) => this.#onLost(reason),
      mark: () => this.#mark(),
      onProven: (place) => this.#proof?.add(place),
      log,
      ...timing,
    });
    if (!history) return;
    // That the host is away is heard late: so long, what the broker has may have reached nobody.
    this.#proof = new Proof(history, primaryHost === undefined ? 0 : config.history.overlapMs);
    this.#flush = new HistoryFlush({
      history,
      samplesPerSecond: config.history.samplesPerSecond,
      maxAgeMs: config.history.maxAgeHours * 3_600_000,
      tag: (id) => this.#catalog.tag(id),
      send: (device, metrics) => this.#sendHistory(device, metrics),
      congested: () => this.#session.congested,
      onCaughtUp: () => this.#buryGhosts(),
      log,
      now,
      settleMs: timing?.settleMs,
    });
  }

  start(): void {
    this.#session.start();
    this.#aging = setInterval(() => {
      if (!this.#state.online) void this.#flush?.age();
    }, AGE_MS);
  }

  /** Says the last word and the node's death, where it can. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#aging);
    if (this.#state.online) this.#sendData();
    await this.#session.stop();
  }

  state(): SparkplugState {
    return this.#state;
  }

  /** A frame that has gone through scale and deadband. Never throws. */
  observe(frame: Frame): void {
    if (!this.#state.online) return;
    if (frame.historical) this.#live.observePast(frame);
    else this.#live.observe(frame, this.#options.now());
  }

  /** A device has gone up or down. */
  devicesChanged(): void {
    this.#devicesChanged = true;
  }

  /** There are other tags or devices than before. */
  described(): void {
    this.#rebirth = true;
  }

  #onReady(bdSeq: number): void {
    this.#bdSeq = bdSeq;
    this.#ready = true;
    if (this.#gate.open) {
      this.#goOnline();
      return;
    }
    const { log, config } = this.#options;
    log.info({ host: config.primaryHost }, 'connected for Sparkplug; waiting for the primary host');
    this.#say(`waiting for the primary host "${config.primaryHost}"`);
  }

  #goOnline(): void {
    const { config, log, now } = this.#options;
    const startedAt = performance.now();
    this.#state = { ...this.#state, online: true, since: now(), reason: '' };
    this.#published = undefined;
    this.#proof?.reset();
    const metrics = this.#giveBirths();
    const ms = Math.round(performance.now() - startedAt);
    log.info({ url: this.#options.endpoint.url, bdSeq: this.#bdSeq, metrics, ms }, 'Sparkplug node online');
    this.#session.settled();
    this.#told.clear();
    this.#flush?.start();
    this.#timers = [
      setInterval(() => this.#tick(), config.publishIntervalMs),
      setInterval(
        () => this.observe(this.#catalog.nodeFrame()),
        this.#options.timing?.nodeMetricsMs ?? NODE_METRICS_MS,
      ),
    ];
  }

  #onLost(reason: string): void {
    const { log, endpoint } = this.#options;
    // Each reason once, not at each attempt.
    if (!this.#told.has(reason)) log.warn({ url: endpoint.url, reason }, 'Sparkplug node offline');
    this.#told.add(reason);
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#flush?.stop();
    this.#live.clear();
    this.#born.clear();
    this.#ghosts.clear();
    this.#gate.reset();
    this.#ready = false;
    this.#stuckAt = 0;
    this.#say(reason);
  }

  #say(reason: string): void {
    const since = this.#state.online ? this.#options.now() : this.#state.since;
    this.#state = { ...this.#state, online: false, since, reason };
  }

  #onMessage(topic: string, payload: Buffer, retained: boolean): void {
    const { config, node, log } = this.#options;
    if (config.primaryHost !== undefined && topic === stateTopic(config.primaryHost)) {
      this.#onHostState(payload);
      return;
    }
    const parsed = parseSparkplugTopic(topic);
    if (parsed?.group !== config.group || parsed.node !== node) return;
    if (retained) log.warn({ topic }, 'a retained command is an old one: not carried out');
    else if (parsed.type === 'NCMD') this.#onNodeCommand(payload);
    else if (parsed.type === 'DCMD') this.#onDeviceCommand(parsed.device, payload);
  }

  #onHostState(payload: Buffer): void {
    const { log, config } = this.#options;
    const state = this.#gate.take(payload);
    if (typeof state === 'string') {
      log.warn({ host: config.primaryHost, reason: state }, 'STATE of the primary host passed over');
    } else if (state.online && this.#ready && !this.#state.online) this.#goOnline();
    else if (!state.online && this.#state.online) {
      void this.#session.restart(`the primary host "${config.primaryHost}" is offline`);
    }
  }

  #onNodeCommand(payload: Buffer): void {
    const { wanted, refused } = readNodeCommand(payload);
    for (const reason of refused) this.#options.log.warn({ reason }, 'Sparkplug node command not carried out');
    if (wanted.length === 0 || !this.#state.online) return;
    this.#rebirth = true;
    this.#rebirthIfDue();
  }

  #onDeviceCommand(device: string, payload: Buffer): void {
    const { config, log, write, lastValue, now } = this.#options;
    const { wanted, refused } = readDeviceCommand(
      payload,
      (metric) => this.#catalog.find(device, metric),
      config.primaryHost ?? 'a Sparkplug host',
    );
    for (const reason of refused) log.warn({ device, reason }, 'Sparkplug device command not carried out');
    for (const request of wanted) {
      void write(request).then(({ ok }) => {
        // A host shows what it has asked for until it hears otherwise.
        const tag = ok ? undefined : this.#catalog.find(device, { name: request.tag });
        const last = tag && lastValue(device, tag.id);
        if (last && this.#born.has(device)) this.#live.repeat(tag.id, last, now());
      });
    }
  }

  #rebirthIfDue(): void {
    const pause = this.#options.timing?.rebirthMs ?? REBIRTH_MS;
    if (!this.#rebirth || performance.now() - this.#bornAt < pause) return;
    const startedAt = performance.now();
    const metrics = this.#giveBirths();
    const ms = Math.round(performance.now() - startedAt);
    this.#options.log.info({ metrics, ms }, 'Sparkplug births sent again');
  }

  /** The births of the node and of every device that is up. Returns how many metrics they have. */
  #giveBirths(): number {
    const { config, node, devices } = this.#options;
    const up = new Set(devices().flatMap(({ device, state }) => (state === 'up' ? [device] : [])));
    // Hosts do not take it from the node's birth that a device is down or is no more.
    for (const device of [...this.#born]) if (!up.has(device)) this.#death(device);
    this.#rebirth = false;
    this.#devicesChanged = false;
    this.#live.clear();
    this.#born.clear();
    this.#ghosts.clear();
    this.#seq = 0;
    this.#catalog.renew(devices().map(({ device }) => device));
    const metrics = this.#catalog.nodeBirth(this.#bdSeq);
    this.#publish(nodeTopic(config.group, 'NBIRTH', node), metrics);
    let count = metrics.length;
    for (const device of up) count += this.#bear(device, false);
    this.#bornAt = performance.now();
    this.#state.births++;
    return count;
  }

  /** @param ghost the device is down: it is born for its history, and its values are not the present ones */
  #bear(device: string, ghost: boolean): number {
    const { config, node } = this.#options;
    this.#live.drop(device);
    const metrics = this.#catalog.deviceBirth(device, !ghost);
    this.#publish(deviceTopic(config.group, 'DBIRTH', node, device), metrics);
    this.#born.add(device);
    if (ghost) this.#ghosts.add(device);
    else this.#ghosts.delete(device);
    return metrics.length;
  }

  #death(device: string): void {
    const { config, node } = this.#options;
    this.#live.drop(device);
    this.#born.delete(device);
    this.#ghosts.delete(device);
    this.#publish(deviceTopic(config.group, 'DDEATH', node, device), []);
  }

  #tick(): void {
    if (this.#session.congested || this.#live.full) {
      this.#stuckAt ||= performance.now();
      const stuck = performance.now() - this.#stuckAt > (this.#options.timing?.stuckMs ?? STUCK_MS);
      if (stuck || this.#live.full) this.#session.drop('the broker takes no more data');
      return;
    }
    this.#stuckAt = 0;
    this.#rebirthIfDue();
    if (this.#devicesChanged) this.#followDevices();
    this.#sendData();
  }

  #followDevices(): void {
    this.#devicesChanged = false;
    for (const { device, state } of this.#options.devices()) {
      const born = this.#born.has(device) && !this.#ghosts.has(device);
      if (state === 'up' && !born && this.#catalog.has(device)) this.#bear(device, false);
      else if (state !== 'up' && born) this.#death(device);
    }
  }

  #sendData(): void {
    const { config, node, history } = this.#options;
    const own = this.#live.take('');
    if (own.length > 0) this.#publish(nodeTopic(config.group, 'NDATA', node), own);
    for (const device of this.#born) {
      const metrics = this.#live.take(device);
      if (metrics.length > 0) this.#publish(deviceTopic(config.group, 'DDATA', node, device), metrics);
    }
    // Whatever is in a record was observed before the record was made.
    if (history) this.#published = { epoch: history.epoch, seq: history.newestSeq };
  }

  #sendHistory(device: string, metrics: Metric[]): void {
    const { config, node } = this.#options;
    if (!this.#catalog.has(device)) return;
    if (!this.#born.has(device)) {
      // That it did not answer then either is no news.
      if (metrics.every(({ isNull }) => isNull)) return;
      this.#bear(device, true);
    }
    this.#publish(deviceTopic(config.group, 'DDATA', node, device), metrics);
  }

  #buryGhosts(): void {
    for (const device of [...this.#ghosts]) this.#death(device);
  }

  #mark(): Place | undefined {
    if (!this.#state.online || !this.#flush) return undefined;
    return this.#flush.caughtUp ? this.#published : this.#flush.position;
  }

  #publish(topic: string, metrics: Metric[]): void {
    const payload = writePayload({ timestamp: this.#options.now(), metrics, seq: this.#seq });
    this.#seq = (this.#seq + 1) % 256;
    this.#state.messages++;
    this.#session.publish(topic, payload);
  }
}

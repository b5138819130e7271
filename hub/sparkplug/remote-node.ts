/**
 * One edge node of others, by what it says (Sparkplug B 3.0, chapter 5): born with all its metrics, then changes by
 * alias, numbered without a gap, until it dies. What it says is held against its last births; where these do not fit
 * any more, they are asked for again.
 */
import type { DeviceStatus, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BD_SEQ, type Payload } from '@lineside/shared/wire/sparkplug/payload.ts';
import { readPayload } from '@lineside/shared/wire/sparkplug/payload-reader.ts';
import type { SparkplugTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import { ForeignSource, type ForeignSourceOptions } from '../foreign/foreign-source.ts';
import { type LastSample, MetricTable } from './metric-table.ts';
import { Rebirth } from './rebirth.ts';
import { Sequence } from './sequence.ts';

export interface RemoteNodeOptions extends Pick<ForeignSourceOptions, 'take' | 'now'> {
  group: string;
  node: string;
  reorderMs: number;
  /** For tests: the bound of the first wait for births. */
  rebirthMs?: number | undefined;
  /** Sends the node a command to be born again. */
  askForBirths(): void;
  /** What is known of a tag from before this run of the hub. */
  before(device: string, tag: string): LastSample | undefined;
  /** It is there or gone, or one of its devices is. */
  onChange(): void;
  /** Keeps a message that means nothing, so that somebody can look at it. */
  quarantine(name: string, reason: string, message: Buffer): Promise<void>;
  log: Logger;
}

interface Message {
  topic: SparkplugTopic;
  bytes: Buffer;
  payload: Payload;
}

interface Device {
  table: MetricTable;
  /** Whether its birth has come since that of the node. */
  born: boolean;
  up: boolean;
  since: number;
  /** Why it is not up. */
  reason: string;
  lastGoodAt: number | null;
  messages: number;
  refused: number;
}

/** The node's own metrics stand under this name. */
const NODE_DEVICE = 'node';
const MAX_DEVICES = 1_000;
/** Metrics of a node, all its devices together. */
const MAX_METRICS = 50_000;
/** Of messages that wait for one that is missing. Bytes. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** A device whose birth has not followed the node's for so long is down. Milliseconds. */
const BIRTHS_MS = 10_000;

/** How the source of a node is called, where otherwise a gateway stands. */
export function sourceName(group: string, node: string): string {
  return `sparkplug:${group}/${node}`;
}

export class RemoteNode {
  readonly source: ForeignSource;
  readonly #options: RemoteNodeOptions;
  readonly #devices = new Map<string, Device>();
  readonly #sequence = new Sequence<Message>();
  readonly #rebirth: Rebirth;
  readonly #startedAt: number;
  #reorder: NodeJS.Timeout | undefined;
  #waitingBytes = 0;
  #alive = false;
  #bdSeq: number | undefined;
  #bornAt = 0;

  constructor(options: RemoteNodeOptions) {
    const { group, node, take, log, now, askForBirths, rebirthMs } = options;
    this.#options = options;
    this.source = new ForeignSource({ name: sourceName(group, node), take, log, now });
    this.#startedAt = now();
    this.#rebirth = new Rebirth((why, again) => {
      // One that is not there is asked for ever.
      log[again ? 'debug' : 'info']({ node: this.source.name, why }, 'asking a Sparkplug node for its births');
      askForBirths();
    }, rebirthMs);
  }

  start(): void {
    this.source.start();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#reorder);
    this.#rebirth.done();
    await this.source.stop();
  }

  /** The broker delivers what the node says, from now on. @param afterMs time for it to be born by itself */
  connected(afterMs: number): void {
    if (!this.#alive) this.#rebirth.ask('the hub has just connected', afterMs);
  }

  /** Nothing of it can be heard any more. */
  lost(reason: string): void {
    this.#rebirth.done();
    if (this.#alive) this.#die(`the hub does not hear it: ${reason}`);
  }

  /** Takes a message. Never throws: what means nothing is kept aside and counted. */
  take(topic: SparkplugTopic, bytes: Buffer): void {
    try {
      this.#take({ topic, bytes, payload: readPayload(bytes) });
    } catch (error) {
      this.#refuse(topic, bytes, messageOf(error));
    }
  }

  /** Devices whose births have not come are down from now on. */
  look(): void {
    if (!this.#alive || this.#options.now() - this.#bornAt < BIRTHS_MS) return;
    for (const [name, device] of this.#devices) {
      if (device.up && !device.born) this.#bury(name, device, 'the node was born again, and this device with it not');
    }
  }

  /** As a gateway would report itself. @param fault why nothing can come; empty while it can */
  status(fault: string): GatewayStatus {
    const { group, node, now } = this.#options;
    const shown = [...this.#devices].filter(([name, device]) => !isHidden(name, device));
    const devices = shown.map(([name, device]): DeviceStatus => {
      const { up, since, reason, lastGoodAt, messages, refused, table } = device;
      return {
        ...{ device: name, driver: 'sparkplug', endpoint: `spBv1.0/${group}/+/${node}`, since, lastGoodAt },
        ...{ state: up ? 'up' : 'down', reason: up ? table.passedOver : fault || reason },
        ...{ requests: messages, errors: refused, missed: 0 },
      };
    });
    return {
      ...{ gateway: this.source.name, online: fault === '' && this.#alive, at: now(), version: '' },
      ...{ startedAt: this.#startedAt, devices },
      buffer: { epoch: '', pendingRecords: 0, pendingSamples: 0, bytes: 0 },
    };
  }

  #take(message: Message): void {
    const { topic, payload } = message;
    if (topic.type === 'NBIRTH') this.#nodeBirth(message);
    else if (topic.type === 'NDEATH') this.#nodeDeath(payload);
    else if (!this.#alive) this.#rebirth.ask(`${topic.type} came before a birth`);
    else if (payload.seq === undefined) throw new Error('it has no seq');
    else {
      const ready = this.#sequence.take(payload.seq, message);
      if (this.#sequence.waiting === 0) this.#waitingBytes = 0;
      else this.#waitingBytes += message.bytes.length;
      for (const one of ready) this.#apply(one);
      this.#watch(ready.length > 0);
    }
  }

  #nodeBirth({ topic, bytes, payload }: Message): void {
    const { log } = this.#options;
    const { seq } = payload;
    if (seq === undefined) throw new Error('a birth without seq');
    this.#bdSeq = bdSeqOf(payload);
    this.#sequence.begin(seq);
    this.#watch(true);
    this.#rebirth.done();
    if (!this.#alive) log.info({ node: this.source.name, bdSeq: this.#bdSeq }, 'a Sparkplug node is born');
    this.#alive = true;
    this.#options.onChange();
    this.#bornAt = this.#options.now();
    for (const device of this.#devices.values()) device.born = false;
    this.#birth(NODE_DEVICE, { topic, bytes, payload });
  }

  /** A death that its broker says late, of a connection before, is none. */
  #nodeDeath(payload: Payload): void {
    const bdSeq = bdSeqOf(payload);
    if (this.#alive && bdSeq !== undefined && this.#bdSeq !== undefined && bdSeq !== this.#bdSeq) return;
    // Nobody is there to be asked; it comes back by itself.
    this.#giveUpWaiting();
    this.#rebirth.done();
    if (this.#alive) this.#die('the node is gone: it has disconnected, or its broker has lost it');
  }

  #apply(message: Message): void {
    const { topic, bytes, payload } = message;
    const { type } = topic;
    const name = topic.device === undefined ? NODE_DEVICE : deviceName(topic.device);
    try {
      if (type === 'DBIRTH') this.#birth(name, message);
      else if (type === 'DDEATH') {
        const device = this.#devices.get(name);
        if (device?.up) this.#bury(name, device, 'the node says that it does not answer');
      } else this.#data(name, payload, type);
    } catch (error) {
      this.#refuse(topic, bytes, messageOf(error));
    }
  }

  #birth(name: string, { payload }: Message): void {
    const { now, before } = this.#options;
    const device = this.#devices.get(name) ?? newDevice(new MetricTable((tag) => before(name, tag)), now());
    let others = 0;
    for (const [other, { table }] of this.#devices) if (other !== name) others += table.size;
    if (others + payload.metrics.length > MAX_METRICS) {
      throw new Error(`the node has ${others + payload.metrics.length} metrics; ${MAX_METRICS} is the limit`);
    }
    if (!this.#devices.has(name) && this.#devices.size >= MAX_DEVICES) {
      throw new Error(`the node has ${MAX_DEVICES} devices already`);
    }
    const samples = device.table.birth(payload, now());
    this.#devices.set(name, device);
    device.born = true;
    this.#heard(device);
    if (!device.up) {
      Object.assign(device, { up: true, since: now(), reason: '' });
      this.#options.onChange();
    }
    this.source.add(name, samples);
    if (!isHidden(name, device)) this.source.setLink(name, true);
  }

  #data(name: string, payload: Payload, type: string): void {
    const device = this.#devices.get(name);
    if (!device?.born) {
      this.#rebirth.ask(`${type} of ${name} came before its birth`);
      return;
    }
    if (!device.up) {
      this.#rebirth.ask(`${type} of ${name} came after its death`);
      return;
    }
    const { live, historical, unknown } = device.table.data(payload, this.#options.now());
    this.#heard(device);
    this.source.add(name, historical, true);
    this.source.add(name, live);
    if (unknown.length === 0) return;
    device.refused++;
    this.#rebirth.ask(`${type} of ${name} has ${unknown.slice(0, 3).join(', ')}, which no birth has named`);
  }

  #heard(device: Device): void {
    device.messages++;
    device.lastGoodAt = this.#options.now();
  }

  #die(reason: string): void {
    this.#options.log.warn({ node: this.source.name, reason }, 'a Sparkplug node is gone');
    this.#alive = false;
    this.#options.onChange();
    this.#sequence.begin(0);
    this.#watch(true);
    for (const [name, device] of this.#devices) this.#bury(name, device, reason);
  }

  #bury(name: string, device: Device, reason: string): void {
    const now = this.#options.now();
    if (device.up) Object.assign(device, { up: false, since: now });
    Object.assign(device, { born: this.#alive && device.born, reason });
    this.#options.onChange();
    this.source.add(name, device.table.stale(now));
    if (!isHidden(name, device)) this.source.setLink(name, false);
  }

  #askForMissing(): void {
    const missing = this.#giveUpWaiting();
    if (missing > 0) this.#rebirth.ask(`${missing} ${missing === 1 ? 'message is' : 'messages are'} missing`);
  }

  /** Waits for what is missing, so long and no longer. @param anew whether something has come in order */
  #watch(anew: boolean): void {
    if (anew || this.#sequence.waiting === 0) {
      clearTimeout(this.#reorder);
      this.#reorder = undefined;
    }
    if (this.#sequence.waiting === 0) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#askForMissing();
    else this.#reorder ??= setTimeout(() => this.#askForMissing(), this.#options.reorderMs);
  }

  /** @returns how many messages are missing */
  #giveUpWaiting(): number {
    clearTimeout(this.#reorder);
    this.#reorder = undefined;
    this.#waitingBytes = 0;
    const { messages, missing } = this.#sequence.giveUp();
    for (const message of messages) this.#apply(message);
    return missing;
  }

  #refuse({ type, device }: SparkplugTopic, bytes: Buffer, reason: string): void {
    const known = this.#devices.get(device === undefined ? NODE_DEVICE : deviceName(device));
    if (known) known.refused++;
    void this.#options.quarantine(this.source.name, `${type}${device ? ` of ${device}` : ''}: ${reason}`, bytes);
  }
}

/** A device that is called as the node's own metrics are is another one. */
function deviceName(device: string): string {
  return device === NODE_DEVICE ? `${NODE_DEVICE} (device)` : device;
}

/** A node need not have metrics of its own; then it is no device. */
function isHidden(name: string, { table }: Device): boolean {
  return name === NODE_DEVICE && table.tags === 0;
}

function newDevice(table: MetricTable, since: number): Device {
  return { table, born: false, up: false, since, reason: '', lastGoodAt: null, messages: 0, refused: 0 };
}

function bdSeqOf({ metrics }: Payload): number | undefined {
  const value = metrics.find(({ name }) => name === BD_SEQ)?.value?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}

/** One OPC UA server: its values as frames, its state as sentences, and its recovery. */
import type { AcknowledgeResult, ConditionNews } from '@lineside/shared/contracts/condition.ts';
import type { NodeLevel } from '@lineside/shared/contracts/device-look.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { DeviceState, DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { overflowed, Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';
import type { DataValue } from 'node-opcua-client';
import type { Driver, DriverContext, DriverTag, WriteResult } from '../driver.ts';
import { HealthMeter } from '../health-meter.ts';
import { parseAddress } from './address.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';
import { createHistory } from './create-history.ts';
import { EventRecorder } from './event-recorder.ts';
import type { History } from './history.ts';
import type { Link, LinkEvents, LinkItem } from './link.ts';
import { unreachable } from './reason.ts';
import type { SecurityContext } from './security-connect.ts';
import { shortfall } from './shortfall.ts';
import { type Refusal, TagSamples } from './tag-samples.ts';

/** The client is loaded when the first OPC UA device starts. */
type Loaded = typeof import('./link.ts');

/** A server's clock that is further off gets a warning, milliseconds. */
const CLOCK_TOLERANCE_MS = 5000;

/** How long the client may try to repair its session once the server answers again, milliseconds. */
const REPAIR_MS = 15_000;

/** So often a value that the server has, and has not sent after a cut, is left to its queue. */
const READ_BACKS = 4;

/** So many refused tags get a line of their own in the log at a connect; all stand in the line that counts them. */
const REFUSALS_TOLD = 20;

/** What to do about a refused deadband. */
const FILTER_HINTS: Record<string, string> = {
  BadMonitoredItemFilterUnsupported: 'a deadband in percent needs a node with EURange: write it as absolute',
  BadFilterNotAllowed: 'the node is no number: remove serverDeadband',
};

export class OpcUaDriver implements Driver {
  readonly #device: string;
  readonly #settings: OpcUaDevice;
  readonly #context: DriverContext;
  readonly #items: LinkItem[];
  readonly #samples: TagSamples;
  readonly #backoff: Backoff;
  readonly #recorder: EventRecorder | null;
  readonly #makeHistory: () => History | null;
  #history: History | null = null;
  #loaded: Loaded | null = null;
  #link: Link | null = null;
  #started = false;
  #stopped = false;
  /** Goodbyes under way. */
  #closing = new Set<Promise<void>>();
  #retryTimer: NodeJS.Timeout | null = null;
  #watchTimer: NodeJS.Timeout | null = null;
  #refusedTimer: NodeJS.Timeout | null = null;
  #readBackTimer: NodeJS.Timeout | null = null;
  /** Since the connection came back. */
  #readBacks = 0;
  /** Monotonic time of the last notification or keep-alive. */
  #flowAt = 0;
  /** Monotonic time since when the link repairs its connection; null when it does not. */
  #interruptedAt: number | null = null;
  #state: DeviceState = 'connecting';
  #since: number;
  #why = 'connecting for the first time';
  /** Wall clock; 0 when the next attempt has no time. */
  #nextTryAt = 0;
  #clockChecked = false;
  #pastRequests = 0;
  #pastMissed = 0;
  /** Refusals of this pass over the items, and what was told of the last one. */
  #refusals: Refusal[] = [];
  #toldShortfall = '';
  readonly #health = new HealthMeter();
  readonly #doubts = new Set<string>();
  /** Id of a tag → its position. */
  readonly #positions: Map<number, number>;
  readonly #types: OpcUaTag['type'][];

  constructor(device: OpcUaDevice & { id: string }, tags: DriverTag<OpcUaTag>[], context: DriverContext) {
    this.#device = device.id;
    this.#settings = device;
    this.#context = context;
    this.#since = context.now();
    this.#backoff = new Backoff(device.retryMinMs, device.retryMaxMs);
    this.#items = tags.map((tag) => {
      const { settings } = tag;
      const address = parseAddress(settings, device.namespaces);
      if (typeof address === 'string') throw new TypeError(address);
      return {
        address,
        samplingMs: settings.samplingMs ?? device.samplingMs,
        queueSize: settings.queueSize ?? device.queueSize,
        discardOldest: settings.discardOldest ?? device.discardOldest,
        deadband: settings.serverDeadband ?? null,
      };
    });
    this.#positions = new Map(tags.map(({ id }, index) => [id, index]));
    this.#types = tags.map(({ settings }) => settings.type);
    this.#samples = new TagSamples(device.id, tags, context, device.timestamps);
    this.#recorder = context.recorder
      ? new EventRecorder(context.recorder, (index) => this.#samples.naming(index))
      : null;
    this.#makeHistory = () => createHistory(device, tags, context, this.#samples, this.#recorder);
  }

  start(): void {
    if (this.#started || this.#stopped) return;
    this.#started = true;
    this.#history = this.#makeHistory();
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clearTimers();
    this.#samples.stop();
    this.#drop();
    await Promise.all(this.#closing);
  }

  status(): DeviceStatus {
    return {
      device: this.#device,
      driver: 'opcua',
      endpoint: this.#settings.endpoint,
      state: this.#state,
      since: this.#since,
      reason: this.#reason(),
      lastGoodAt: this.#samples.lastGoodAt,
      requests: this.#pastRequests + (this.#link?.transactions ?? 0),
      errors: this.#health.errors,
      missed: this.#samples.missed + this.#pastMissed + (this.#link?.missedPolls ?? 0),
      health: this.#health.read(),
    };
  }

  async write(tag: number, value: Value): Promise<WriteResult> {
    const refused = (why: string) => ({ ok: false, old: null, new: null, error: `nothing was written: ${why}` });
    const index = this.#positions.get(tag);
    if (index === undefined) return refused('the device has no such tag');
    if (this.#state !== 'up' || !this.#link) return refused(this.#stopped ? 'the device is stopped' : this.#reason());
    return this.#link.writer.write(index, this.#types[index]!, value);
  }

  async acknowledge(key: string, comment: string): Promise<AcknowledgeResult> {
    const conditions = this.#state === 'up' && this.#link?.conditions;
    if (conditions) return conditions.acknowledge(key, comment);
    const why = this.#stopped ? 'the device is stopped' : this.#reason();
    return { ok: false, error: `device "${this.#device}" does not answer: ${why}`, again: true };
  }

  async nodesBelow(node: string | null): Promise<NodeLevel> {
    const refuse = (why: string, cause?: unknown) =>
      new LinesideError('DEVICE_LOOK', 'outside', `device "${this.#device}": ${why}`, { cause });
    if (this.#state !== 'up' || !this.#link) throw refuse(this.#stopped ? 'the device is stopped' : this.#reason());
    try {
      return await this.#link.nodesBelow(node, () => this.#context.now());
    } catch (error) {
      throw refuse(messageOf(error), error);
    }
  }

  #reason(): string {
    if (this.#state === 'up') return this.#link ? shortfall(this.#link.account) : '';
    if (this.#nextTryAt === 0) return this.#why;
    const seconds = Math.ceil((this.#nextTryAt - this.#context.now()) / 1000);
    return `${this.#why}; ${seconds > 0 ? `retrying in ${seconds} s` : 'retrying now'}`;
  }

  // Connecting.

  async #connect(): Promise<void> {
    this.#retryTimer = null;
    let link: Link | null = null;
    try {
      const loaded = this.#loaded ?? (await import('./link.ts'));
      if (this.#stopped) return;
      if (!this.#loaded) loaded.quietClient((line) => this.#context.log.debug({ device: this.#device }, line));
      this.#loaded = loaded;
      this.#expectPresent();
      this.#clockChecked = false;
      const events = this.#events();
      link = new loaded.Link(this.#settings, this.#items, this.#security(), events);
      events.link = link;
      this.#link = link;
      this.#interruptedAt = null;
      this.#flowAt = performance.now();
      await link.open();
      if (this.#link !== link) return;
      this.#reconcile(link);
      this.#flowAt = performance.now();
      this.#up();
      this.#watch(link);
    } catch (error) {
      if (!this.#stopped && this.#link === link) this.#fail(unreachable(this.#settings.endpoint, error));
    }
  }

  #security(): SecurityContext {
    const { dataDir, log } = this.#context;
    return {
      dataDir,
      now: () => this.#context.now(),
      resolvePath: (path) => this.#context.resolvePath(path),
      warn: (words) => log.warn({ device: this.#device }, words),
    };
  }

  /** What a link tells counts only while it is the present one. */
  #events(): LinkEvents & { link: Link | null } {
    const own = { link: null as Link | null };
    const ifPresent = <Args extends unknown[]>(then: (...args: Args) => void) => {
      return (...args: Args) => {
        if (own.link !== null && own.link === this.#link && !this.#stopped) then(...args);
      };
    };
    return Object.assign(own, {
      changed: ifPresent((index: number, data: DataValue) => this.#take(index, data)),
      refused: ifPresent((index: number, quality: number, status: string, why: string) => {
        this.#health.error('refused');
        this.#recorder?.refused(index, quality, status);
        const refusal = this.#samples.refuse(index, quality, status);
        if (refusal === null) return;
        this.#refusals.push(refusal);
        if (this.#refusals.length > REFUSALS_TOLD) return;
        const { tag, node } = refusal;
        const again = `it is asked for again every ${this.#settings.refusedRetryMs / 1000} s`;
        this.#context.log.warn(
          { device: this.#device, tag, node },
          `device "${this.#device}", tag "${tag}" (${node}): ${why}; correct its address or the server, ${again}`,
        );
      }),
      unfiltered: ifPresent((index: number, why: string) => {
        const { tag, node } = this.#samples.naming(index);
        this.#context.log.warn(
          { device: this.#device, tag, node },
          `device "${this.#device}", tag "${tag}" (${node}): the server does not filter it (${why}), so every change comes; ${FILTER_HINTS[why] ?? 'remove serverDeadband'}`,
        );
      }),
      lost: ifPresent((messages: number) => this.#lost(messages)),
      flow: ifPresent((sentAt?: number) => {
        this.#flowAt = performance.now();
        // Some servers leave the time unset, which is the year 1601.
        if (sentAt !== undefined && sentAt > 0 && !this.#clockChecked) this.#checkClock(sentAt);
        if (this.#readBackTimer && this.#readBacks === 0) this.#readBackSoon(0);
      }),
      polled: ifPresent((tookMs: number, lateMs: number) => {
        this.#health.began(lateMs);
        this.#health.ended(tookMs);
      }),
      conditions: {
        told: ifPresent((news: Omit<ConditionNews, 'device'>) => {
          this.#recorder?.conditions(news);
          this.#context.onConditions?.({ device: this.#device, ...news });
        }),
        doubt: ifPresent((words: string) => this.#doubt(words)),
      },
      interrupted: ifPresent(() => this.#interrupted()),
      repairFailed: ifPresent((error: unknown) => {
        this.#health.error('reconnect');
        this.#why = `${unreachable(this.#settings.endpoint, error)} trying again`;
      }),
      restored: ifPresent(() => this.#restored()),
      ended: ifPresent((why: string) => this.#fail(`lost ${this.#settings.endpoint}: ${why}`)),
    });
  }

  /** Said once: it is the same after each connect. */
  #doubt(words: string): void {
    if (this.#doubts.has(words)) return;
    this.#doubts.add(words);
    this.#context.log.warn({ device: this.#device }, `device "${this.#device}": ${words}`);
  }

  #fail(why: string): void {
    this.#clearTimers();
    this.#link?.writer.abandon(why);
    this.#drop();
    const pause = this.#backoff.next();
    this.#nextTryAt = this.#context.now() + pause;
    this.#down(why);
    this.#retryTimer = setTimeout(() => void this.#connect(), pause);
  }

  /** Lets the present link go; its goodbye goes on behind. */
  #drop(): void {
    this.#history?.pause();
    const link = this.#link;
    this.#link = null;
    if (!link) return;
    this.#pastRequests += link.transactions;
    this.#pastMissed += link.missedPolls;
    const goodbye = link.close().finally(() => this.#closing.delete(goodbye));
    this.#closing.add(goodbye);
  }

  /** A socket that is open is not data that flows: silence of the subscription ends the link. */
  #watch(link: Link): void {
    this.#clearTimers();
    this.#watchTimer = setInterval(() => {
      const now = performance.now();
      const { silenceLimitMs, lifetimeMs } = link;
      if (!link.stillTrusted) {
        this.#fail(`left ${this.#settings.endpoint}: its certificate is no longer trusted`);
      } else if (this.#interruptedAt !== null) {
        // Patience with the network is worth it, for the server keeps samples; with a server that is there, it is not.
        const { answeredAt } = link;
        const stuck = answeredAt !== null && now - answeredAt > Math.min(REPAIR_MS, 3 * this.#settings.timeoutMs);
        if (stuck || now - this.#interruptedAt > lifetimeMs) this.#fail(this.#why);
      } else if (now - this.#flowAt > silenceLimitMs) {
        const seconds = Math.round(silenceLimitMs / 1000);
        this.#fail(
          `${this.#settings.endpoint} has sent neither values nor a sign of life for ${seconds} s; is the PLC overloaded?`,
        );
      } else if (link.stalled) {
        this.#fail(
          `${this.#settings.endpoint} says that it is alive, and sends no values any more, not even its clock's; is the PLC overloaded?`,
        );
      }
    }, 1000);
    this.#refusedTimer = setInterval(() => {
      if (this.#interruptedAt === null)
        link.retryRefused().then(
          () => link === this.#link && this.#reconcile(link),
          (error) => this.#fault(link, error),
        );
    }, this.#settings.refusedRetryMs);
  }

  /** Says what the server does not give: how many by status, and each by its node. */
  #reconcile(link: Link): void {
    const told = shortfall(link.account);
    const refused = this.#refusals;
    this.#refusals = [];
    if (told === this.#toldShortfall) return;
    this.#toldShortfall = told;
    if (told === '')
      this.#context.log.info({ device: this.#device }, `device "${this.#device}": all tags are given now`);
    else this.#context.log.warn({ device: this.#device, refused }, `device "${this.#device}": ${told}`);
  }

  #fault(link: Link, error: unknown): void {
    if (link === this.#link && !this.#stopped && this.#interruptedAt === null) {
      this.#fail(`lost ${this.#settings.endpoint}: ${messageOf(error)}`);
    }
  }

  // A cut of the network that the server may not even notice.

  #interrupted(): void {
    this.#interruptedAt = performance.now();
    if (this.#readBackTimer) clearTimeout(this.#readBackTimer);
    this.#readBackTimer = null;
    this.#nextTryAt = 0;
    this.#link?.writer.abandon('the connection was cut');
    this.#down(
      `lost ${this.#settings.endpoint}: the connection was cut; is the cable plugged in and the PLC running? reconnecting`,
    );
  }

  /**
   * The server first sends what it has queued. Tags that did not change meanwhile say nothing, so they are read
   * after that: they are Bad until somebody says otherwise.
   */
  #restored(): void {
    this.#interruptedAt = null;
    this.#flowAt = performance.now();
    this.#readBacks = 0;
    this.#readBackSoon(2 * this.#settings.publishingMs + 200);
  }

  #readBackSoon(inMs: number): void {
    if (this.#readBackTimer) clearTimeout(this.#readBackTimer);
    this.#readBackTimer = setTimeout(() => void this.#readBack(), inMs);
  }

  async #readBack(): Promise<void> {
    this.#readBackTimer = null;
    const link = this.#link;
    if (!link) return;
    try {
      const values = await link.readAll();
      if (link !== this.#link || this.#interruptedAt !== null || this.#stopped) return;
      this.#expectPresent();
      const last = ++this.#readBacks >= READ_BACKS;
      let underWay = 0;
      for (const [index, data] of values) {
        if (!this.#samples.awaited(index)) continue;
        // What is newer than the newest that came is still in the server's queue, and others may be before it.
        if (last || !this.#samples.newer(index, data)) this.#take(index, data);
        else underWay++;
      }
      this.#up();
      if (underWay > 0) this.#readBackSoon(2 * this.#settings.publishingMs + 200);
    } catch (error) {
      this.#fault(link, error);
    }
  }

  #lost(messages: number): void {
    this.#history?.lost();
    this.#pastMissed += messages;
    this.#context.log.warn(
      { device: this.#device, messages },
      `device "${this.#device}": ${messages} messages with values were lost on the way, and the server does not have them any more; is the network overloaded?`,
    );
  }

  // States.

  #expectPresent(): void {
    this.#recorder?.event('present');
    this.#samples.expectPresent();
  }

  #take(index: number, data: DataValue): void {
    this.#recorder?.value(index, data);
    const at = this.#samples.take(index, data);
    if (at !== null) this.#history?.came(index, at, overflowed(data.statusCode.value >>> 0));
  }

  #up(): void {
    this.#recorder?.event('up');
    this.#backoff.reset();
    if (this.#state === 'up') return;
    this.#setState('up');
    if (this.#link) this.#history?.start(this.#link.history());
    this.#context.log.info({ device: this.#device }, `device "${this.#device}" is connected`);
  }

  #down(why: string): void {
    this.#health.error('connection');
    this.#why = why;
    this.#recorder?.event('lost', why);
    this.#history?.pause();
    this.#history?.lost();
    this.#samples.outage(Quality.BadNoCommunication);
    if (this.#state === 'down') return;
    this.#setState('down');
    this.#context.log.warn({ device: this.#device }, `device "${this.#device}" is down: ${this.#reason()}`);
  }

  #setState(state: DeviceState): void {
    this.#state = state;
    this.#since = this.#context.now();
    this.#context.onStatus(this.status());
  }

  #clearTimers(): void {
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    if (this.#readBackTimer) clearTimeout(this.#readBackTimer);
    if (this.#watchTimer) clearInterval(this.#watchTimer);
    if (this.#refusedTimer) clearInterval(this.#refusedTimer);
    this.#retryTimer = null;
    this.#readBackTimer = null;
    this.#watchTimer = null;
    this.#refusedTimer = null;
  }

  /** Source times are kept as they are, so a wrong clock makes wrong times, and hides outages. */
  #checkClock(server: number): void {
    this.#clockChecked = true;
    const now = this.#context.now();
    if (Math.abs(server - now) < CLOCK_TOLERANCE_MS) return;
    const seconds = Math.round(Math.abs(server - now) / 1000);
    this.#context.log.warn(
      { device: this.#device },
      `device "${this.#device}": its clock is ${seconds} s ${server < now ? 'behind' : 'ahead of'} this machine's; set both by NTP, or its values come with wrong times`,
    );
  }
}

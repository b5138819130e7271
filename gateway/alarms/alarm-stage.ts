/**
 * All alarms of the gateway. They work without a hub, survive a restart, and every transition reaches the hub:
 * it is written to the outbox together with the state, and leaves the outbox when the buffer has it on disk.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ALARM_PRIORITIES, type AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { AcknowledgeResult, ConditionNews } from '@lineside/shared/contracts/condition.ts';
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Low } from 'lowdb';
import { type AlarmFile, openAlarmFile } from './alarm-file.ts';
import { AlarmRule, type Occurrence, type RuleTag } from './alarm-rule.ts';
import { limitOf } from './condition.ts';
import type { AlarmConfig } from './config.ts';
import type { DeviceAlarm } from './device-alarm.ts';
import { DeviceAlarms, needsAnswer } from './device-alarms.ts';

/** An alarm as the local page shows it. */
export interface LocalAlarm extends Occurrence {
  rule: string;
  device: string;
  message: string;
  priority: AlarmConfig['priority'];
  limit: number | null;
  unit: string;
  /** It lives in the device, which alone can tell what it is now and acknowledge it. */
  inDevice: boolean;
}

/** How often delays are looked at, milliseconds: the resolution of on- and off-delay. */
const TICK_MS = 200;
const KEEP_RECENT = 50;
/** How soon the buffer is asked again when it could not write, milliseconds. */
const RETRY_MS = 1_000;
/** Most events that are remembered on disk until the buffer has them; the oldest leave first, and that is logged. */
const MAX_OUTBOX = 5_000;

/** A rule of the configuration with the tag that it watches. */
export interface WatchedAlarm {
  config: AlarmConfig;
  tag: RuleTag;
}

export interface AlarmStageOptions {
  dataDir: string;
  alarms: WatchedAlarm[];
  /** Those whose own alarms are asked for. */
  alarmingDevices?: ReadonlySet<string>;
  /** Sends an acknowledgement to a device. Never rejects. */
  acknowledgeInDevice?(device: string, key: string, comment: string): Promise<AcknowledgeResult>;
  log: Logger;
  now(): number;
  /** Puts an event into the buffer, which holds it from then on while this process lives. */
  add(event: AlarmEvent): void;
  /** Resolves when all that was added is on disk; rejects when the disk does not take it now. */
  flush(): Promise<void>;
}

export class AlarmStage {
  readonly #options: AlarmStageOptions;
  #byTag = new Map<number, AlarmRule[]>();
  #devices = new Set<string>();
  #rules: AlarmRule[] = [];
  readonly #inDevices: DeviceAlarms;
  #alarmingDevices: ReadonlySet<string>;
  #file: Low<AlarmFile> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #queued = false;
  /** So many events of the outbox, from its begin, are in the buffer but perhaps not on disk. */
  #added = 0;
  /** What the disk said last, so that an outage is logged once; empty while all is well. */
  #trouble = '';
  #stopped = false;

  constructor(options: AlarmStageOptions) {
    this.#options = options;
    this.#alarmingDevices = options.alarmingDevices ?? new Set();
    this.#inDevices = new DeviceAlarms(randomUUID, (words) => options.log.warn(words));
  }

  /** Reads the alarms of the last run, and sends again what may not have reached the buffer. */
  async start(): Promise<void> {
    const path = join(this.#options.dataDir, 'alarms.json');
    this.#file = await openAlarmFile(path, this.#options.log);
    this.#watch(this.#options.alarms.map((alarm) => this.#ruleOf(alarm)));
    this.#inDevices.restore(this.#file.data.inDevices ?? []);
    this.#save(this.#endOrphans());
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  /**
   * Other rules from now on. One that did not change goes on with its occurrence and its delays; one that changed
   * keeps its occurrence, as after a restart; the occurrence of one that is gone ends by name.
   *
   * @param last the newest sample of a tag that goes on: a device that reports only changes would not repeat it
   * @param alarmingDevices those whose own alarms are asked for; the alarms of others end by name
   */
  replace(
    alarms: WatchedAlarm[],
    last: (tag: RuleTag) => { value: Value; quality: number } | undefined = () => undefined,
    alarmingDevices: ReadonlySet<string> = new Set(),
  ): void {
    const now = this.#options.now();
    const before = new Map(this.#rules.map((rule) => [rule.config.id, rule]));
    const rules = alarms.map((alarm) => {
      const known = before.get(alarm.config.id);
      if (known && isDeepStrictEqual([known.config, known.tag], [alarm.config, alarm.tag])) return known;
      const rule = this.#ruleOf(alarm);
      const sample = last(alarm.tag);
      if (sample) rule.observe(sample.value, sample.quality, now);
      return rule;
    });
    this.#watch(rules);
    this.#alarmingDevices = alarmingDevices;
    this.#save(this.#endOrphans());
  }

  /** Takes what a device says of its own alarms. */
  observeConditions(news: ConditionNews): void {
    if (this.#stopped || !this.#file || !this.#alarmingDevices.has(news.device)) return;
    const events = this.#inDevices.take(news, this.#options.now());
    if (events.length > 0) this.#save(events);
    // What could not be acknowledged before may be now.
    if (news.all) for (const alarm of this.#inDevices.wished(news.device)) void this.#sendAgain(alarm);
  }

  async #sendAgain(alarm: DeviceAlarm): Promise<void> {
    const { by } = alarm.wish!;
    const { ok, error, again } = await this.#send(alarm);
    if (ok || again) return;
    alarm.wish = null;
    this.#options.log.warn({ occurrence: alarm.occurrence.id, by, error }, 'alarm not acknowledged');
  }

  #ruleOf({ config, tag }: WatchedAlarm): AlarmRule {
    return new AlarmRule(config, tag, randomUUID, this.#file!.data.occurrences[config.id]);
  }

  #watch(rules: AlarmRule[]): void {
    this.#rules = rules;
    this.#devices = new Set(rules.map((rule) => rule.tag.device));
    this.#byTag = new Map();
    for (const rule of rules) this.#byTag.set(rule.tag.id, [...(this.#byTag.get(rule.tag.id) ?? []), rule]);
  }

  /** Idempotent. What the buffer has not taken stays in the outbox for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    await this.#saving;
  }

  /** Looks at a frame's samples; cheap when no alarm watches the device. */
  observe(frame: Frame): void {
    if (!this.#devices.has(frame.device)) return;
    const now = this.#options.now();
    const events: AlarmEvent[] = [];
    for (let i = 0; i < frame.tags.length; i++) {
      const rules = this.#byTag.get(frame.tags[i]!);
      if (!rules) continue;
      for (const rule of rules) {
        rule.observe(frame.values[i]!, frame.quality[i]!, now);
        const event = rule.tick(now);
        if (event) events.push(event);
      }
    }
    if (events.length > 0) this.#save(events);
  }

  /** The clock was set by so many milliseconds; no delay is over earlier or later for it. */
  clockStepped(stepMs: number): void {
    for (const rule of this.#rules) rule.clockStepped(stepMs);
  }

  /** Fires the transitions whose delay is over. */
  tick(): void {
    const now = this.#options.now();
    const events = [...this.#rules.flatMap((rule) => rule.tick(now) ?? []), ...this.#inDevices.tick(now)];
    if (events.length > 0) this.#save(events);
  }

  /**
   * Acknowledges an occurrence on behalf of somebody. One that lives in a device is so when the device says so.
   *
   * @param lasting a device that cannot take it now is asked again when it can
   * @throws LinesideError ALARM_UNKNOWN when no such occurrence is waiting for it, ALARM_REFUSED with the words of the
   * device that does not take it, ALARM_LATER when it is to be asked again, GATEWAY_STOPPING
   */
  async acknowledge(
    occurrence: string,
    by: string,
    comment: string,
    at = this.#options.now(),
    lasting = false,
  ): Promise<void> {
    if (this.#stopped) throw new LinesideError('GATEWAY_STOPPING', 'outside', 'the gateway is stopping; try again');
    const inDevice = this.#inDevices.find(occurrence);
    if (inDevice && needsAnswer(inDevice.occurrence)) {
      inDevice.wish = { by, comment };
      const { ok, error, again } = await this.#send(inDevice);
      if (ok) return;
      if (lasting && again) {
        const words = `not acknowledged yet, it is tried again when the device answers: ${error}`;
        throw new LinesideError('ALARM_LATER', 'outside', words);
      }
      inDevice.wish = null;
      throw new LinesideError('ALARM_REFUSED', 'outside', `it was not acknowledged: ${error}`);
    }
    const rule = this.#rules.find((candidate) => candidate.occurrence?.id === occurrence);
    const event = rule?.acknowledge(by, comment, at);
    if (!event) {
      throw new LinesideError('ALARM_UNKNOWN', 'outside', 'this alarm is over or has been acknowledged already');
    }
    this.#save([event]);
    await this.#saving;
  }

  async #send({ occurrence: { device, key }, wish }: DeviceAlarm): Promise<AcknowledgeResult> {
    const { acknowledgeInDevice: send } = this.#options;
    if (!send || !wish) return { ok: false, error: 'there is no way to the device', again: false };
    // The device does not know the person, and its screen shows the comment.
    return send(device, key, wish.comment === '' ? wish.by : `${wish.comment} (${wish.by})`);
  }

  /** All that are not normal, most urgent first, then newest. */
  active(): LocalAlarm[] {
    const ofRules = this.#rules
      .filter((rule) => rule.occurrence !== undefined)
      .map((rule) => ({
        ...rule.occurrence!,
        rule: rule.config.id,
        device: rule.tag.device,
        message: rule.config.message,
        priority: rule.config.priority,
        limit: limitOf(rule.config),
        unit: rule.tag.unit,
        inDevice: false,
      }));
    const inDevices = this.#inDevices
      .all()
      .map(({ key, condition, lastAt, ...shown }) => ({ ...shown, limit: null, unit: '', inDevice: true }));
    return [...ofRules, ...inDevices].sort(
      (a, b) =>
        ALARM_PRIORITIES.indexOf(a.priority) - ALARM_PRIORITIES.indexOf(b.priority) || b.raisedAt - a.raisedAt,
    );
  }

  /** The latest transitions, newest first. */
  recent(): AlarmEvent[] {
    return [...(this.#file?.data.recent ?? [])].reverse();
  }

  /** An alarm whose rule has left the configuration can never return by itself: it ends here, by name. */
  #endOrphans(): AlarmEvent[] {
    const known = new Set(this.#rules.map((rule) => rule.config.id));
    const orphans = Object.entries(this.#file!.data.occurrences).filter(([rule]) => !known.has(rule));
    const ended = this.#inDevices.keepOnly(this.#alarmingDevices, this.#options.now());
    for (const { rule, occurrence } of ended) {
      this.#options.log.warn({ rule, occurrence }, 'alarm ended: nobody asks its device for alarms any more');
    }
    const ofRules = orphans.map(([rule, { id, device }]): AlarmEvent => {
      this.#options.log.warn({ rule, occurrence: id }, 'alarm ended: its rule has left the configuration');
      return {
        occurrence: id,
        rule,
        device,
        tag: 0,
        transition: 'returned',
        state: 'normal',
        at: this.#options.now(),
        priority: 'low',
        message: `${rule} ended: its rule has left the configuration`,
        value: null,
        limit: null,
        unit: '',
        by: '',
        comment: '',
      };
    });
    return [...ofRules, ...ended];
  }

  /** State and outbox in one write; then the outbox into the buffer; then the outbox is empty. */
  #save(events: AlarmEvent[]): void {
    const { data } = this.#file!;
    for (const event of events) {
      this.#options.log.info({ rule: event.rule, transition: event.transition, value: event.value }, event.message);
    }
    data.occurrences = Object.fromEntries(
      this.#rules.flatMap(({ config, tag, occurrence }) =>
        occurrence ? [[config.id, { ...occurrence, device: tag.device }]] : [],
      ),
    );
    data.inDevices = this.#inDevices.all();
    data.outbox.push(...events);
    data.recent = [...data.recent, ...events].slice(-KEEP_RECENT);
    this.#deliverNext();
  }

  /** A storm of alarms waits for the disk together: one write takes all that has come by then. */
  #deliverNext(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#saving = this.#saving.then(() => {
      this.#queued = false;
      return this.#deliver();
    });
  }

  async #deliver(): Promise<void> {
    const { outbox } = this.#file!.data;
    this.#boundOutbox();
    // What comes while the disk writes is not in this file: it leaves with the next one, never before its state.
    const count = outbox.length;
    const written = await this.#write();
    if (!written) this.#again();
    if (count === 0) return;
    for (const event of outbox.slice(this.#added, count)) this.#options.add(event);
    this.#added = count;
    try {
      await this.#options.flush();
    } catch (error) {
      this.#failed(error, 'alarm events wait until the buffer writes again');
      this.#again();
      return;
    }
    outbox.splice(0, count);
    this.#added = 0;
    if (this.#queued) return;
    if (await this.#write()) this.#trouble = '';
    else this.#again();
  }

  #boundOutbox(): void {
    const { outbox } = this.#file!.data;
    const dropped = outbox.length - MAX_OUTBOX;
    if (dropped <= 0) return;
    // The buffer holds them in memory: they are lost only if the process ends before the disk is mended.
    for (const event of outbox.slice(this.#added, dropped)) this.#options.add(event);
    outbox.splice(0, dropped);
    this.#added = Math.max(0, this.#added - dropped);
    this.#options.log.error({ dropped }, 'too many alarm events wait for the disk; the oldest are only in memory');
  }

  /** False when the disk does not take it. */
  async #write(): Promise<boolean> {
    try {
      await this.#file!.write();
      return true;
    } catch (error) {
      this.#failed(error, 'could not write alarms.json; alarms go on in memory');
      return false;
    }
  }

  #failed(error: unknown, consequence: string): void {
    const trouble = messageOf(error);
    if (trouble !== this.#trouble) this.#options.log.error({ error: trouble }, consequence);
    this.#trouble = trouble;
  }

  #again(): void {
    if (this.#stopped) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#deliverNext(), RETRY_MS);
  }
}

/**
 * All alarms of the gateway. They work without a hub, survive a restart, and every transition reaches the hub:
 * it is written to the outbox together with the state, and leaves the outbox when the buffer has it on disk.
 */
import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ALARM_PRIORITIES, type AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { Frame } from '@lineside/shared/contracts/frame.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Low } from 'lowdb';
import { JSONFilePreset } from 'lowdb/node';
import { AlarmRule, type Occurrence, type RuleTag } from './alarm-rule.ts';
import { limitOf } from './condition.ts';
import type { AlarmConfig } from './config.ts';

interface AlarmFile {
  /** By rule id. */
  occurrences: Record<string, Occurrence>;
  outbox: AlarmEvent[];
  /** Newest last, for the local page. */
  recent: AlarmEvent[];
}

/** An alarm as the local page shows it. */
export interface LocalAlarm extends Occurrence {
  rule: string;
  device: string;
  message: string;
  priority: AlarmConfig['priority'];
  limit: number | null;
  unit: string;
}

/** How often delays are looked at, milliseconds: the resolution of on- and off-delay. */
const TICK_MS = 200;
const KEEP_RECENT = 50;

export interface AlarmStageOptions {
  dataDir: string;
  alarms: { config: AlarmConfig; tag: RuleTag }[];
  log: Logger;
  now(): number;
  /** Puts events into the buffer and resolves when they are on disk. */
  deliver(events: AlarmEvent[]): Promise<void>;
}

export class AlarmStage {
  readonly #options: AlarmStageOptions;
  readonly #byTag = new Map<number, AlarmRule[]>();
  readonly #devices = new Set<string>();
  #rules: AlarmRule[] = [];
  #file: Low<AlarmFile> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: AlarmStageOptions) {
    this.#options = options;
  }

  /** Reads the alarms of the last run, and sends again what may not have reached the buffer. */
  async start(): Promise<void> {
    const path = join(this.#options.dataDir, 'alarms.json');
    this.#file = await openFile(path, this.#options.log);
    const { occurrences } = this.#file.data;
    for (const { config, tag } of this.#options.alarms) {
      const rule = new AlarmRule(config, tag, randomUUID, occurrences[config.id]);
      this.#rules.push(rule);
      this.#devices.add(tag.device);
      this.#byTag.set(tag.id, [...(this.#byTag.get(tag.id) ?? []), rule]);
    }
    this.#closeOrphans(occurrences);
    this.#save([]);
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
  }

  /** Looks at a frame's samples; cheap when no alarm watches the device. */
  observe(frame: Frame): void {
    if (!this.#devices.has(frame.device)) return;
    const now = this.#options.now();
    for (let i = 0; i < frame.tags.length; i++) {
      const rules = this.#byTag.get(frame.tags[i]!);
      if (!rules) continue;
      for (const rule of rules) rule.observe(frame.values[i]!, frame.quality[i]!, now);
    }
    this.tick();
  }

  /** Fires the transitions whose delay is over. */
  tick(): void {
    const now = this.#options.now();
    const events = this.#rules.flatMap((rule) => rule.tick(now) ?? []);
    if (events.length > 0) this.#save(events);
  }

  /**
   * Acknowledges an occurrence on behalf of somebody.
   * @throws LinesideError ALARM_UNKNOWN when no such occurrence is waiting for it.
   */
  async acknowledge(occurrence: string, by: string, comment: string, at = this.#options.now()): Promise<void> {
    const rule = this.#rules.find((candidate) => candidate.occurrence?.id === occurrence);
    const event = rule?.acknowledge(by, comment, at);
    if (!event) {
      throw new LinesideError('ALARM_UNKNOWN', 'outside', 'this alarm is over or has been acknowledged already');
    }
    this.#save([event]);
    await this.#saving;
  }

  /** All that are not normal, most urgent first, then newest. */
  active(): LocalAlarm[] {
    return this.#rules
      .filter((rule) => rule.occurrence !== undefined)
      .map((rule) => ({
        ...rule.occurrence!,
        rule: rule.config.id,
        device: rule.tag.device,
        message: rule.config.message,
        priority: rule.config.priority,
        limit: limitOf(rule.config),
        unit: rule.tag.unit,
      }))
      .sort(
        (a, b) =>
          ALARM_PRIORITIES.indexOf(a.priority) - ALARM_PRIORITIES.indexOf(b.priority) || b.raisedAt - a.raisedAt,
      );
  }

  /** The latest transitions, newest first. */
  recent(): AlarmEvent[] {
    return [...(this.#file?.data.recent ?? [])].reverse();
  }

  /** An alarm whose rule has left the configuration can never return by itself: it ends here, by name. */
  #closeOrphans(occurrences: Record<string, Occurrence>): void {
    const known = new Set(this.#rules.map((rule) => rule.config.id));
    for (const [id, occurrence] of Object.entries(occurrences)) {
      if (known.has(id)) continue;
      this.#options.log.warn(
        { rule: id, occurrence: occurrence.id },
        'alarm ended: its rule has left the configuration',
      );
      this.#file!.data.outbox.push({
        occurrence: occurrence.id,
        rule: id,
        device: '-',
        tag: 0,
        transition: 'returned',
        state: 'normal',
        at: this.#options.now(),
        priority: 'low',
        message: 'ended: the rule has left the configuration',
        value: null,
        limit: null,
        unit: '',
        by: '',
        comment: '',
      });
    }
  }

  /** State and outbox in one write; then the outbox into the buffer; then the outbox is empty. */
  #save(events: AlarmEvent[]): void {
    const file = this.#file!;
    for (const event of events) {
      this.#options.log.info({ rule: event.rule, transition: event.transition, value: event.value }, event.message);
    }
    const { data } = file;
    data.occurrences = Object.fromEntries(
      this.#rules.flatMap((rule) => (rule.occurrence ? [[rule.config.id, rule.occurrence]] : [])),
    );
    data.outbox.push(...events);
    data.recent = [...data.recent, ...events].slice(-KEEP_RECENT);
    this.#saving = this.#saving.then(() => this.#deliver());
  }

  async #deliver(): Promise<void> {
    const file = this.#file!;
    try {
      await file.write();
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'could not write alarms.json; alarms go on in memory');
    }
    const sending = [...file.data.outbox];
    if (sending.length === 0) return;
    try {
      await this.#options.deliver(sending);
      file.data.outbox = file.data.outbox.slice(sending.length);
      await file.write();
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'alarm events wait until the buffer writes again');
    }
  }
}

async function openFile(path: string, log: Logger): Promise<Low<AlarmFile>> {
  const empty: AlarmFile = { occurrences: {}, outbox: [], recent: [] };
  try {
    return await JSONFilePreset<AlarmFile>(path, empty);
  } catch (error) {
    await rename(path, `${path}.damaged`);
    log.error(
      { path: `${path}.damaged`, error: messageOf(error) },
      'alarms.json damaged and set aside; alarms begin anew',
    );
    return await JSONFilePreset<AlarmFile>(path, empty);
  }
}

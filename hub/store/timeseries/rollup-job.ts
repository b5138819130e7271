/**
 * Keeps the summaries, and deletes what is older than the plant wants it. An hour is summarised as a whole when it is
 * over, and again when samples of it come late: each time from its samples and in place of what was there, so nothing
 * is counted twice, whatever happens in between.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { RetentionConfig } from './config.ts';
import { rawFrom, retainedFrom } from './retention.ts';
import {
  HOUR_MS,
  hourOf,
  MINUTE_MS,
  ROLLUP_LEVELS,
  SECOND_MS,
  SECONDS_FROM_SAMPLES,
  SETTLED_AFTER_MS,
} from './rollup-levels.ts';
import { combine } from './summary.ts';
import type { LateHour, TimeSeriesStore } from './time-series.ts';

const PERIOD_MS = 60_000;
/** So many tags are summarised at a time: others get their turn in between. */
const TAGS_AT_ONCE = 50;

export interface RollupJobOptions {
  timeSeries: TimeSeriesStore;
  retention: RetentionConfig;
  log: Logger;
  now(): number;
}

export class RollupJob {
  readonly #options: RollupJobOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #failing = false;
  /** The hour in which it was last looked for what is too old. */
  #expiredIn = Number.NEGATIVE_INFINITY;

  constructor(options: RollupJobOptions) {
    this.#options = options;
  }

  start(): void {
    const look = () => {
      this.#running = this.run().then(
        () => {
          this.#failing = false;
        },
        (error: unknown) => {
          // One line for an outage, and not one a minute.
          if (!this.#failing) this.#options.log.error({ error: messageOf(error) }, 'summaries could not be kept');
          this.#failing = true;
        },
      );
      void this.#running.then(() => {
        if (!this.#stopped) this.#timer = setTimeout(look, PERIOD_MS);
      });
    };
    this.#timer = setTimeout(look, 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Summarises what is over, then what came late, then deletes what is too old. */
  async run(): Promise<void> {
    await this.#sweep();
    await this.#catchUp();
    const hour = hourOf(this.#options.now());
    if (this.#stopped || hour === this.#expiredIn) return;
    await this.#expire();
    this.#expiredIn = hour;
  }

  async #sweep(): Promise<void> {
    const { timeSeries, now } = this.#options;
    const { rollups } = timeSeries;
    const settled = hourOf(now() - SETTLED_AFTER_MS);
    let until = await rollups.until();
    while (until < settled && !this.#stopped) {
      const next = await timeSeries.firstAt(until);
      const hour = next === undefined ? settled : Math.min(hourOf(next), settled);
      if (hour < settled) await this.#summarise(hour);
      if (this.#stopped) return;
      until = Math.min(hour + HOUR_MS, settled);
      await rollups.setUntil(until);
    }
  }

  async #catchUp(): Promise<void> {
    const { timeSeries, retention, now } = this.#options;
    const { rollups } = timeSeries;
    const until = await rollups.until();
    // Of an hour whose samples are deleted, only the late ones are left: its summary is better than they are.
    const from = rawFrom(retention, now());
    const late = (await rollups.late()).filter(({ hour }) => hour < until);
    for (const [hour, marks] of Map.groupBy(late, (mark) => mark.hour)) {
      if (this.#stopped) return;
      if (hour >= from) await this.#summarise(hour, [...new Set(marks.map(({ tag }) => tag))]);
      if (!this.#stopped) await rollups.clearLate(marks as LateHour[]);
    }
  }

  /** @param only these tags, also those of which nothing is left */
  async #summarise(hour: number, only?: number[]): Promise<void> {
    const { timeSeries } = this.#options;
    const to = hour + HOUR_MS;
    const counts = new Map((await timeSeries.perTag(hour, to)).map(({ tag, samples }) => [tag, samples]));
    const tags = only ?? [...counts.keys()];
    for (let i = 0; i < tags.length && !this.#stopped; i += TAGS_AT_ONCE) {
      const some = tags.slice(i, i + TAGS_AT_ONCE);
      const minutes = await timeSeries.summaries(some, hour, to, MINUTE_MS, true);
      const hours = new Map([...minutes].map(([tag, summaries]) => [tag, combine(summaries, hour, HOUR_MS)]));
      const fast = some.filter((tag) => (counts.get(tag) ?? 0) > SECONDS_FROM_SAMPLES);
      const seconds =
        fast.length > 0 ? await timeSeries.summaries(fast, hour, to, SECOND_MS, true) : new Map<number, never[]>();
      await timeSeries.rollups.put(some, hour, to, SECOND_MS, seconds);
      await timeSeries.rollups.put(some, hour, to, MINUTE_MS, minutes);
      await timeSeries.rollups.put(some, hour, to, HOUR_MS, hours);
    }
  }

  async #expire(): Promise<void> {
    const { timeSeries, retention, now, log } = this.#options;
    const until = await timeSeries.rollups.until();
    // What is not summarised yet stays.
    const samples = Math.min(rawFrom(retention, now()), until);
    if (Number.isFinite(samples)) {
      await timeSeries.expire(samples);
      log.debug({ before: samples }, 'older samples are deleted');
    }
    for (const level of ROLLUP_LEVELS) {
      const before = retainedFrom(retention, level, now());
      if (Number.isFinite(before)) await timeSeries.rollups.expire(before, level);
    }
  }
}

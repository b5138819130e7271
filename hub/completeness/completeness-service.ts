/**
 * Whether all that gateways measured is here. For each day that is over, and of which nothing can come any more, a
 * statement is kept; before that it is made anew whenever somebody asks.
 */
import type { CompletenessStatement, Missing } from '@lineside/shared/contracts/completeness.ts';
import { DropEvent } from '@lineside/shared/contracts/event.ts';
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { Value } from 'typebox/value';
import {
  eventsBetween,
  gapsBetween,
  keepStatement,
  statedDays,
  statementsOf,
} from '../store/postgres/completeness.ts';
import { watermarks } from '../store/postgres/ledger.ts';
import type { Database } from '../store/postgres/schema.ts';
import type { TagCount, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { type DayWindow, dayBefore, dayWindow } from './day.ts';
import { missingOf } from './missing.ts';
import { deliveryOf, deviceCompleteness } from './statement.ts';

export interface CompletenessOptions {
  db: Kysely<Database>;
  timeSeries: TimeSeriesStore;
  gateways(): string[];
  /** Of the site where the gateway is: its days begin at that site's midnight. */
  timeZoneOf(gateway: string): string;
  /** The tags of a gateway as the hub knows them, the gateway's own included. */
  tagsOf(gateway: string): { id: number; device: string; name: string }[];
  log: Logger;
  now(): number;
}

const PERIOD_MS = 10 * 60_000;
/** A day that is still open after so many days is stated as it is. */
const OPEN_DAYS = 7;

export class CompletenessService {
  readonly #options: CompletenessOptions;
  readonly #firstSeen = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: CompletenessOptions) {
    this.#options = options;
  }

  start(): void {
    const look = () => {
      this.#running = this.stateDays().catch((error: unknown) => {
        this.#options.log.error({ error: messageOf(error) }, 'days could not be stated');
      });
    };
    this.#timer = setInterval(look, PERIOD_MS);
    look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /**
   * Of every gateway, by name: what was stated of the day, or what can be said now.
   *
   * @param day such as 2026-11-22; without it today
   * @throws LinesideError DAY_INVALID
   */
  async ofDay(day?: string): Promise<CompletenessStatement[]> {
    const { db, now } = this.#options;
    const windowIn = (timeZone: string) =>
      day === undefined ? dayBefore(0, timeZone, now()) : dayWindow(day, timeZone);
    // Today is never stated, so only a day that was named can be.
    const stated = day === undefined ? [] : await statementsOf(db, windowIn('UTC').day);
    const rest = this.#options.gateways().filter((gateway) => !stated.some((known) => known.gateway === gateway));
    const made = await this.#make(rest, windowIn);
    return [...stated, ...made].sort((a, b) => a.gateway.localeCompare(b.gateway));
  }

  /** States the days that are over and not stated yet; those that are open wait for their data. */
  async stateDays(): Promise<void> {
    const { db, timeZoneOf, now, log } = this.#options;
    // A day more, for the zones that are ahead of UTC and behind it.
    const oldest = dayBefore(OPEN_DAYS + 1, 'UTC', now());
    const known = new Set((await statedDays(db, oldest.day)).map(({ gateway, day }) => `${gateway} ${day}`));
    for (let back = OPEN_DAYS; back >= 1 && !this.#stopped; back--) {
      const windowIn = (timeZone: string) => dayBefore(back, timeZone, now());
      const rest = this.#options
        .gateways()
        .filter((gateway) => !known.has(`${gateway} ${windowIn(timeZoneOf(gateway)).day}`));
      for (const statement of await this.#make(rest, windowIn)) {
        // A day before its first data is no day of this gateway.
        const lived = statement.devices.some(({ expectedMs }) => expectedMs > 0);
        if (!lived || (statement.delivery === 'open' && back < OPEN_DAYS)) continue;
        await keepStatement(db, statement);
        const { gateway, day, delivery, samples, missing } = statement;
        const words = `of ${day} ${delivery === 'complete' ? 'everything is stored' : 'not everything is stored'}`;
        log[delivery === 'complete' ? 'info' : 'warn']({ gateway, samples, missing: missing.length }, words);
      }
    }
  }

  /** Gateways of one time zone share one look at the store. */
  async #make(gateways: string[], windowIn: (timeZone: string) => DayWindow): Promise<CompletenessStatement[]> {
    const made: CompletenessStatement[] = [];
    const zones = Map.groupBy(gateways, (gateway) => this.#options.timeZoneOf(gateway));
    for (const [timeZone, those] of zones) {
      const window = windowIn(timeZone);
      const counts = new Map<number, TagCount>();
      for (const count of await this.#options.timeSeries.perTag(window.from, window.to)) counts.set(count.tag, count);
      for (const gateway of those) made.push(await this.#statement(gateway, window, counts));
    }
    return made;
  }

  async #statement(
    gateway: string,
    window: DayWindow,
    counts: Map<number, TagCount>,
  ): Promise<CompletenessStatement> {
    const { timeSeries, db } = this.#options;
    const timeZone = this.#options.timeZoneOf(gateway);
    const now = this.#options.now();
    const tags = this.#options.tagsOf(gateway);
    const missing = await this.#missing(gateway, window);
    const clock = await eventsBetween(db, gateway, 'clock', window.from, window.to);
    const devices: CompletenessStatement['devices'] = [];
    let deliveredUntil: number | null = null;
    for (const device of [...new Set(tags.map((tag) => tag.device))].sort()) {
      const own = tags.filter((tag) => tag.device === device);
      const link = own.find(({ name }) => name === LINK_TAG);
      // A model's outputs have no link of their own: they are as complete as their inputs.
      if (!link) continue;
      const links = await timeSeries.range(link.id, window.from, Math.min(window.to, now), { before: true });
      // The gateway repeats it every few seconds, so one behind the day says that the day has come.
      const [after] = await timeSeries.range(link.id, window.to, Number.MAX_SAFE_INTEGER, { limit: 1 });
      const newest = after?.at ?? links.at(-1)?.at ?? null;
      if (newest !== null) deliveredUntil = Math.max(deliveredUntil ?? 0, newest);
      const found = own.flatMap(({ id }) => counts.get(id) ?? []);
      const firstSeenAt = await this.#firstSeenOf(link.id);
      devices.push(deviceCompleteness({ device, counts: found, links, firstSeenAt }, window, now));
    }
    const samples = tags.reduce((sum, { id }) => sum + (counts.get(id)?.samples ?? 0), 0);
    return {
      ...{ gateway, day: window.day, timeZone, from: window.from, to: window.to, samples, missing, devices, at: now },
      delivery: deliveryOf(missing, deliveredUntil, window, now),
      clockSteps: clock.map(({ happened_at, body }) => ({
        at: happened_at,
        stepMs: Number((body as { stepMs: number }).stepMs),
      })),
    };
  }

  /** Gaps of the sequence, each with what the gateway itself says of it; and what never got a number. */
  async #missing(gateway: string, { from, to }: DayWindow): Promise<Missing[]> {
    const { db } = this.#options;
    const gaps = await gapsBetween(db, gateway, from, to);
    const drops = (await eventsBetween(db, gateway, 'drop', from, to)).flatMap(({ body }) =>
      Value.Check(DropEvent, body) ? [body] : [],
    );
    const marks = (await watermarks(db)).filter((mark) => mark.gateway === gateway);
    return missingOf(
      gaps.map((gap) => ({
        ...{ epoch: gap.epoch, fromSeq: gap.from_seq, toSeq: gap.to_seq, cause: gap.cause },
        ...{ fromAt: gap.from_at, toAt: gap.to_at },
      })),
      drops,
      new Map(marks.map(({ epoch, seq }) => [epoch, seq])),
    );
  }

  async #firstSeenOf(link: number): Promise<number | null> {
    const known = this.#firstSeen.get(link);
    if (known !== undefined) return known;
    const [first] = await this.#options.timeSeries.range(link, 0, Number.MAX_SAFE_INTEGER, { limit: 1 });
    if (!first) return null;
    this.#firstSeen.set(link, first.at);
    return first.at;
  }
}

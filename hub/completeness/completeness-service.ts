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
import type { Database, Row } from '../store/postgres/schema.ts';
import type { TagCount, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { type DayWindow, dayBefore, dayWindow } from './day.ts';
import { missingOf } from './missing.ts';
import { type DeviceFindings, deliveryOf, deviceCompleteness } from './statement.ts';

export interface CompletenessOptions {
  db: Kysely<Database>;
  timeSeries: TimeSeriesStore;
  gateways(): string[];
  /** Of the site where the gateway is: its days begin at that site's midnight. */
  timeZoneOf(gateway: string): string;
  /** The tags of a gateway as the hub knows them, the gateway's own included. */
  tagsOf(gateway: string): readonly { id: number; device: string; name: string }[];
  log: Logger;
  now(): number;
}

/** What is known of a day of a gateway before its samples are counted, which takes a look at all of them. */
interface Findings extends Pick<CompletenessStatement, 'gateway' | 'missing' | 'delivery' | 'at'> {
  /** Ids, those of no device included. */
  tags: number[];
  devices: (Omit<DeviceFindings, 'counts'> & { tags: number[] })[];
  clock: Row<'gateway_events'>[];
  /** Whether one of its devices had been connected before the day was over. */
  lived: boolean;
}

/** By gateway. */
interface Said {
  gaps: Map<string, Row<'gaps'>[]>;
  events: Map<string, Row<'gateway_events'>[]>;
  marks: Map<string, Row<'watermarks'>[]>;
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
      const rest: string[] = [];
      for (const gateway of this.#options.gateways()) {
        const { day, to } = windowIn(timeZoneOf(gateway));
        // Nearly all are stated, and those of before a gateway's first data need no look: there are hundreds of them.
        if (!known.has(`${gateway} ${day}`) && (await this.#livedBefore(gateway, to))) rest.push(gateway);
      }
      // A day before its first data is no day of this gateway.
      const isDue = ({ lived, delivery }: Findings) => lived && (delivery !== 'open' || back === OPEN_DAYS);
      for (const statement of await this.#make(rest, windowIn, isDue)) {
        await keepStatement(db, statement);
        const { gateway, day, delivery, samples, missing } = statement;
        const words = `of ${day} ${delivery === 'complete' ? 'everything is stored' : 'not everything is stored'}`;
        log[delivery === 'complete' ? 'info' : 'warn']({ gateway, samples, missing: missing.length }, words);
      }
    }
  }

  /** Gateways of one time zone share one count of the day, and it is made only when one of them is due. */
  async #make(
    gateways: string[],
    windowIn: (timeZone: string) => DayWindow,
    isDue: (found: Findings) => boolean = () => true,
  ): Promise<CompletenessStatement[]> {
    const made: CompletenessStatement[] = [];
    const zones = Map.groupBy(gateways, (gateway) => this.#options.timeZoneOf(gateway));
    for (const [timeZone, those] of zones) {
      const window = windowIn(timeZone);
      const said = await this.#said(those, window);
      const due: Findings[] = [];
      for (const gateway of those) {
        const found = await this.#look(gateway, window, said);
        if (isDue(found)) due.push(found);
      }
      if (due.length === 0) continue;
      const counts = new Map<number, TagCount>();
      for (const count of await this.#options.timeSeries.perTag(window.from, window.to)) counts.set(count.tag, count);
      for (const found of due) made.push(this.#statement(found, window, counts));
    }
    return made;
  }

  /** What is known of the day before its samples are counted. */
  async #look(gateway: string, window: DayWindow, said: Said): Promise<Findings> {
    const { timeSeries, tagsOf } = this.#options;
    const now = this.#options.now();
    const tags = tagsOf(gateway);
    const missing = missingIn(gateway, said);
    const devices: Findings['devices'] = [];
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
      const firstSeenAt = await this.#firstSeenOf(link.id);
      devices.push({ device, tags: own.map(({ id }) => id), links, firstSeenAt });
    }
    return {
      ...{ gateway, tags: tags.map(({ id }) => id), missing, devices, at: now },
      clock: said.events.get(gateway)?.filter(({ kind }) => kind === 'clock') ?? [],
      lived: devices.some(({ firstSeenAt }) => firstSeenAt !== null && firstSeenAt < Math.min(window.to, now)),
      delivery: deliveryOf(missing, deliveredUntil, window, now),
    };
  }

  #statement(
    { gateway, tags, missing, devices, clock, delivery, at }: Findings,
    window: DayWindow,
    counts: Map<number, TagCount>,
  ): CompletenessStatement {
    const { timeZoneOf } = this.#options;
    const countsOf = (ids: number[]) => ids.flatMap((id) => counts.get(id) ?? []);
    return {
      ...{ gateway, day: window.day, timeZone: timeZoneOf(gateway), from: window.from, to: window.to, at },
      ...{ missing, delivery },
      samples: countsOf(tags).reduce((sum, { samples }) => sum + samples, 0),
      devices: devices.map(({ device, tags: own, links, firstSeenAt }) =>
        deviceCompleteness({ device, counts: countsOf(own), links, firstSeenAt }, window, at),
      ),
      clockSteps: clock.map(({ happened_at, body }) => ({
        at: happened_at,
        stepMs: Number((body as { stepMs: number }).stepMs),
      })),
    };
  }

  /** What is in the relational store about a day, of all these gateways together. */
  async #said(gateways: string[], { from, to }: DayWindow): Promise<Said> {
    const { db } = this.#options;
    const [gaps, events, marks] = await Promise.all([
      gapsBetween(db, gateways, from, to),
      eventsBetween(db, gateways, ['drop', 'clock'], from, to),
      watermarks(db, gateways),
    ]);
    const gatewayOf = ({ gateway }: { gateway: string }) => gateway;
    return {
      gaps: Map.groupBy(gaps, gatewayOf),
      events: Map.groupBy(events, gatewayOf),
      marks: Map.groupBy(marks, gatewayOf),
    };
  }

  /** Whether a device of the gateway had been connected by then. */
  async #livedBefore(gateway: string, at: number): Promise<boolean> {
    for (const { id, name } of this.#options.tagsOf(gateway)) {
      if (name !== LINK_TAG) continue;
      const firstSeenAt = await this.#firstSeenOf(id);
      if (firstSeenAt !== null && firstSeenAt < at) return true;
    }
    return false;
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

/** Gaps of the sequence, each with what the gateway itself says of it; and what never got a number. */
function missingIn(gateway: string, said: Said): Missing[] {
  const gaps = said.gaps.get(gateway) ?? [];
  const drops = (said.events.get(gateway) ?? []).flatMap(({ body }) => (Value.Check(DropEvent, body) ? [body] : []));
  return missingOf(
    gaps.map((gap) => ({
      ...{ epoch: gap.epoch, fromSeq: gap.from_seq, toSeq: gap.to_seq, cause: gap.cause },
      ...{ fromAt: gap.from_at, toAt: gap.to_at },
    })),
    drops,
    new Map((said.marks.get(gateway) ?? []).map(({ epoch, seq }) => [epoch, seq])),
  );
}

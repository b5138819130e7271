/**
 * Summaries in InfluxDB: a measurement for each length, whose points are overwritten when an hour is summarised anew, and
 * one of hours that are late. What is late and what of it is done are two fields of one point: `mark` and `done`.
 */
import { HOUR_MS, MINUTE_MS, ROLLUP_LEVELS, type RollupLevel, SECOND_MS } from '../rollup-levels.ts';
import type { Summary } from '../summary.ts';
import type { LateHour, RollupStore } from '../time-series.ts';
import type { InfluxHttp } from './influx-http.ts';
import { FIRST_MS, nanoseconds } from './line-protocol.ts';
import { chunksOf, tagIs, timeBefore, timeIn } from './queries.ts';

const MEASUREMENTS: Record<RollupLevel, string> = {
  [SECOND_MS]: 'rollup_seconds',
  [MINUTE_MS]: 'rollup_minutes',
  [HOUR_MS]: 'rollup_hours',
};
const FIELDS = 'samples, good, sum, lo, hi, a, z, first_at, last_at, holds, carry, area, covered_ms';
const DAY_MS = 86_400_000;

export interface InfluxAccess {
  read<T>(query: (http: InfluxHttp) => Promise<T>): Promise<T>;
  write(lines: string[]): Promise<void>;
  now(): number;
}

export class InfluxRollups implements RollupStore {
  readonly #access: InfluxAccess;

  constructor(access: InfluxAccess) {
    this.#access = access;
  }

  async read(tags: number[], from: number, to: number, level: RollupLevel): Promise<Map<number, Summary[]>> {
    const found = new Map<number, Summary[]>();
    await this.#access.read(async (http) => {
      for (const some of chunksOf(tags)) {
        await http.query(
          `SELECT ${FIELDS} FROM ${MEASUREMENTS[level]} WHERE ${tagIs(some)} AND ${timeIn(from, to)} GROUP BY "tag"`,
          {},
          (_statement, { tags: { tag }, values }) => {
            const of = found.get(Number(tag)) ?? [];
            for (const row of values) of.push(summaryOf(row));
            found.set(Number(tag), of);
          },
        );
      }
    });
    return found;
  }

  /** Points of the same stretch are overwritten. A stretch that has no sample any more was deleted with its samples. */
  async put(
    _tags: number[],
    _from: number,
    _to: number,
    level: RollupLevel,
    summaries: Map<number, Summary[]>,
  ): Promise<void> {
    const lines: string[] = [];
    for (const [tag, of] of summaries)
      for (const summary of of) lines.push(lineOf(MEASUREMENTS[level], tag, summary));
    await this.#access.write(lines);
  }

  async until(): Promise<number> {
    let until = 0;
    await this.#access.read((http) =>
      http.query('SELECT max(until) FROM rollup_state', {}, (_statement, { values }) => {
        until = values[0]![1] as number;
      }),
    );
    return until;
  }

  async setUntil(at: number): Promise<void> {
    const day = Math.floor(this.#access.now() / DAY_MS) * DAY_MS;
    await this.#access.write([`rollup_state until=${at}i ${nanoseconds(day, 0)}`]);
  }

  async late(of?: { tags: number[]; from: number; to: number }): Promise<LateHour[]> {
    const found: LateHour[] = [];
    const where = (tags?: number[]) => (tags ? `AND ${tagIs(tags)} AND ${timeIn(of!.from, of!.to)}` : '');
    await this.#access.read(async (http) => {
      for (const tags of of ? chunksOf(of.tags) : [undefined]) {
        await http.query(
          `SELECT mark FROM late_hours WHERE mark != done ${where(tags)} GROUP BY "tag"`,
          {},
          (_statement, { tags: { tag }, values }) => {
            for (const [hour, stamp] of values as [number, number][]) found.push({ tag: Number(tag), hour, stamp });
          },
        );
      }
    });
    return found;
  }

  async clearLate(hours: LateHour[]): Promise<void> {
    await this.#access.write(
      hours.map(({ tag, hour, stamp }) => `late_hours,tag=${tag} done=${stamp}i ${nanoseconds(hour, 0)}`),
    );
  }

  async expire(before: number, level: RollupLevel): Promise<void> {
    await this.#access.read((http) =>
      http.query(`DELETE FROM ${MEASUREMENTS[level]} WHERE ${timeBefore(before)}`, {}, nothing),
    );
    // What was late in hours that have no summary any more is of no interest.
    if (level === HOUR_MS) {
      await this.#access.read((http) =>
        http.query(`DELETE FROM late_hours WHERE ${timeBefore(before)}`, {}, nothing),
      );
    }
  }
}

/** Marks, which are not done, whatever was done before. Hours that the server cannot hold have no summaries. */
export function lateLines(hours: LateHour[]): string[] {
  return hours
    .filter(({ hour }) => hour >= FIRST_MS)
    .map(({ tag, hour, stamp }) => `late_hours,tag=${tag} mark=${stamp}i,done=0i ${nanoseconds(hour, 0)}`);
}

/** Deletes the summaries of all hours that the time touches. */
export async function dropRollups(http: InfluxHttp, tags: number[], from: number, to: number): Promise<void> {
  const [first, last] = [Math.floor(from / HOUR_MS) * HOUR_MS, Math.ceil(to / HOUR_MS) * HOUR_MS];
  for (const level of ROLLUP_LEVELS) {
    for (const some of chunksOf(tags)) {
      await http.query(
        `DELETE FROM ${MEASUREMENTS[level]} WHERE ${tagIs(some)} AND ${timeIn(first, last)}`,
        {},
        nothing,
      );
    }
  }
}

function lineOf(measurement: string, tag: number, s: Summary): string {
  let fields = `samples=${s.count}i,good=${s.good}i,first_at=${s.firstAt}i,last_at=${s.lastAt}i,covered_ms=${s.coveredMs}i`;
  if (s.good > 0) fields += `,sum=${s.sum},lo=${s.min},hi=${s.max},a=${s.first},z=${s.last}`;
  fields += s.carry === null ? ',holds=f' : `,holds=t,carry=${s.carry}`;
  if (s.area !== 0) fields += `,area=${s.area}`;
  return `${measurement},tag=${tag} ${fields} ${nanoseconds(s.at, 0)}`;
}

function summaryOf(row: unknown[]): Summary {
  const [at, count, good, sum, min, max, first, last, firstAt, lastAt, holds, carry, area, coveredMs] = row as [
    ...[at: number, count: number, good: number, sum: number | null, min: number | null, max: number | null],
    ...[first: number | null, last: number | null, firstAt: number, lastAt: number, holds: boolean],
    ...[carry: number | null, area: number | null, coveredMs: number],
  ];
  return {
    ...{ at, count, good, sum: sum ?? 0, min, max, first, last, firstAt, lastAt },
    ...{ carry: holds ? carry : null, area: area ?? 0, coveredMs },
  };
}

function nothing(): void {}

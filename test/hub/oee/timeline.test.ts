import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { meaningOf } from '../../../hub/oee/state-map.ts';
import { timeline } from '../../../hub/oee/timeline.ts';
import { linkedIntervals } from '../../../hub/store/timeseries/linked-intervals.ts';
import type { StoredSample } from '../../../hub/store/timeseries/time-series.ts';
import { random } from '../../shared/wire/random-batch.ts';

type Sample = [second: number, value: number | boolean | string | null, quality?: number];

const EXECUTE = 6;
const IDLE = 4;
const ABORTED = 9;

function samples(list: Sample[]): StoredSample[] {
  return list.map(([second, value, quality]) => ({ at: second * 1000, value, quality: quality ?? Quality.Good }));
}

/** Heartbeats every 5 s from `from` to `to`. */
function beats(from: number, to: number): Sample[] {
  return Array.from({ length: Math.floor((to - from) / 5) + 1 }, (_, i): Sample => [from + i * 5, 1]);
}

const packml = (code: number) => meaningOf({ tag: 'state' }, code);

function picture(states: Sample[], links: Sample[], from: number, to: number): string[] {
  return timeline(samples(states), samples(links), packml, from * 1000, to * 1000).map(
    (interval) => `${interval.from / 1000}–${interval.to / 1000} ${interval.name} ${interval.category}`,
  );
}

describe('the timeline of a machine', () => {
  const cases: { name: string; states: Sample[]; links: Sample[]; from?: number; to?: number; want: string[] }[] = [
    { name: 'nothing was ever seen', states: [], links: [], want: ['0–60 Unknown unknown'] },
    {
      name: 'states follow one another',
      states: [
        [0, EXECUTE],
        [20, IDLE],
        [25, EXECUTE],
      ],
      links: beats(0, 60),
      want: ['0–20 Execute producing', '20–25 Idle idle', '25–60 Execute producing'],
    },
    {
      name: 'the state before the shift holds at its begin',
      states: [
        [-500, ABORTED],
        [10, EXECUTE],
      ],
      links: beats(-5, 60),
      want: ['0–10 Aborted down', '10–60 Execute producing'],
    },
    {
      name: 'nothing is known before the first state',
      states: [[12, EXECUTE]],
      links: beats(0, 60),
      want: ['0–12 Unknown unknown', '12–60 Execute producing'],
    },
    {
      name: 'a state repeated is one interval',
      states: [
        [0, EXECUTE],
        [5, EXECUTE],
        [10, EXECUTE],
      ],
      links: beats(0, 60),
      want: ['0–60 Execute producing'],
    },
    {
      name: 'of two states at one time the one stored last counts',
      states: [
        [0, EXECUTE],
        [10, ABORTED],
        [10, IDLE],
      ],
      links: beats(0, 60),
      want: ['0–10 Execute producing', '10–60 Idle idle'],
    },
    {
      name: 'a Bad state is unknown, whatever value came with it',
      states: [
        [0, EXECUTE],
        [10, EXECUTE, Quality.BadSensorFailure],
        [20, null, Quality.Bad],
        [30, EXECUTE],
      ],
      links: beats(0, 60),
      want: ['0–10 Execute producing', '10–30 Unknown unknown', '30–60 Execute producing'],
    },
    {
      name: 'an Uncertain state is unknown',
      states: [
        [0, EXECUTE],
        [10, EXECUTE, Quality.UncertainLastUsableValue],
      ],
      links: beats(0, 60),
      want: ['0–10 Execute producing', '10–60 Unknown unknown'],
    },
    {
      name: 'a number without meaning is unknown by its number',
      states: [[0, 99]],
      links: beats(0, 60),
      want: ['0–60 State 99 unknown'],
    },
    {
      name: 'a text is no state',
      states: [[0, 'Execute']],
      links: beats(0, 60),
      want: ['0–60 Unknown unknown'],
    },
    {
      name: 'while the link is lost nothing is known, and what was true holds again when it is back',
      states: [[0, EXECUTE]],
      links: [...beats(0, 15), [18, 0], [40, 1], ...beats(45, 60)],
      want: ['0–18 Execute producing', '18–40 Unknown unknown', '40–60 Execute producing'],
    },
    {
      name: 'a state that changed while the link was lost counts from when it was seen',
      states: [
        [0, EXECUTE],
        [42, ABORTED],
      ],
      links: [...beats(0, 10), [12, 0], [40, 1], ...beats(45, 60)],
      want: ['0–12 Execute producing', '12–40 Unknown unknown', '40–42 Execute producing', '42–60 Aborted down'],
    },
    {
      name: 'where heartbeats are missing only the one promised counts',
      states: [[0, EXECUTE]],
      links: [...beats(0, 10), ...beats(40, 60)],
      want: ['0–15 Execute producing', '15–40 Unknown unknown', '40–60 Execute producing'],
    },
    {
      name: 'two missing heartbeats are forgiven',
      states: [[0, EXECUTE]],
      links: [
        [0, 1],
        [15, 1],
        [30, 1],
        [45, 1],
      ],
      want: ['0–60 Execute producing'],
    },
    {
      name: 'the newest heartbeat has patience, and then it has none',
      states: [[0, EXECUTE]],
      links: beats(0, 40),
      want: ['0–45 Execute producing', '45–60 Unknown unknown'],
    },
    {
      name: 'a link sample of Bad quality is no word',
      states: [[0, EXECUTE]],
      links: [
        [0, 1],
        [5, 1, Quality.Bad],
        [10, 1],
        [15, 1],
        [20, 1],
      ],
      to: 20,
      want: ['0–5 Execute producing', '5–10 Unknown unknown', '10–20 Execute producing'],
    },
    {
      name: 'an old heartbeat from before the range says nothing of it',
      states: [[-1000, EXECUTE]],
      links: [
        [-1000, 1],
        [30, 1],
      ],
      to: 40,
      want: ['0–30 Unknown unknown', '30–40 Execute producing'],
    },
    {
      name: 'samples behind the end are left out',
      states: [
        [0, EXECUTE],
        [60, ABORTED],
        [70, IDLE],
      ],
      links: beats(0, 100),
      want: ['0–60 Execute producing'],
    },
    { name: 'an empty range has no interval', states: [[0, EXECUTE]], links: beats(0, 5), from: 3, to: 3, want: [] },
  ];

  test.each(cases)('$name', ({ states, links, from, to, want }) => {
    expect(picture(states, links, from ?? 0, to ?? 60)).toEqual(want);
  });

  test('takes the site’s own state numbers', () => {
    const signal = { tag: 'state', map: { '-1': { name: 'Störung', category: 'down' as const } } };
    expect(meaningOf(signal, -1)).toEqual({ name: 'Störung', category: 'down' });
    expect(meaningOf(signal, 6)).toEqual({ name: 'State 6', category: 'unknown' });
  });

  test('every millisecond belongs to exactly one state, whatever comes', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const next = random(seed);
      const below = (limit: number) => Math.floor(next() * limit);
      const some = (count: number, make: () => [number | null, number]): StoredSample[] =>
        Array.from({ length: below(count) }, () => {
          const [value, quality] = make();
          return { at: below(140_000) - 20_000, value, quality };
        }).sort((a, b) => a.at - b.at);
      const quality = () => (below(4) === 0 ? Quality.Bad : Quality.Good);
      const states = some(30, () => [below(20), quality()]);
      const links = some(60, () => [below(5) === 0 ? 0 : 1, quality()]);
      const [from, to] = [below(40_000), 40_000 + below(80_000)];
      const intervals = timeline(states, links, packml, from, to);
      expect(intervals[0]?.from, `seed ${seed}`).toBe(from);
      expect(intervals.at(-1)?.to, `seed ${seed}`).toBe(to);
      for (const [i, interval] of intervals.entries()) {
        expect(interval.to, `seed ${seed}`).toBeGreaterThan(interval.from);
        if (i === 0) continue;
        expect(interval.from, `seed ${seed}`).toBe(intervals[i - 1]!.to);
        expect([interval.name, interval.category], `seed ${seed}`).not.toEqual([
          intervals[i - 1]!.name,
          intervals[i - 1]!.category,
        ]);
      }
      // What is known lies within what was linked, and says what the newest state said.
      const linked = linkedIntervals(links, from, to);
      for (const interval of intervals.filter(({ category }) => category !== 'unknown')) {
        expect(linked.some((window) => window.from <= interval.from && interval.to <= window.to)).toBe(true);
        const newest = states.findLast(({ at }) => at <= interval.from)!;
        expect(packml(newest.value as number).name, `seed ${seed}`).toBe(interval.name);
      }
    }
  });
});

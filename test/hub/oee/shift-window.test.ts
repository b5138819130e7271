import { describe, expect, test } from 'vitest';
import type { Shift } from '../../../hub/equipment/plant-config.ts';
import { runningShift } from '../../../hub/oee/shift-window.ts';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];
const shift = (name: string, from: string, to: string, days = EVERY_DAY): Shift => ({ name, from, to, days });
const THREE = [shift('Early', '06:00', '14:00'), shift('Late', '14:00', '22:00'), shift('Night', '22:00', '06:00')];
const BERLIN = 'Europe/Berlin';

describe('the running shift', () => {
  test.each<[what: string, shifts: Shift[], zone: string, now: string, want: [string, string, string] | null]>([
    ['in the middle', THREE, BERLIN, '2026-06-15T08:00Z', ['Early', '2026-06-15T04:00Z', '2026-06-15T12:00Z']],
    [
      'its begin belongs to it',
      THREE,
      BERLIN,
      '2026-06-15T12:00Z',
      ['Late', '2026-06-15T12:00Z', '2026-06-15T20:00Z'],
    ],
    [
      'its end does not',
      THREE,
      BERLIN,
      '2026-06-15T11:59:59.999Z',
      ['Early', '2026-06-15T04:00Z', '2026-06-15T12:00Z'],
    ],
    ['before midnight', THREE, BERLIN, '2026-06-15T21:00Z', ['Night', '2026-06-15T20:00Z', '2026-06-16T04:00Z']],
    ['after midnight', THREE, BERLIN, '2026-06-16T01:00Z', ['Night', '2026-06-15T20:00Z', '2026-06-16T04:00Z']],
    [
      'clocks go forward: seven hours',
      THREE,
      BERLIN,
      '2026-03-29T02:00Z',
      ['Night', '2026-03-28T21:00Z', '2026-03-29T04:00Z'],
    ],
    [
      'clocks go back: nine hours',
      THREE,
      BERLIN,
      '2026-10-25T04:30Z',
      ['Night', '2026-10-24T20:00Z', '2026-10-25T05:00Z'],
    ],
    [
      'clocks go back: both 02:30',
      THREE,
      BERLIN,
      '2026-10-25T00:30Z',
      ['Night', '2026-10-24T20:00Z', '2026-10-25T05:00Z'],
    ],
    [
      'it begins in the hour that is left out',
      [shift('Odd', '02:30', '10:30')],
      BERLIN,
      '2026-03-29T01:45Z',
      ['Odd', '2026-03-29T01:30Z', '2026-03-29T08:30Z'],
    ],
    [
      'it begins in the hour that comes twice, the first time',
      [shift('Odd', '02:30', '10:30')],
      BERLIN,
      '2026-10-25T00:45Z',
      ['Odd', '2026-10-25T00:30Z', '2026-10-25T09:30Z'],
    ],
    ['outside of all shifts', [shift('Day', '08:00', '16:00')], BERLIN, '2026-06-15T20:00Z', null],
    ['not on this weekday', [shift('Day', '08:00', '16:00', [1, 2, 3, 4, 5])], BERLIN, '2026-06-14T10:00Z', null],
    [
      'Friday’s night shift on Saturday morning',
      [shift('Night', '22:00', '06:00', [5])],
      BERLIN,
      '2026-06-20T02:00Z',
      ['Night', '2026-06-19T20:00Z', '2026-06-20T04:00Z'],
    ],
    ['but not Saturday’s', [shift('Night', '22:00', '06:00', [5])], BERLIN, '2026-06-20T21:00Z', null],
    [
      'of two that overlap the one that began last',
      [shift('Late', '13:30', '22:00'), shift('Early', '06:00', '14:00')],
      BERLIN,
      '2026-06-15T11:45Z',
      ['Late', '2026-06-15T11:30Z', '2026-06-15T20:00Z'],
    ],
    [
      'round the clock',
      [shift('All', '06:00', '06:00')],
      BERLIN,
      '2026-06-15T03:59Z',
      ['All', '2026-06-14T04:00Z', '2026-06-15T04:00Z'],
    ],
    [
      'round the clock for 25 hours',
      [shift('All', '06:00', '06:00')],
      BERLIN,
      '2026-10-25T04:59Z',
      ['All', '2026-10-24T04:00Z', '2026-10-25T05:00Z'],
    ],
    [
      'in a zone of half hours',
      THREE,
      'Asia/Kolkata',
      '2026-06-15T00:30Z',
      ['Early', '2026-06-15T00:30Z', '2026-06-15T08:30Z'],
    ],
    [
      'in the south, where clocks go forward in October',
      THREE,
      'Australia/Adelaide',
      '2026-10-03T18:00Z',
      ['Night', '2026-10-03T12:30Z', '2026-10-03T19:30Z'],
    ],
    [
      'where clocks move by half an hour',
      THREE,
      'Australia/Lord_Howe',
      '2026-04-04T16:00Z',
      ['Night', '2026-04-04T11:00Z', '2026-04-04T19:30Z'],
    ],
    [
      'the day before in UTC',
      THREE,
      'Pacific/Kiritimati',
      '2026-06-15T16:00Z',
      ['Early', '2026-06-15T16:00Z', '2026-06-16T00:00Z'],
    ],
  ])('%s', (_what, shifts, zone, now, want) => {
    const found = runningShift(shifts, zone, Date.parse(now));
    const iso = (time: number) => new Date(time).toISOString().replace(':00.000Z', 'Z');
    expect(found && [found.name, iso(found.from), iso(found.to)]).toEqual(want);
  });

  test('three shifts a day leave no millisecond out and share none, all year round', () => {
    let found = runningShift(THREE, BERLIN, Date.parse('2026-01-01T00:00Z'))!;
    for (let count = 0; count < 365 * 3; count++) {
      expect(runningShift(THREE, BERLIN, found.to - 1)).toEqual(found);
      const next = runningShift(THREE, BERLIN, found.to)!;
      expect(next.from).toBe(found.to);
      found = next;
    }
    expect(new Date(found.from).toISOString()).toBe('2026-12-31T21:00:00.000Z');
  });
});

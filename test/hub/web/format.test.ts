import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import {
  alarmStateWords,
  alarmValueWords,
  compareAlarms,
  needsAcknowledge,
} from '../../../hub/web/src/format/alarm-words.ts';
import { changeLines, nameWords } from '../../../hub/web/src/format/audit-words.ts';
import { formatAgo, formatDuration, formatDurationShort } from '../../../hub/web/src/format/duration.ts';
import { qualityWords } from '../../../hub/web/src/format/quality-words.ts';
import { formatPercent, formatUnit, formatValue, trustOf, UNKNOWN } from '../../../hub/web/src/format/value.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The tests run in whatever language the machine has. */
const number = (value: number, decimals: number) =>
  new Intl.NumberFormat(undefined, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(
    value,
  );

describe('a line of the audit log', () => {
  test('shows what changed and how, and leaves out what stayed', () => {
    const before = { sha256: 'a'.repeat(64), role: 'operator', sites: null, disabled: false };
    const after = { sha256: 'b'.repeat(64), role: 'operator', sites: ['acme'], disabled: true };
    expect(changeLines(before, after)).toEqual([
      { name: 'sha256', before: 'aaaaaaaaaaaa', after: 'bbbbbbbbbbbb' },
      { name: 'sites', before: 'whole plant', after: 'acme' },
      { name: 'disabled', before: 'no', after: 'yes' },
    ]);
    expect(changeLines(null, { waves: [['a'], ['b', 'c']], certificates: [], confirmWithinMs: 30_000 })).toEqual([
      { name: 'waves', after: 'a; b, c' },
      { name: 'certificates', after: '—' },
      { name: 'confirmWithinMs', after: '30 s' },
    ]);
    expect(['mustChangePassword', 'confirmWithinMs', 'expiresAt', 'sha256'].map(nameWords)).toEqual([
      ...['must change password', 'confirm within', 'expires', 'sha256'],
    ]);
  });
});

describe('spans of time', () => {
  test.each([
    [0, '0 s'],
    [-5_000, '0 s'],
    [59_999, '59 s'],
    [MINUTE, '1 min'],
    [3 * MINUTE + 20_500, '3 min 20 s'],
    [12 * MINUTE + 20_000, '12 min'],
    [2 * HOUR + 5 * MINUTE, '2 h 5 min'],
    [50 * HOUR, '2 d 2 h'],
  ])('%i ms is %s', (ms, words) => expect(formatDuration(ms)).toBe(words));

  test('short ones keep one unit, and what has just happened counts no seconds', () => {
    expect(formatDurationShort(119 * MINUTE)).toBe('1 h');
    expect(formatAgo(1_200)).toBe('just now');
    expect(formatAgo(-800)).toBe('just now');
    expect(formatAgo(65_000)).toBe('1 min ago');
  });
});

describe('values', () => {
  test('have the decimals that the tag asks for, and never a minus before zero', () => {
    expect(formatValue(186.04, 1)).toBe(number(186, 1));
    expect(formatValue(12_345, 0)).toBe(number(12_345, 0));
    expect(formatValue(-0.04, 1)).toBe(number(0, 1));
    expect(formatValue(true, 0)).toBe('On');
    expect(formatValue('Execute', 0)).toBe('Execute');
    expect(formatUnit('Cel')).toBe('°C');
    expect(formatUnit('bar')).toBe('bar');
  });

  test('that are not there are a dash', () => {
    for (const value of [null, undefined, Number.NaN, '']) expect(formatValue(value, 1)).toBe(UNKNOWN);
  });

  test('a percentage reaches 0 and 100 only when it is so', () => {
    expect(formatPercent(null)).toBe(UNKNOWN);
    expect(formatPercent(1)).toBe(number(100, 1));
    expect(formatPercent(0.99999)).toBe(number(99.9, 1));
    expect(formatPercent(0.00001)).toBe(number(0.1, 1));
    expect(formatPercent(0)).toBe(number(0, 1));
    expect(formatPercent(0.7877)).toBe(number(78.8, 1));
  });
});

describe('quality', () => {
  test('in words, also with the flags of the low bits set, also when the code is not known', () => {
    expect(qualityWords(Quality.BadSensorFailure)).toBe('Sensor failure');
    expect(qualityWords(Quality.BadSensorFailure | 0x480)).toBe('Sensor failure');
    expect(qualityWords(0x0000_0480)).toBe('Good');
    expect(qualityWords(0x80ff_0000)).toContain('Bad');
    expect(qualityWords(0x80ff_0000)).toContain('80ff0000');
  });

  test('is trusted by its severity bits', () => {
    expect(trustOf(Quality.Good)).toBe('good');
    expect(trustOf(Quality.UncertainLastUsableValue)).toBe('uncertain');
    expect(trustOf(Quality.BadTimeout)).toBe('bad');
  });
});

function alarm(part: Partial<AlarmView>): AlarmView {
  return {
    ...{ occurrence: 'a', gateway: 'g', rule: 'r', device: 'd', machine: '', machineName: '', message: 'm' },
    ...{ priority: 'low', state: 'unacknowledged', raisedAt: 0, returnedAt: null, acknowledgedAt: null },
    ...{ acknowledgedBy: '', comment: '', acknowledgePending: false, value: null, limit: null, unit: '' },
    ...part,
  };
}

describe('alarms', () => {
  test('stand by need, then priority, then age', () => {
    const list = [
      alarm({ occurrence: 'taken', state: 'acknowledged', priority: 'critical' }),
      alarm({ occurrence: 'gone', state: 'returned', priority: 'critical' }),
      alarm({ occurrence: 'old', priority: 'high', raisedAt: 1 }),
      alarm({ occurrence: 'new', priority: 'high', raisedAt: 2 }),
      alarm({ occurrence: 'worst', priority: 'critical' }),
    ];
    const order = list.sort(compareAlarms).map((each) => each.occurrence);
    expect(order).toEqual(['worst', 'new', 'old', 'gone', 'taken']);
  });

  test('say their state, and who has taken them', () => {
    expect(alarmStateWords(alarm({}))).toBe('Unacknowledged');
    expect(alarmStateWords(alarm({ state: 'returned' }))).toBe('Returned, not acknowledged');
    expect(alarmStateWords(alarm({ state: 'acknowledged', acknowledgedBy: 'j.meyer' }))).toBe(
      'Acknowledged by j.meyer',
    );
    expect(needsAcknowledge(alarm({ state: 'returned' }))).toBe(true);
    expect(needsAcknowledge(alarm({ acknowledgePending: true }))).toBe(false);
    expect(needsAcknowledge(alarm({ state: 'acknowledged' }))).toBe(false);
  });

  test('show value and limit with their unit, and neither when there is none', () => {
    const words = alarmValueWords(alarm({ value: 86.42, limit: 80, unit: 'Cel' }));
    expect(words).toBe(`${number(86.4, 1)} °C, limit 80 °C`);
    expect(alarmValueWords(alarm({}))).toBe('');
  });
});

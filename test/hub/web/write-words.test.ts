import type { TagView } from '@lineside/shared/contracts/api.ts';
import { describe, expect, test } from 'vitest';
import {
  decimalsOf,
  limitWords,
  parseEntry,
  valueWords,
  writerWords,
} from '../../../hub/web/src/format/write-words.ts';

const free = { min: null, max: null, names: [] };

function tag(type: string, write: TagView['write'] = free): TagView {
  return {
    ...{ id: 1, gateway: 'g', device: 'd', name: 'n', label: '', type, unit: '', decimals: 1 },
    ...{ at: null, value: null, quality: 0, ...(write ? { write } : {}) },
  };
}

describe('what somebody has typed', () => {
  const limited = { min: -0.5, max: 60, names: [] };
  test.each([
    ['float64', limited, '45', 45],
    ['float64', limited, ' 45,5 ', 45.5],
    ['integer', limited, '+7', 7],
    ['float32', limited, '.5', 0.5],
    ['float64', limited, '6e1', 60],
    ['float64', free, '-1e9', -1e9],
    ['boolean', free, 'true', true],
    ['boolean', free, 'false', false],
    ['string', free, ' A7 ', ' A7 '],
    ['string', { ...free, names: ['Off', 'Auto'] }, 'Auto', 'Auto'],
  ])('%s within %j: "%s" is %j', (type, write, text, value) => {
    expect(parseEntry(tag(type, write), text)).toEqual({ value });
  });

  test.each([
    ['', /a number/],
    ['12 %', /a number/],
    ['1.000,5', /a number/],
    ['0x10', /a number/],
    ['Infinity', /a number/],
    ['1e999', /a number/],
    ['60.1', /At most 60/],
    ['-1', /At least [-−]0[.,]5/],
  ])('"%s" is none', (text, problem) => {
    expect(parseEntry(tag('float64', limited), text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

describe('words', () => {
  test('a value has the decimals that it was given, and not those of 32 bits', () => {
    expect([45, 45.5, 0.125, Math.fround(45.2), 3 * 0.1, 123456.7].map(decimalsOf)).toEqual([0, 1, 3, 1, 1, 1]);
  });

  test('limits, names, and nothing where nothing is said', () => {
    expect(limitWords({ min: 0, max: 0.5, names: [] }, 'Cel')).toMatch(/^0 to 0[.,]5 °C$/);
    expect(limitWords({ ...free, names: ['Off', 'Auto'] }, '')).toBe('Off, Auto');
    expect(limitWords(free, 'bar')).toBe('');
  });

  test('a unit stands only behind a number; what is not known is a dash', () => {
    expect([valueWords(5, 0, '1/min'), valueWords(null, 0, 'bar'), valueWords('Auto', 0, 'bar')]).toEqual([
      '5 1/min',
      '—',
      'Auto',
    ]);
  });

  test.each([
    ['ann', 'hub', 'ann'],
    ['scada', 'mqtt', 'scada by MQTT at the gateway'],
    ['', 'sparkplug', 'Somebody by Sparkplug'],
  ])('%s via %s is told as "%s"', (by, via, words) => {
    expect(writerWords({ by, via })).toBe(words);
  });
});

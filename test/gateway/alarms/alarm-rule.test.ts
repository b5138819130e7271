/** ISA-18.2 as data: what comes in, second by second, and the transitions that must come out. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { AlarmRule, type Occurrence } from '../../../gateway/alarms/alarm-rule.ts';
import type { AlarmConfig } from '../../../gateway/alarms/config.ts';

/** A value of the tag, that it is Bad, that time passes, that somebody acknowledges, or the clock set by seconds. */
type Input = number | boolean | string | null | 'bad' | 'tick' | 'ack' | { clock: number };
interface Case {
  name: string;
  alarm: Partial<AlarmConfig>;
  /** Seconds and what happens then. */
  steps: [at: number, input: Input][];
  /** `second transition → state #occurrence`. */
  expected: string[];
}

const CONFIG = { id: 'hot', tag: 'press/oil', message: 'Oil too hot', priority: 'high' } as const;
const NO_DELAY = { hysteresis: 0, onDelayMs: 0, offDelayMs: 0 };

function ruleOf(alarm: Partial<AlarmConfig>, occurrence?: Occurrence): AlarmRule {
  let ids = 0;
  const config: AlarmConfig = { ...CONFIG, ...NO_DELAY, ...alarm };
  return new AlarmRule(config, { id: 7, device: 'press', unit: 'Cel' }, () => `#${++ids}`, occurrence);
}

function play(rule: AlarmRule, steps: Case['steps']): string[] {
  const happened: string[] = [];
  for (const [at, input] of steps) {
    const now = at * 1_000;
    if (typeof input === 'object' && input !== null) rule.clockStepped(input.clock * 1_000);
    else if (input === 'bad') rule.observe(999, Quality.BadSensorFailure, now);
    else if (input !== 'tick' && input !== 'ack') rule.observe(input, Quality.Good, now);
    const event = input === 'ack' ? rule.acknowledge('Ann', 'seen', now) : rule.tick(now);
    if (event) happened.push(`${event.at / 1_000} ${event.transition} → ${event.state} ${event.occurrence}`);
  }
  return happened;
}

const above: Partial<AlarmConfig> = { above: 80 };
const CASES: Case[] = [
  {
    name: 'a clock that is set forward lets no delay run out',
    alarm: { above: 80, onDelayMs: 60_000 },
    steps: [
      [0, 81],
      [3_610, { clock: 3_600 }],
      [3_611, 81],
      [3_659, 'tick'],
      [3_660, 'tick'],
    ],
    expected: ['3660 raised → unacknowledged #1'],
  },
  {
    name: 'a clock that is set back begins no delay anew, and a blind time stays what it was',
    alarm: { above: 80, onDelayMs: 60_000 },
    steps: [
      [4_000, 81],
      [4_030, 'bad'],
      [430, { clock: -3_600 }],
      [440, 81],
      [469, 'tick'],
      [470, 'tick'],
    ],
    expected: ['470 raised → unacknowledged #1'],
  },
  {
    name: 'raised, acknowledged, returned',
    alarm: above,
    steps: [
      [0, 80],
      [1, 81],
      [2, 82],
      [3, 'ack'],
      [4, 85],
      [5, 80],
    ],
    expected: ['1 raised → unacknowledged #1', '3 acknowledged → acknowledged #1', '5 returned → normal #1'],
  },
  {
    name: 'raised, returned, acknowledged',
    alarm: above,
    steps: [
      [1, 81],
      [2, 79],
      [3, 'ack'],
      [4, 'ack'],
    ],
    expected: ['1 raised → unacknowledged #1', '2 returned → returned #1', '3 acknowledged → normal #1'],
  },
  {
    name: 'raised again while returned: the same occurrence, which waits to be acknowledged',
    alarm: above,
    steps: [
      [1, 81],
      [2, 79],
      [3, 82],
      [4, 'ack'],
      [5, 79],
      [6, 83],
    ],
    expected: [
      '1 raised → unacknowledged #1',
      '2 returned → returned #1',
      '3 raised → unacknowledged #1',
      '4 acknowledged → acknowledged #1',
      '5 returned → normal #1',
      '6 raised → unacknowledged #2',
    ],
  },
  {
    name: 'acknowledged while normal: nothing',
    alarm: above,
    steps: [
      [1, 'ack'],
      [2, 79],
      [3, 'ack'],
    ],
    expected: [],
  },
  {
    name: 'acknowledged twice: once',
    alarm: above,
    steps: [
      [1, 81],
      [2, 'ack'],
      [3, 'ack'],
    ],
    expected: ['1 raised → unacknowledged #1', '2 acknowledged → acknowledged #1'],
  },
  {
    name: 'on-delay: a short excess is none, a long one is raised without another sample',
    alarm: { above: 80, onDelayMs: 5_000 },
    steps: [
      [0, 81],
      [4, 79],
      [10, 81],
      [12, 82],
      [14.9, 'tick'],
      [15, 'tick'],
      [16, 'tick'],
    ],
    expected: ['15 raised → unacknowledged #1'],
  },
  {
    name: 'off-delay: a short dip does not return it',
    alarm: { above: 80, offDelayMs: 5_000 },
    steps: [
      [0, 81],
      [1, 79],
      [3, 81],
      [10, 79],
      [14, 79],
      [15, 'tick'],
    ],
    expected: ['0 raised → unacknowledged #1', '15 returned → returned #1'],
  },
  {
    name: 'hysteresis above: returns only below the band, and is raised at the limit again',
    alarm: { above: 80, hysteresis: 3 },
    steps: [
      [0, 80.1],
      [1, 79],
      [2, 77.1],
      [3, 77],
      [4, 79],
      [5, 80.1],
    ],
    expected: ['0 raised → unacknowledged #1', '3 returned → returned #1', '5 raised → unacknowledged #1'],
  },
  {
    name: 'hysteresis below',
    alarm: { below: 10, hysteresis: 2 },
    steps: [
      [0, 10],
      [1, 9.9],
      [2, 11.9],
      [3, 12],
      [4, 11],
    ],
    expected: ['1 raised → unacknowledged #1', '3 returned → returned #1'],
  },
  {
    name: 'bit of a word, also of a signed one',
    alarm: { bit: 15 },
    steps: [
      [0, 0x7fff],
      [1, 0x8000],
      [2, 0x7fff],
      [3, -32_768],
      [4, 3],
      [5, -1],
      [6, 0],
    ],
    expected: [
      '1 raised → unacknowledged #1',
      '2 returned → returned #1',
      '3 raised → unacknowledged #1',
      '4 returned → returned #1',
      '5 raised → unacknowledged #1',
      '6 returned → returned #1',
    ],
  },
  {
    name: 'a switch: true is above 0',
    alarm: { above: 0 },
    steps: [
      [0, false],
      [1, true],
      [2, false],
    ],
    expected: ['1 raised → unacknowledged #1', '2 returned → returned #1'],
  },
  {
    name: 'Bad samples neither raise nor return',
    alarm: above,
    steps: [
      [0, 'bad'],
      [1, 81],
      [2, 'bad'],
      [3, 'tick'],
      [4, 79],
    ],
    expected: ['1 raised → unacknowledged #1', '4 returned → returned #1'],
  },
  {
    name: 'values that are no number tell nothing',
    alarm: above,
    steps: [
      [0, Number.NaN],
      [1, Infinity],
      [2, 'hot'],
      [3, null],
      [4, 81],
      [5, Number.NaN],
      [6, 'cold'],
    ],
    expected: ['4 raised → unacknowledged #1'],
  },
  {
    name: 'the on-delay stands still while the samples are Bad, and goes on behind them',
    alarm: { above: 80, onDelayMs: 5_000 },
    steps: [
      [0, 81],
      [3, 'bad'],
      [6, 'tick'],
      [60, 'bad'],
      [103, 81],
      [104, 'tick'],
      [105, 'tick'],
    ],
    expected: ['105 raised → unacknowledged #1'],
  },
  {
    name: 'good again and well: the delay that stood still is over',
    alarm: { above: 80, onDelayMs: 5_000 },
    steps: [
      [0, 81],
      [3, 'bad'],
      [10, 79],
      [20, 81],
      [24, 'tick'],
      [25, 'tick'],
    ],
    expected: ['25 raised → unacknowledged #1'],
  },
  {
    name: 'the off-delay stands still while the samples are Bad',
    alarm: { above: 80, offDelayMs: 5_000 },
    steps: [
      [0, 81],
      [1, 79],
      [2, 'bad'],
      [50, 'tick'],
      [51, 79],
      [54, 'tick'],
      [55, 'tick'],
    ],
    expected: ['0 raised → unacknowledged #1', '55 returned → returned #1'],
  },
  {
    name: 'clock set back within a delay: it counts anew instead of lasting for hours',
    alarm: { above: 80, onDelayMs: 5_000 },
    steps: [
      [7_200, 81],
      [7_203, 81],
      [3, 81],
      [7, 'tick'],
      [8, 'tick'],
    ],
    expected: ['8 raised → unacknowledged #1'],
  },
  {
    name: 'clock set back while the samples are Bad',
    alarm: { above: 80, onDelayMs: 5_000 },
    steps: [
      [7_200, 81],
      [7_203, 'bad'],
      [3, 81],
      [8, 'tick'],
    ],
    expected: ['8 raised → unacknowledged #1'],
  },
];

describe('an alarm', () => {
  test.each(CASES)('$name', ({ alarm, steps, expected }) => expect(play(ruleOf(alarm), steps)).toEqual(expected));

  test('says what caused it, and who acknowledged it', () => {
    const rule = ruleOf({ above: 80 });
    rule.observe(81.5, Quality.Good, 1_000);
    const common = {
      occurrence: '#1',
      rule: 'hot',
      device: 'press',
      tag: 7,
      priority: 'high',
      message: 'Oil too hot',
    };
    const limits = { limit: 80, unit: 'Cel' };
    expect(rule.tick(1_000)).toEqual({
      ...{ ...common, ...limits, transition: 'raised', state: 'unacknowledged', at: 1_000 },
      ...{ value: 81.5, by: '', comment: '' },
    });
    expect(rule.acknowledge('Ann', 'pump on', 2_000)).toEqual({
      ...{ ...common, ...limits, transition: 'acknowledged', state: 'acknowledged', at: 2_000 },
      ...{ value: null, by: 'Ann', comment: 'pump on' },
    });
    expect(rule.occurrence).toMatchObject({
      acknowledgedBy: 'Ann',
      comment: 'pump on',
      raisedAt: 1_000,
      value: 81.5,
    });
  });
});

describe('an alarm of the last run', () => {
  const occurrence = (state: Occurrence['state']): Occurrence => ({
    ...{ id: 'old', state, raisedAt: 1, returnedAt: null, acknowledgedAt: null },
    ...{ acknowledgedBy: '', comment: '', value: 90 },
  });

  test.each<[Occurrence['state'], Case['steps'], string[]]>([
    [
      'unacknowledged',
      [
        [5, 90],
        [6, 79],
        [7, 'ack'],
      ],
      ['6 returned → returned old', '7 acknowledged → normal old'],
    ],
    [
      'unacknowledged',
      [
        [5, 'tick'],
        [6, 'bad'],
        [7, 'ack'],
      ],
      ['7 acknowledged → acknowledged old'],
    ],
    [
      'acknowledged',
      [
        [5, 90],
        [6, 79],
        [7, 90],
      ],
      ['6 returned → normal old', '7 raised → unacknowledged #1'],
    ],
    [
      'returned',
      [
        [5, 79],
        [6, 90],
      ],
      ['6 raised → unacknowledged old'],
    ],
    [
      'returned',
      [
        [5, 'ack'],
        [6, 90],
      ],
      ['5 acknowledged → normal old', '6 raised → unacknowledged #1'],
    ],
  ])('goes on from %s', (state, steps, expected) => {
    expect(play(ruleOf({ above: 80 }, occurrence(state)), steps)).toEqual(expected);
  });
});

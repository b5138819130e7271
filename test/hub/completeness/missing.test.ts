import type { DropEvent } from '@lineside/shared/contracts/event.ts';
import { expect, test } from 'vitest';
import { missingOf } from '../../../hub/completeness/missing.ts';

const EPOCH = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);

function gap(fromSeq: number, toSeq: number) {
  return { epoch: EPOCH, fromSeq, toSeq, cause: 'no longer there', fromAt: 1, toAt: 2 };
}

function drop(fromSeq: number | null, toSeq: number | null, samples: number, epoch = EPOCH): DropEvent {
  const event = { kind: 'drop', at: 9, reason: 'bufferFull', samples, fromSeq, toSeq, fromAt: 3, toAt: 4 } as const;
  return fromSeq === null ? event : { ...event, epoch };
}

test.each([
  ['one drop', [gap(5, 9)], [drop(5, 9, 70)], 20, [['bufferFull', 5, 9, 70]]],
  ['a file after the other', [gap(1, 30)], [drop(11, 30, 5), drop(1, 10, 70)], 40, [['bufferFull', 1, 30, 75]]],
  ['a drop that was told twice', [gap(5, 9)], [drop(5, 9, 70), drop(5, 9, 70)], 20, [['bufferFull', 5, 9, 70]]],
  ['a drop of which the hub had a part', [gap(7, 9)], [drop(5, 9, 70)], 20, [['bufferFull', 7, 9, null]]],
  ['a drop of which the hub had all', [], [drop(5, 9, 70)], 20, []],
  ['a drop that the sequence has not come to', [], [drop(25, 30, 70)], 20, [['bufferFull', 25, 30, 70]]],
  ['a drop that explains a part', [gap(5, 9)], [drop(5, 6, 3)], 20, [['bufferFull', 5, 9, null]]],
  [
    'a gap that nobody explains',
    [gap(5, 9)],
    [drop(5, 9, 70, OTHER)],
    20,
    [
      ['no longer there', 5, 9, null],
      ['bufferFull', 5, 9, 70],
    ],
  ],
  ['what never had a number', [], [drop(null, null, 3)], 20, [['bufferFull', null, null, 3]]],
])('%s', (_, gaps, drops, reached, expected) => {
  const missing = missingOf(gaps, drops, new Map([[EPOCH, reached]]));
  expect(missing.map(({ cause, fromSeq, toSeq, samples }) => [cause, fromSeq, toSeq, samples])).toEqual(expected);
});

test('alarms that were lost are missing, though no sample is', () => {
  const lost: DropEvent = { ...drop(null, null, 0), reason: 'alarmsLost', alarms: 3 };
  expect(missingOf([], [lost], new Map())).toEqual([
    { cause: 'alarmsLost', epoch: null, fromSeq: null, toSeq: null, samples: 0, alarms: 3, fromAt: 3, toAt: 4 },
  ]);
});

/** The proof itself, proven: every kind of loss that it looks for is found in three small accounts that disagree. */
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import { expect, test } from 'vitest';
import type { Outage } from '../plant-run.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';
import type { HubContent } from './hub-content.ts';
import { checkStored } from './stored-check.ts';
import { byTrueClock } from './true-clock.ts';
import type { TruthTag } from './truth.ts';
import { checkTruth } from './truth-check.ts';

/** Far enough from the first sample, before which everything is excused. */
const T = 100_000;
const POLL = 500;

function bufferOf(tags: Record<string, BufferedSample[]>): BufferContent {
  const samples = Object.values(tags).flat();
  const newestSeq = Math.max(0, ...samples.map(({ seq }) => seq));
  return {
    epoch: 'e',
    newestSeq,
    samples: samples.length,
    tags: new Map(Object.entries(tags)),
    seqs: new Set(samples.map(({ seq }) => seq)),
    missing: [],
    names: new Map(),
    urgent: { epoch: 'u', alarms: [], events: [] },
  };
}

function sample(at: number, value: BufferedSample['value'], quality = 0, seq = 1): BufferedSample {
  return { at, value, quality, receivedAt: at + 1, seq };
}

function hubOf(tags: Record<string, BufferedSample[]>, change: Partial<HubContent> = {}): HubContent {
  const stored = new Map(
    Object.entries(tags).map(([key, list]) => [key, list.map(({ at, value, quality }) => ({ at, value, quality }))]),
  );
  const samples = Object.values(tags).flat().length;
  return {
    tags: stored,
    byTime: new Map([...stored].map(([key, list]) => [key, list.toSorted((a, b) => a.at - b.at)])),
    samples,
    storeSeq: 1,
    ledger: { seq: 1, samples },
    gaps: [],
    names: new Map(),
    quarantined: 0,
    events: [],
    alarms: [],
    ...change,
  };
}

const THREE = [sample(1, 1), sample(2, 2), sample(3, 3)];

test.each([
  ['the same', THREE, {}, { lost: 0, duplicated: 0, outOfOrder: 0 }, 0],
  ['one missing', [THREE[0]!, THREE[2]!], { samples: 3, ledger: { seq: 1, samples: 3 } }, { lost: 1 }, 1],
  ['one twice', [THREE[0]!, ...THREE], { samples: 3, ledger: { seq: 1, samples: 3 } }, { duplicated: 1 }, 1],
  ['another order', [THREE[1]!, THREE[0]!, THREE[2]!], {}, { lost: 0, duplicated: 0, outOfOrder: 1 }, 1],
  ['another quality', [THREE[0]!, sample(2, 2, 5), THREE[2]!], {}, { lost: 1, duplicated: 1 }, 1],
  ['a boolean for a number', [sample(1, true), ...THREE.slice(1)], {}, { lost: 1, duplicated: 1 }, 1],
  ['a ledger that counts wrong', THREE, { ledger: { seq: 1, samples: 4 } }, { lost: 0 }, 1],
  ['stores that disagree', THREE, { storeSeq: 2 }, { lost: 0 }, 1],
  [
    'right in one order and wrong in the other',
    THREE,
    { byTime: new Map([['a/b', THREE.slice(1)]]) },
    { lost: 1 },
    1,
  ],
  ['a gap', THREE, { gaps: [{ fromSeq: 2, toSeq: 2 }] }, { lost: 0 }, 1],
  ['a quarantined message', THREE, { quarantined: 1 }, { lost: 0 }, 1],
])('the hub against the buffer: %s', (_, stored, change, figures, told) => {
  const problems: string[] = [];
  expect(checkStored(bufferOf({ 'a/b': THREE }), hubOf({ 'a/b': stored }, change), problems)).toMatchObject(figures);
  expect(problems).toHaveLength(told);
});

const DROP: AnyEvent = {
  ...{ kind: 'drop', at: 1, reason: 'damaged', epoch: 'e'.repeat(32), samples: 1 },
  ...{ fromSeq: 2, toSeq: 2, fromAt: null, toAt: null },
};
/** Three records, of which the second was damaged. */
const [ONE, TWO, LAST] = THREE.map((given, i) => ({ ...given, seq: i + 1 })) as [
  BufferedSample,
  BufferedSample,
  BufferedSample,
];
const NAMED = { gaps: [{ fromSeq: 2, toSeq: 2 }], events: [{ epoch: 'u', seq: 1, event: DROP }] };

test.each([
  ['is at the hub', [ONE, TWO, LAST], {}, { declared: 0, lost: 0 }, 0],
  ['is a gap with a name', [ONE, LAST], NAMED, { declared: 1, lost: 0 }, 0],
  ['is a gap without a name', [ONE, LAST], { ...NAMED, events: [] }, { declared: 1, lost: 0 }, 1],
  ['is gone without a word', [ONE, LAST], {}, { declared: 0, lost: 1 }, 3],
  ['is a gap and at the hub', [ONE, TWO, LAST], NAMED, { declared: 1, duplicated: 1 }, 3],
  ['went, and its neighbour with it', [ONE], NAMED, { declared: 1, lost: 1 }, 3],
])('what was damaged %s', (_, stored, change, figures, told) => {
  const epoch = 'e'.repeat(32);
  const before = { ...bufferOf({ 'a/b': [ONE, TWO, LAST] }), epoch };
  const events = 'events' in change ? [{ seq: 1, event: DROP }] : [];
  const urgent = { epoch: 'u', alarms: [], events: change === NAMED ? events : [] };
  const present = { ...bufferOf({ 'a/b': [ONE, LAST] }), epoch, urgent, missing: [2] };
  const hub = hubOf({ 'a/b': stored }, { storeSeq: 3, ledger: { seq: 3, samples: stored.length }, ...change });
  const problems: string[] = [];
  expect(checkStored(present, hub, problems, [before])).toMatchObject(figures);
  expect(problems).toHaveLength(told);
});

test('a number that was given anew, for a record without samples, takes nothing from the one before it', () => {
  const epoch = 'e'.repeat(32);
  const before = { ...bufferOf({ 'a/b': [ONE] }), epoch };
  const present = { ...bufferOf({ 'a/b': [TWO, LAST] }), epoch, seqs: new Set([1, 2, 3]) };
  const problems: string[] = [];
  const hub = hubOf({ 'a/b': [ONE, TWO, LAST] }, { storeSeq: 3, ledger: { seq: 3, samples: 3 } });
  expect(checkStored(present, hub, problems, [before])).toMatchObject({ lost: 0, duplicated: 0 });
  expect(problems).toEqual([]);
});

test('times of a gateway whose clock was set are those of the true clock', () => {
  const HOUR = 3_600_000;
  const steps = [
    { from: T, offsetMs: 0 },
    { from: T + 100_000, offsetMs: 5 * HOUR },
    { from: T + 200_000, offsetMs: -3 * HOUR },
  ];
  const shown = [T + 50_000, T + 150_000 + 5 * HOUR, T + 250_000 - 3 * HOUR].map((at) => sample(at, 1));
  const source = { ...shown[1]!, at: T + 149_000 };
  const problems: string[] = [];
  const { tags } = byTrueClock(bufferOf({ 'm/x': shown, 'p/n': [source] }), steps, problems);
  expect(tags.get('m/x')!.map(({ at }) => at)).toEqual([T + 50_000, T + 150_000, T + 250_000]);
  expect(tags.get('p/n')![0]).toMatchObject({ at: T + 149_000, receivedAt: T + 150_001 });
  expect(problems).toEqual([]);
  byTrueClock(bufferOf({ 'm/x': [sample(T - 10 * HOUR, 1)] }), steps, problems);
  expect(problems).toHaveLength(1);
});

function polled(values: number[], deadband?: number): TruthTag {
  const served = values.map((value, i) => ({ at: T + i * POLL, value, quality: 0 }));
  return { key: 'm/x', device: 'm', kind: 'modbus', deadband, served };
}

function read(poll: number, value: number): BufferedSample {
  return sample(T + poll * POLL + 3, value);
}

const NO_OUTAGE: Outage[] = [];
const KILLED: Outage[] = [{ program: 'gateway', from: T + 4.5 * POLL, to: T + 6 * POLL }];

test.each([
  ['every read', polled([1, 1, 2]), [read(0, 1), read(1, 1), read(2, 2)], NO_OUTAGE, { buffered: 3 }],
  ['a read that is missing', polled([1, 1, 2]), [read(0, 1), read(2, 2)], NO_OUTAGE, { missing: 1 }],
  ['a read that comes twice', polled([1, 2]), [read(0, 1), read(0, 1), read(1, 2)], NO_OUTAGE, { unexplained: 1 }],
  [
    'a value that was not served',
    polled([1, 2]),
    [read(0, 1), read(1, 3)],
    NO_OUTAGE,
    { unexplained: 1, missing: 1 },
  ],
  ['a value of long ago', polled([1]), [read(0, 1), read(9, 1)], NO_OUTAGE, { unexplained: 1 }],
  ['a deadband', polled([1, 1, 2, 2], 0), [read(0, 1), read(2, 2)], NO_OUTAGE, { buffered: 2, unchanged: 2 }],
  ['a change held back', polled([1, 2, 3], 0), [read(0, 1), read(2, 3)], NO_OUTAGE, { missing: 1 }],
  ['no change let through', polled([1, 1], 0), [read(0, 1), read(1, 1)], NO_OUTAGE, { unexplained: 1 }],
  [
    'a kill',
    polled([1, 2, 3, 4, 5, 6, 7]),
    [read(0, 1), read(1, 2), read(6, 7)],
    KILLED,
    { buffered: 3, excused: 4, missing: 0 },
  ],
  [
    'a kill that does not excuse what came long before it',
    polled([1, 2, 3, 4, 5, 6, 7]),
    [read(0, 1), read(6, 7)],
    KILLED,
    { excused: 4, missing: 1 },
  ],
  [
    'Bad without cause',
    polled([1, 1]),
    [read(0, 1), sample(T + 5, null, 1), read(1, 1)],
    NO_OUTAGE,
    { unexplained: 1 },
  ],
])('the buffer against a polled device: %s', (_, tag, samples, outages, figures) => {
  const clean = { missing: 0, unexplained: 0, retold: 0 };
  const problems: string[] = [];
  // Another tag shows that the device was heard shortly before the kill.
  const buffer = bufferOf({ 'm/x': samples, 'm/y': [read(4, 1)] });
  expect(checkTruth([tag], buffer, outages, problems)).toMatchObject({ ...clean, ...figures });
});

const NODE: TruthTag = {
  key: 'p/n',
  device: 'p',
  kind: 'opcua',
  deadband: undefined,
  served: [1, 2, 3].map((value, i) => ({ at: T + i * 100, value, quality: 0 })),
};
const [FIRST, SECOND, THIRD] = NODE.served.map(({ at, value }) => sample(at, value)) as [
  BufferedSample,
  BufferedSample,
  BufferedSample,
];
const CUT: Outage[] = [{ program: { device: 'p' }, from: T + 120, to: T + 120 }];
const ELSEWHERE: Outage[] = [{ program: { device: 'm' }, from: T + 120, to: T + 120 }];
const BAD = sample(T + 150, null, 0x8031_0000);
const DOWN = { ...sample(T + 150, 0), receivedAt: T + 150 };

test('what the gateway says of a device is no word of the device itself', () => {
  const links = [{ ...sample(T - 500, 0), receivedAt: T - 500 }];
  const buffer = bufferOf({ 'p/n': [SECOND, THIRD], 'p/$link': links, 'p/$buffer': [sample(T - 400, 0)] });
  expect(checkTruth([NODE], buffer, [], [])).toMatchObject({ missing: 0, excused: 1 });
});

test.each([
  ['every change', [FIRST, SECOND, THIRD], [], { buffered: 3 }],
  ['a value retold after a cut', [FIRST, SECOND, sample(T + 190, 2), THIRD], [], { buffered: 3, retold: 1 }, CUT],
  ['a value retold after none', [FIRST, SECOND, sample(T + 190, 2), THIRD], [], { unexplained: 1 }, ELSEWHERE],
  ['a change that is missing', [FIRST, THIRD], [], { missing: 1 }],
  ['a change that comes twice', [FIRST, SECOND, SECOND, THIRD], [], { unexplained: 1 }],
  ['changes out of order', [FIRST, THIRD, SECOND], [], { unexplained: 1, missing: 1 }],
  ['another time', [FIRST, sample(T + 101, 2), THIRD], [], { unexplained: 1, missing: 1 }],
  ['another quality', [FIRST, sample(T + 100, 2, 7), THIRD], [], { unexplained: 1, missing: 1 }],
  ['an outage', [FIRST, SECOND, BAD, sample(T + 190, 2), THIRD], [DOWN], { buffered: 3, retold: 2 }],
  ['an old value retold', [FIRST, SECOND, BAD, sample(T + 190, 9), THIRD], [DOWN], { unexplained: 1, retold: 1 }],
])('the buffer against a subscribed device: %s', (_, samples, links, figures, outages = NO_OUTAGE) => {
  const clean = { missing: 0, unexplained: 0, retold: 0 };
  const buffer = bufferOf({ 'p/n': samples, 'p/$link': links });
  expect(checkTruth([NODE], buffer, outages, [])).toMatchObject({ ...clean, ...figures });
});

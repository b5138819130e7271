/** On real stores: what gateways sent, what they gave up, and what the hub says of the day. */
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CompletenessService } from '../../../hub/completeness/completeness-service.ts';
import { commitRecords } from '../../../hub/store/postgres/ledger.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';
import { columns, record } from '../../services/samples.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const MIDNIGHT = Date.UTC(2026, 10, 20);
const EPOCH = 'a'.repeat(32);
const TAGS = {
  good: [1, 2, 3],
  lossy: [4, 5, 6],
  away: [7, 8, 9],
} as const;

let stores: HubStores;
let now = MIDNIGHT + 25 * HOUR;
let service: CompletenessService;

beforeAll(async () => {
  stores = await openStores();
  service = new CompletenessService({
    db: stores.db,
    timeSeries: stores.timeSeries,
    gateways: () => Object.keys(TAGS),
    timeZoneOf: () => 'UTC',
    tagsOf: (gateway) => {
      const [link, speed, score] = TAGS[gateway as keyof typeof TAGS];
      return [
        { id: link, device: 'press', name: LINK_TAG },
        { id: speed, device: 'press', name: 'speed' },
        { id: score, device: 'wear-model', name: 'score' },
      ];
    },
    log: pino({ level: 'silent' }),
    now: () => now,
  });
  for (const [gateway, [link, speed, score]] of Object.entries(TAGS)) {
    const until = gateway === 'away' ? MIDNIGHT + 6 * HOUR : MIDNIGHT + 25 * HOUR;
    const samples: [tag: number, at: number, value: number][] = [];
    const add = (tag: number, at: number, value: number) => samples.push([tag, at, value]);
    // Sparse heartbeats would be silence; every 15 s is still patience.
    for (let at = MIDNIGHT; at < until; at += 15_000) add(link, at, 1);
    for (let at = MIDNIGHT; at < until; at += MINUTE) add(speed, at, at);
    add(score, MIDNIGHT + HOUR, 0.5);
    await stores.timeSeries.append([record(1, columns(...samples), gateway, EPOCH)]);
  }
  const drop = { kind: 'drop', reason: 'bufferFull', fromSeq: 10, toSeq: 19, samples: 4_711 } as const;
  const span = { fromAt: MIDNIGHT + 2 * HOUR, toAt: MIDNIGHT + 3 * HOUR };
  const unnumbered = { kind: 'drop', reason: 'diskFault', fromSeq: null, toSeq: null, samples: 5 } as const;
  const at = MIDNIGHT + 4 * HOUR;
  await commitRecords(stores.db, {
    ...{ gateway: 'lossy', epoch: EPOCH, seq: 30, samples: 0, alarmEvents: [], at: MIDNIGHT + 5 * HOUR },
    gaps: [
      { fromSeq: 10, toSeq: 19, cause: 'no longer there', ...span },
      { fromSeq: 25, toSeq: 25, cause: 'damaged', fromAt: null, toAt: null },
    ],
    events: [
      { seq: 30, place: 0, event: { ...drop, ...span, at } },
      { seq: 30, place: 1, event: { ...unnumbered, fromAt: at, toAt: at, at } },
      { seq: 30, place: 2, event: { kind: 'clock', at, stepMs: -3_000 } },
      // Of another day.
      { seq: 30, place: 3, event: { ...unnumbered, fromAt: MIDNIGHT - HOUR, toAt: MIDNIGHT - 1, at } },
    ],
  });
});
afterAll(() => stores.close());

const verdicts = async (day: string) =>
  (await service.ofDay(day)).map(({ gateway, delivery }) => `${gateway} ${delivery}`);

describe('a day that is over', () => {
  test('is complete, or says what is missing and why, or waits for a gateway', async () => {
    const [away, good, lossy] = await service.ofDay('2026-11-20');
    expect(good).toMatchObject({ gateway: 'good', delivery: 'complete', missing: [], samples: 5_760 + 1_440 + 1 });
    expect(good!.devices).toMatchObject([
      { device: 'press', samples: 7_200, collectedMs: 24 * HOUR, expectedMs: 24 * HOUR, silent: [] },
    ]);
    expect(away).toMatchObject({ gateway: 'away', delivery: 'open', missing: [] });
    expect(away!.devices[0]!.silent).toMatchObject([{ to: MIDNIGHT + 24 * HOUR, cause: 'gatewayAway' }]);
    expect(lossy).toMatchObject({ gateway: 'lossy', delivery: 'incomplete', clockSteps: [{ stepMs: -3_000 }] });
    expect(lossy!.missing).toEqual([
      {
        ...{ cause: 'bufferFull', epoch: EPOCH, fromSeq: 10, toSeq: 19, samples: 4_711 },
        ...{ fromAt: MIDNIGHT + 2 * HOUR, toAt: MIDNIGHT + 3 * HOUR },
      },
      { cause: 'damaged', epoch: EPOCH, fromSeq: 25, toSeq: 25, samples: null, fromAt: null, toAt: null },
      {
        ...{ cause: 'diskFault', epoch: null, fromSeq: null, toSeq: null, samples: 5 },
        ...{ fromAt: MIDNIGHT + 4 * HOUR, toAt: MIDNIGHT + 4 * HOUR },
      },
    ]);
  });

  test('is stated once all of it is here, and an open one when there is no more hope', async () => {
    await service.stateDays();
    const stated = () =>
      stores.db.selectFrom('completeness_statements').select(['gateway', 'day']).orderBy('gateway').execute();
    expect(await stated()).toEqual([
      { gateway: 'good', day: '2026-11-20' },
      { gateway: 'lossy', day: '2026-11-20' },
    ]);
    // What waits for its data is not counted every time that somebody looks whether it has come.
    const counting = vi.spyOn(stores.timeSeries, 'perTag');
    await service.stateDays();
    expect(counting).not.toHaveBeenCalled();
    counting.mockRestore();
    now = MIDNIGHT + 7 * 24 * HOUR + HOUR;
    await service.stateDays();
    expect(await stated()).toContainEqual({ gateway: 'away', day: '2026-11-20' });
    expect(await verdicts('2026-11-20')).toEqual(['away open', 'good complete', 'lossy incomplete']);
    now = MIDNIGHT + 25 * HOUR;
  });
});

test('today is open', async () => {
  expect((await service.ofDay()).map(({ day, delivery }) => `${day} ${delivery}`)).toEqual(
    Array.from({ length: 3 }, () => '2026-11-21 open'),
  );
});

test('before all data there is nothing to say', async () => {
  const [, good] = await service.ofDay('2026-11-01');
  expect(good).toMatchObject({ samples: 0, devices: [{ expectedMs: 0, silent: [] }] });
});

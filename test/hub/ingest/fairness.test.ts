import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Ingest } from '../../../hub/ingest/ingest.ts';
import type { RecordId, TimeSeriesStore } from '../../../hub/store/timeseries/time-series.ts';
import { envelope, tagInfo } from '../../services/gateway-records.ts';

const BATCH = 1_000;

describe('a gateway that catches up beside those that are live', () => {
  /** What each append was given; it is done when it is told so. */
  let appends: { ids: RecordId[]; handedOver(): void; done: PromiseWithResolvers<void> }[];
  let answers: { gateway: string; seq: number }[];
  let ingest: Ingest;
  let changed: PromiseWithResolvers<void>;
  let ending: boolean;

  beforeEach(async () => {
    appends = [];
    answers = [];
    changed = Promise.withResolvers();
    ending = false;
    const append: TimeSeriesStore['append'] = (records, handedOver) => {
      const done = Promise.withResolvers<void>();
      if (ending) done.resolve();
      appends.push({ ids: records.map(({ id }) => id), handedOver: handedOver!, done });
      changed.resolve();
      changed = Promise.withResolvers();
      return done.promise;
    };
    ingest = new Ingest({
      timeSeries: { append } as TimeSeriesStore,
      ledger: {
        watermarks: async () => [],
        describeTags: async () => new Map([[1, 1]]),
        knownTags: async () => new Map([[1, 1]]),
        commit: async (runs) => runs.map(() => ({ changed: [], lost: false })),
        quarantine: async () => undefined,
      },
      answer: (gateway, { seq }) => answers.push({ gateway, seq }),
      onArrival: () => undefined,
      onTags: () => undefined,
      onCommitted: () => undefined,
      onQuarantine: () => undefined,
      log: pino({ level: 'silent' }),
    });
    await ingest.start();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    ending = true;
    for (const { done } of appends) done.resolve();
    await ingest.stop();
  });

  const appended = async (count: number) => {
    while (appends.length < count) await changed.promise;
    return appends[count - 1]!;
  };
  const send = (gateway: string, seq: number, samples = 1) =>
    ingest.data(
      gateway,
      envelope(seq, {
        tags: [tagInfo(1, 'speed')],
        samples: Array.from({ length: samples }, (_, i) => [1, seq * samples + i, i]),
      }),
    );
  const byGateway = ({ ids }: { ids: RecordId[] }, gateway: string) =>
    ids.filter((id) => id.gateway === gateway).map(({ seq }) => seq);

  test('what is live goes with the next group, and nothing is left out, doubled or out of order', async () => {
    for (let seq = 1; seq <= 300; seq++) await send('late', seq, BATCH);
    await send('live-1', 1);
    const first = await appended(1);
    expect(byGateway(first, 'late').length).toBeGreaterThanOrEqual(20);
    for (let seq = 301; seq <= 320; seq++) await send('late', seq, BATCH);
    await send('live-2', 1);
    await send('live-1', 2);
    first.done.resolve();

    // There is more of the backlog than one group takes, and it was there first.
    const second = await appended(2);
    expect(byGateway(second, 'live-2')).toEqual([1]);
    expect(byGateway(second, 'live-1').at(-1)).toBe(2);
    expect(byGateway(second, 'late').length).toBeLessThan(320 - byGateway(first, 'late').length + 1);
    for (let next = 3; ; next++) {
      appends.at(-1)!.done.resolve();
      if (appends.flatMap((each) => byGateway(each, 'late')).length === 320) break;
      await appended(next);
    }
    const all = (gateway: string) => appends.flatMap((each) => byGateway(each, gateway));
    expect(all('late')).toEqual(Array.from({ length: 320 }, (_, i) => i + 1));
    expect([all('live-1'), all('live-2')]).toEqual([[1, 2], [1]]);
    await expect.poll(() => answers.filter(({ gateway }) => gateway === 'late').at(-1)?.seq).toBe(320);
    expect(answers.filter(({ gateway }) => gateway === 'late').map(({ seq }) => seq)).toEqual(
      answers
        .filter(({ gateway }) => gateway === 'late')
        .map(({ seq }) => seq)
        .toSorted((a, b) => a - b),
    );
  });

  test('where commits take long, groups get smaller, so that what is live waits less', async () => {
    let passed = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + passed);
    for (let seq = 1; seq <= 600; seq++) await send('late', seq, BATCH);
    const first = await appended(1);
    // Two seconds for what came first: a group is to be what takes a quarter of one.
    passed += 2_000;
    first.done.resolve();
    const second = await appended(2);
    expect(second.ids.length).toBeLessThan(first.ids.length);
    passed += 2_000;
    second.done.resolve();
    expect((await appended(3)).ids.length).toBeLessThan(second.ids.length);
  });

  test('while a group only waits for the store, as much as it holds is taken behind it, and no more', async () => {
    for (let seq = 1; seq <= 50; seq++) await send('late', seq, 20_000);
    const first = await appended(1);
    const room = first.ids.length;
    let taken = 0;
    const held = Array.from({ length: room + 1 }, (_, i) => send('late', 51 + i, 20_000).then(() => taken++));
    first.handedOver();
    await held[room - 1];
    expect([taken, ingest.waitingSamples]).toEqual([room, 1_000_000 + room * 20_000]);
    first.done.resolve();
    const second = await appended(2);
    expect([second.ids[0]!.seq, taken]).toEqual([room + 1, room]);
    second.handedOver();
    await held[room];
  });

  test('when no more may wait, who has nothing waiting is let in, and a repeat is no more', async () => {
    for (let seq = 1; seq <= 50; seq++) await send('late', seq, 20_000);
    expect(ingest.waitingSamples).toBe(1_000_000);
    let taken = false;
    const held = send('late', 51).then(() => {
      taken = true;
    });
    await send('live', 1);
    await send('live', 1);
    expect([taken, ingest.waitingSamples, ingest.counts.duplicates]).toEqual([false, 1_000_001, 1]);
    (await appended(1)).done.resolve();
    await held;
    expect(answers.some(({ gateway, seq }) => gateway === 'live' && seq === 1)).toBe(true);
  });
});

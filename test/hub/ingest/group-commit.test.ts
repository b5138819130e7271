import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Ingest } from '../../../hub/ingest/ingest.ts';
import type { TimeSeriesStore } from '../../../hub/store/timeseries/time-series.ts';
import { alarmEvent, envelope, tagInfo } from '../../services/gateway-records.ts';

const GATEWAY = 'press-1';

describe('when accepted records are committed', () => {
  /** Records of each append that was tried. */
  let appends: number[];
  let failing: boolean;
  let ingest: Ingest;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    appends = [];
    failing = false;
    const append: TimeSeriesStore['append'] = async (records) => {
      appends.push(records.length);
      if (failing) throw new Error('no disk');
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
      answer: () => undefined,
      onArrival: () => undefined,
      onTags: () => undefined,
      onCommitted: () => undefined,
      onQuarantine: () => undefined,
      log: pino({ level: 'silent' }),
    });
    await ingest.start();
  });
  afterEach(async () => {
    failing = false;
    await ingest.stop();
    vi.useRealTimers();
  });

  const arrive = (seq: number, alarms: ReturnType<typeof alarmEvent>[] = []) =>
    ingest.data(GATEWAY, envelope(seq, { tags: [tagInfo(1, 'speed')], samples: [[1, seq, seq]], alarms }));

  test('together, half a second after the first', async () => {
    await arrive(1);
    await vi.advanceTimersByTimeAsync(300);
    await arrive(2);
    await vi.advanceTimersByTimeAsync(199);
    expect(appends).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(appends).toEqual([2]);
  });

  test('at once when there is an alarm among them', async () => {
    await arrive(1);
    await arrive(2, [alarmEvent()]);
    await vi.advanceTimersByTimeAsync(0);
    expect(appends).toEqual([2]);
  });

  test('at once when a gateway catches up', async () => {
    for (let seq = 1; seq <= 32; seq++) await arrive(seq);
    await vi.advanceTimersByTimeAsync(0);
    expect(appends).toEqual([32]);
  });

  test('less and less often while the store fails, however much waits', async () => {
    failing = true;
    for (let seq = 1; seq <= 32; seq++) await arrive(seq);
    await vi.advanceTimersByTimeAsync(0);
    expect(appends).toEqual([32]);
    for (let seq = 33; seq <= 64; seq++) {
      await arrive(seq, [alarmEvent()]);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(appends.length).toBeLessThan(12);
    failing = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(appends.at(-1)).toBe(64);
  });
});

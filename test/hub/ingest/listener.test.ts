/** What a hub makes of gateways whose data another hub takes. */
import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Arrival } from '../../../hub/ingest/ingest.ts';
import { type HeardRun, Listener } from '../../../hub/ingest/listener.ts';
import { alarmEvent, EPOCH, envelope, envelopeOf, tagInfo } from '../../services/gateway-records.ts';

const OTHER = 'b'.repeat(32);

describe('a listener', () => {
  let known: Map<number, number>;
  /** What is asked for tags, in order; the first of them fail. */
  let lookUps: string[];
  let failing: number;
  let arrivals: Arrival[];
  let runs: HeardRun[];
  let listener: Listener;

  beforeEach(() => {
    known = new Map([[1, 101]]);
    lookUps = [];
    failing = 0;
    arrivals = [];
    runs = [];
    listener = new Listener({
      async knownTags(gateway, epoch) {
        lookUps.push(`${gateway} ${epoch[0]}`);
        if (failing > 0) {
          failing--;
          throw new Error('no database');
        }
        return new Map(known);
      },
      onArrival: (arrival) => arrivals.push(arrival),
      onCommitted: (run) => runs.push(run),
      log: pino({ level: 'silent' }),
    });
  });

  const record = (seq: number, value = seq, options: { epoch?: string } = {}) =>
    envelope(seq, { receivedAt: seq * 10, samples: [[1, seq, value]] }, options);
  const shown = () => arrivals.map(({ samples }) => samples.values.at(0));
  const tags = () => arrivals.map(({ samples }) => [...samples.tags]);

  test('shows at once what it hears, and tells what is stored when the other hub has said so', async () => {
    for (const seq of [1, 2, 3]) await listener.data('press', record(seq));
    expect(arrivals[0]).toMatchObject({
      gateway: 'press',
      samples: { tags: new Int32Array([101]), at: new Float64Array([1]), quality: new Uint32Array([0]) },
      frames: [{ device: 'packer', receivedAt: 10 }],
    });
    expect(shown()).toEqual([1, 2, 3]);
    expect(runs).toEqual([]);
    listener.committed('press', { epoch: EPOCH, seq: 2, resend: false });
    listener.committed('press', { epoch: EPOCH, seq: 2, resend: false });
    listener.committed('press', { epoch: OTHER, seq: 3, resend: false });
    listener.committed('saw', { epoch: EPOCH, seq: 3, resend: false });
    expect(runs.map(({ samples }) => samples.map(({ at }) => at[0]))).toEqual([[1, 2]]);
    listener.committed('press', { epoch: EPOCH, seq: 3, resend: false });
    expect(runs[1]).toMatchObject({
      gateway: 'press',
      samples: [{ tags: new Int32Array([101]), at: new Float64Array([3]) }],
      describes: false,
    });
  });

  test('tells of new tags and of alarms once they are stored', async () => {
    const alarms = [alarmEvent({ occurrence: 'hot-1' }), alarmEvent({ occurrence: 'hot-2' })];
    await listener.data('press', envelope(1, { tags: [tagInfo(1, 'oil')], samples: [[1, 1, 1]], alarms }));
    listener.committed('press', { epoch: EPOCH, seq: 1, resend: false });
    expect(runs).toMatchObject([{ occurrences: ['hot-1', 'hot-2'], describes: true }]);
  });

  test('shows nothing twice that a gateway sends again, and begins anew with another buffer of it', async () => {
    for (const seq of [1, 2, 1, 2, 3]) await listener.data('press', record(seq));
    expect(shown()).toEqual([1, 2, 3]);
    await listener.data('press', record(1, 11, { epoch: OTHER }));
    expect(shown()).toEqual([1, 2, 3, 11]);
    listener.committed('press', { epoch: EPOCH, seq: 3, resend: false });
    expect(runs).toEqual([]);
    expect(lookUps).toEqual(['press a', 'press b']);
  });

  test('one record that cannot be read hides none of those after it', async () => {
    await listener.data('press', record(1));
    await listener.data('press', Buffer.from('no envelope'));
    await listener.data('press', envelopeOf(2, Buffer.from('no batch')));
    await listener.live('press', envelopeOf(3, Buffer.from('no batch')));
    await listener.data('press', record(3));
    expect(shown()).toEqual([1, 3]);
    listener.committed('press', { epoch: EPOCH, seq: 3, resend: false });
    expect(runs.map(({ samples }) => samples.length)).toEqual([2]);
  });

  test('a database that is away hides nothing for longer than it is away', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(5_000);
    failing = 1;
    await listener.data('press', record(1));
    expect(tags()).toEqual([[]]);
    // Not asked again with each record.
    await listener.data('press', record(2));
    expect(lookUps).toHaveLength(1);
    now.mockReturnValue(6_000);
    await listener.data('press', record(3));
    expect([tags().at(-1), shown().at(-1)]).toEqual([[101], 3]);
    listener.committed('press', { epoch: EPOCH, seq: 3, resend: false });
    expect(runs.map(({ samples }) => samples.length)).toEqual([3]);
    now.mockRestore();
  });

  test('tags that another hub learns of are looked for again, once in a second', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(5_000);
    const both = (seq: number) =>
      envelope(seq, {
        samples: [
          [1, seq, 1],
          [2, seq, 2],
        ],
      });
    await listener.data('press', both(1));
    known.set(2, 102);
    await listener.data('press', both(2));
    expect(tags()).toEqual([[101], [101]]);
    now.mockReturnValue(6_000);
    await listener.data('press', both(3));
    await listener.data('press', both(4));
    expect(tags().slice(2)).toEqual([
      [101, 102],
      [101, 102],
    ]);
    expect(lookUps).toHaveLength(2);
    now.mockRestore();
  });

  test('what a gateway shows before its backlog is shown, and waits for no commit', async () => {
    await listener.live('press', record(900));
    await listener.data('press', record(1));
    expect(shown()).toEqual([900, 1]);
    listener.committed('press', { epoch: EPOCH, seq: 1_000, resend: false });
    expect(runs.map(({ samples }) => samples.map(({ at }) => at[0]))).toEqual([[1]]);
  });

  test('forgets the oldest when nobody commits, and everything of a gateway that this hub takes itself', async () => {
    for (let seq = 1; seq <= 503; seq++) await listener.data('press', record(seq));
    await listener.data('saw', record(1));
    listener.forget(['saw']);
    listener.committed('saw', { epoch: EPOCH, seq: 1, resend: false });
    expect(runs).toEqual([]);
    listener.committed('press', { epoch: EPOCH, seq: 503, resend: false });
    expect(runs[0]!.samples.map(({ at }) => at[0])).toEqual(Array.from({ length: 500 }, (_, i) => i + 4));
  });
});

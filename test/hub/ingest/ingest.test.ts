import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { Committed } from '@lineside/shared/contracts/link.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Arrival, Ingest, type IngestOptions } from '../../../hub/ingest/ingest.ts';
import type { CommittedRun, IngestLedger } from '../../../hub/ingest/ledger.ts';
import { DuckDbStore } from '../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { alarmEvent, EPOCH, envelope, envelopeOf, type TestSample, tagInfo } from '../../services/gateway-records.ts';

const OTHER = 'b'.repeat(32);

/** In memory what the relational one is on disk, and it fails when it is told to. */
class MemoryLedger implements IngestLedger {
  readonly marks = new Map<string, number>();
  readonly ids = new Map<string, number>();
  readonly catalogues = new Map<string, Map<number, number>>();
  readonly runs: CommittedRun[] = [];
  readonly quarantined: { gateway: string; reason: string; bytes: number }[] = [];
  fail: Partial<Record<'commit' | 'describeTags' | 'knownTags', number>> = {};

  async watermarks() {
    return [...this.marks].map(([key, seq]) => {
      const [gateway, epoch] = key.split(' ') as [string, string];
      return { gateway, epoch, seq };
    });
  }

  async describeTags(gateway: string, epoch: string, tags: TagInfo[]) {
    this.#failing('describeTags');
    const known = this.catalogues.get(`${gateway} ${epoch}`) ?? new Map<number, number>();
    for (const tag of tags) {
      const name = `${gateway}/${tag.device}/${tag.name}`;
      if (!this.ids.has(name)) this.ids.set(name, this.ids.size + firstTag);
      known.set(tag.id, this.ids.get(name)!);
    }
    this.catalogues.set(`${gateway} ${epoch}`, known);
    return known;
  }

  async knownTags(gateway: string, epoch: string) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#failing('knownTags');
    return new Map(this.catalogues.get(`${gateway} ${epoch}`));
  }

  async commit(runs: CommittedRun[]) {
    this.#failing('commit');
    return runs.map((run) => {
      const key = `${run.gateway} ${run.epoch}`;
      if (run.seq <= (this.marks.get(key) ?? 0)) return { changed: [], lost: false };
      this.marks.set(key, run.seq);
      this.runs.push(run);
      return { changed: run.alarms.map(({ occurrence }) => occurrence), lost: false };
    });
  }

  async quarantine(gateway: string, reason: string, message: Buffer) {
    this.quarantined.push({ gateway, reason, bytes: message.length });
  }

  #failing(what: keyof MemoryLedger['fail']): void {
    const left = this.fail[what] ?? 0;
    if (left <= 0) return;
    this.fail[what] = left - 1;
    throw new Error(`${what} fails`);
  }
}

let dir: string;
let store: DuckDbStore;
let firstTag = 1;
let gateway = '';
let count = 0;
let ledger: MemoryLedger;
let ingest: Ingest;
let answers: (Committed & { gateway: string })[];
let arrivals: Arrival[];
let committed: { run: CommittedRun; stored: number; changed: string[] }[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-ingest-'));
  store = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB' });
  await store.open();
});
afterAll(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  // The store is one for all tests: each has gateways and tags of its own.
  gateway = `press-${++count}`;
  firstTag = count * 1_000;
  ledger = new MemoryLedger();
  await restart();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await ingest.stop();
});

/** A hub that starts anew on the same stores. */
async function restart(change: Partial<IngestOptions> = {}): Promise<void> {
  answers = [];
  arrivals = [];
  committed = [];
  ingest = new Ingest({
    timeSeries: store,
    ledger,
    answer: (to, body) => answers.push({ gateway: to, ...body }),
    onArrival: (arrival) => arrivals.push(arrival),
    onTags: () => undefined,
    onCommitted: (run, samples, changed) =>
      committed.push({ run, changed, stored: samples.reduce((sum, { tags }) => sum + tags.length, 0) }),
    onQuarantine: () => undefined,
    log: pino({ level: 'silent' }),
    ...change,
  });
  await ingest.start();
}

const TAGS = [tagInfo(1, 'speed'), tagInfo(2, 'state', 'integer')];
const speed = (at: number, value: number): TestSample => [1, at, value];
const stored = async (name = 'speed', of = gateway) => {
  const id = ledger.ids.get(`${of}/packer/${name}`)!;
  return (await store.range(id, 0, 1e15)).map(({ at, value }) => [at, value]);
};
const answered = (seq: number, of = gateway, epoch = EPOCH) =>
  vi.waitFor(() => expect(answers).toContainEqual({ gateway: of, epoch, seq, resend: false }), {
    timeout: 15_000,
    interval: 10,
  });
const first = () => envelope(1, { tags: TAGS, samples: [speed(1, 10)] });

describe('ingest', () => {
  test('stores in order what comes, and then answers', async () => {
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20), [2, 2, 6, Quality.Uncertain]] }));
    await ingest.data(gateway, envelope(3, { samples: [speed(3, 30)] }));
    expect(answers).toEqual([]);
    await answered(3);
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
    const state = ledger.ids.get(`${gateway}/packer/state`)!;
    expect(await store.range(state, 0, 9)).toEqual([{ at: 2, value: 6, quality: Quality.Uncertain }]);
    expect(committed).toMatchObject([{ run: { gateway, seq: 3, samples: 4 }, stored: 4 }]);
    expect(arrivals.map(({ frames }) => frames)).toMatchObject([[{ device: 'packer', receivedAt: 1 }], [{}], [{}]]);
  });

  test('what was read out of a device’s history late is stored at its time, and is no news of the present', async () => {
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(50, 500)] }));
    await ingest.data(gateway, envelope(3, { past: [speed(20, 200), speed(30, 300)], samples: [speed(60, 600)] }));
    await ingest.data(gateway, envelope(4, { past: [speed(40, 400)] }));
    await answered(4);
    expect(arrivals.map(({ samples }) => [...samples.at])).toEqual([[1], [50], [60]]);
    const { values, quality } = arrivals.at(-1)!.samples;
    expect([[...values], [...quality]]).toEqual([[600], [0]]);
    expect(arrivals.at(-1)!.frames).toHaveLength(1);
    expect((await stored()).map(([at]) => at)).toEqual([1, 20, 30, 40, 50, 60]);
    expect(committed.flatMap(({ run }) => run.samples)).toSatisfy(
      (sums: number[]) => sums.reduce((a, b) => a + b) === 6,
    );
  });

  test('what comes twice is stored once and answered again', async () => {
    await ingest.data(gateway, first());
    await ingest.data(gateway, first());
    await answered(1);
    answers.length = 0;
    await ingest.data(gateway, first());
    expect(answers).toEqual([{ gateway, epoch: EPOCH, seq: 1, resend: false }]);
    expect(ingest.counts).toMatchObject({ duplicates: 2, recordsAccepted: 1 });
    expect(await stored()).toEqual([[1, 10]]);
  });

  test('what is shown before its turn is seen at once, and stored only when it comes', async () => {
    await ingest.data(gateway, first());
    const shown = envelope(9, { samples: [speed(9, 90)] });
    await ingest.live(gateway, shown);
    const { at, values } = arrivals.at(-1)!.samples;
    expect([[...at], [...values]]).toEqual([[9], [90]]);
    await answered(1);
    expect(await stored()).toEqual([[1, 10]]);
    for (let seq = 2; seq <= 9; seq++) await ingest.data(gateway, envelope(seq, { samples: [speed(seq, seq * 10)] }));
    await answered(9);
    const seen = arrivals.length;
    await ingest.live(gateway, shown);
    expect(arrivals).toHaveLength(seen);
    expect(ingest.counts).toMatchObject({ duplicates: 0, holes: 0, recordsAccepted: 9 });
  });

  test('what is shown of a tag that is not described yet is left out; garbage is kept aside', async () => {
    await ingest.live(gateway, envelope(9, { samples: [speed(9, 90)] }));
    expect(arrivals).toEqual([]);
    await ingest.live(gateway, Buffer.from('garbage'));
    expect(ledger.quarantined).toHaveLength(1);
  });

  test('a hole is asked for, and nothing behind it is taken', async () => {
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(3, { samples: [speed(3, 30)] }));
    expect(answers).toEqual([{ gateway, epoch: EPOCH, seq: 0, resend: true }]);
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await ingest.data(gateway, envelope(3, { samples: [speed(3, 30)] }));
    await answered(3);
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
    expect(ledger.runs.flatMap(({ gaps }) => gaps)).toEqual([]);
  });

  test('what the gateway itself has lost is a gap with its range', async () => {
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(8, { samples: [speed(8, 80)] }, { prev: 1 }));
    await answered(8);
    expect(ledger.runs.flatMap(({ gaps }) => gaps)).toMatchObject(
      [{ from: 2, to: 7, fromAt: 1, toAt: 8, cause: /no longer on the gateway/ }].map((gap) => ({
        ...gap,
        cause: expect.stringMatching(gap.cause),
      })),
    );
  });

  test('a hub that knows nothing takes the oldest that is left, with a gap before it', async () => {
    await ingest.data(gateway, envelope(41, { tags: TAGS, samples: [speed(1, 1)] }, { prev: 0 }));
    await answered(41);
    expect(ledger.runs[0]!.gaps).toMatchObject([{ from: 1, to: 40 }]);
  });

  test('hello is answered with what is committed, and not with what only was accepted', async () => {
    const hello = { epoch: EPOCH, oldest: 1, newest: 9 };
    await ingest.hello(gateway, hello);
    await ingest.data(gateway, first());
    await ingest.hello(gateway, hello);
    expect(answers.map(({ seq }) => seq)).toEqual([0, 0]);
    await answered(1);
    await restart();
    await ingest.hello(gateway, hello);
    expect(answers).toEqual([{ gateway, epoch: EPOCH, seq: 1, resend: false }]);
  });

  describe('what cannot be read is kept apart, counted and answered, and the rest flows on:', () => {
    const cases: [what: string, payload: () => Buffer, reason: RegExp, takesSeq: boolean][] = [
      ['no envelope', () => Buffer.from('{"hello": 1}'), /./, false],
      ['nothing', () => Buffer.alloc(0), /envelope/, false],
      ['no compressed batch', () => envelopeOf(2, Buffer.from('not zstd')), /record 2: malformed batch/, true],
      ['no batch inside', () => envelopeOf(2, compressBatch(Buffer.from([0xff, 0xff, 0xff]))), /record 2/, true],
      [
        'an unknown tag',
        () => envelope(2, { samples: [speed(2, 20), [77, 2, 1]] }),
        /tag 77 is not in the gateway's catal/,
        true,
      ],
      [
        'an alarm that is none',
        () => {
          const writer = new BatchWriter(new Map());
          writer.addAlarm({ occurrence: 5 } as never);
          return envelopeOf(2, compressBatch(writer.finish()));
        },
        /record 2/,
        true,
      ],
    ];
    test.each(cases)('%s', async (_what, payload, reason, takesSeq) => {
      await ingest.data(gateway, first());
      await ingest.data(gateway, payload());
      await ingest.data(gateway, envelope(takesSeq ? 3 : 2, { samples: [speed(3, 30)] }));
      await answered(takesSeq ? 3 : 2);
      expect(ledger.quarantined).toMatchObject([{ gateway, reason: expect.stringMatching(reason) }]);
      expect(ingest.counts).toMatchObject({ quarantined: 1, holes: 0, fault: '' });
      expect(await stored()).toEqual([
        [1, 10],
        [3, 30],
      ]);
    });
  });

  test('those who show the present may fail: the data is stored all the same', async () => {
    await restart({
      onArrival: () => {
        throw new Error('the board is broken');
      },
      onCommitted: () => {
        throw new Error('the desk is broken');
      },
    });
    await ingest.data(gateway, first());
    await answered(1);
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await answered(2);
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(ingest.counts.fault).toBe('');
  });

  test('while the ledger fails nothing is answered and nothing lost; then it heals by itself', async () => {
    ledger.fail.commit = 2;
    await ingest.data(gateway, envelope(1, { tags: TAGS, samples: [speed(1, 10)], alarms: [alarmEvent()] }));
    await vi.waitFor(() => expect(ingest.counts.fault).toContain('commit fails'), 15_000);
    expect(answers).toEqual([]);
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await answered(2);
    expect(ingest.counts.fault).toBe('');
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(committed.flatMap(({ changed }) => changed)).toEqual(['occurrence-1']);
  });

  test('while the time series fails likewise', async () => {
    vi.spyOn(store, 'append').mockRejectedValueOnce(new Error('no space left'));
    await ingest.data(gateway, first());
    await vi.waitFor(() => expect(ingest.counts.fault).toContain('no space left'), 15_000);
    expect(ledger.runs).toEqual([]);
    await answered(1);
    expect(await stored()).toEqual([[1, 10]]);
  });

  test('of two gateways in one group the one that was committed is not committed again', async () => {
    const other = `${gateway}-b`;
    await ingest.data(gateway, envelope(1, { tags: TAGS, samples: [speed(1, 10)] }));
    const urgent = { tags: TAGS, samples: [speed(1, 99)], alarms: [alarmEvent()] };
    const commit = ledger.commit.bind(ledger);
    // Together, then one by one.
    vi.spyOn(ledger, 'commit')
      .mockRejectedValueOnce(new Error('gone for a moment'))
      .mockImplementationOnce(commit)
      .mockRejectedValueOnce(new Error('gone for a moment'));
    await ingest.data(other, envelope(1, urgent, { epoch: OTHER }));
    await answered(1);
    expect(answers).toHaveLength(1);
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await answered(1, other, OTHER);
    await answered(2);
    expect(ledger.runs.map((run) => [run.gateway, run.seq, run.samples])).toEqual([
      [gateway, 1, 1],
      [other, 1, 1],
      [gateway, 2, 1],
    ]);
    expect(committed.flatMap(({ changed }) => changed)).toEqual(['occurrence-1']);
  });

  test('a record whose catalogue could not be kept comes again', async () => {
    ledger.fail.describeTags = 1;
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    expect(answers).toEqual([{ gateway, epoch: EPOCH, seq: 0, resend: true }]);
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await answered(2);
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(ingest.counts).toMatchObject({ quarantined: 0, fault: '' });
  });

  test('an epoch that could not be read is read at the next message', async () => {
    ledger.fail.knownTags = 1;
    await expect(ingest.data(gateway, first())).rejects.toThrow('knownTags fails');
    await ingest.data(gateway, first());
    await answered(1);
  });

  test('messages of an epoch that is not known yet keep their order', async () => {
    await Promise.all([
      ingest.data(gateway, first()),
      ...Array.from({ length: 20 }, (_, i) => ingest.data(gateway, envelope(i + 2, { samples: [speed(i + 2, i)] }))),
    ]);
    expect(ingest.counts).toMatchObject({ holes: 0, duplicates: 0, recordsAccepted: 21 });
    await answered(21);
    expect((await stored()).map(([at]) => at)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  });

  test('two gateways and two epochs of one go side by side', async () => {
    const other = `${gateway}-b`;
    for (let seq = 1; seq <= 6; seq++) {
      const tags = seq === 1 ? TAGS : [];
      await Promise.all([
        ingest.data(gateway, envelope(seq, { tags, samples: [speed(seq, seq)] })),
        ingest.data(other, envelope(seq, { tags, samples: [speed(seq, -seq)] })),
        ingest.data(gateway, envelope(seq, { tags, samples: [speed(100 + seq, seq)] }, { epoch: OTHER })),
      ]);
    }
    await Promise.all([answered(6), answered(6, other), answered(6, gateway, OTHER)]);
    // A new buffer goes on with the same series.
    expect((await stored()).map(([at]) => at)).toEqual([1, 2, 3, 4, 5, 6, 101, 102, 103, 104, 105, 106]);
    expect((await stored('speed', other)).map(([, value]) => value)).toEqual([-1, -2, -3, -4, -5, -6]);
  });

  test('a crash between the two stores changes nothing: the repeat is stored once and counted once', async () => {
    vi.spyOn(ledger, 'commit').mockImplementation(() => new Promise(() => undefined));
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await vi.waitFor(async () => expect(await store.watermark(gateway, EPOCH)).toBe(2), 15_000);
    vi.restoreAllMocks();
    await restart();
    await ingest.hello(gateway, { epoch: EPOCH, oldest: 1, newest: 3 });
    expect(answers).toMatchObject([{ seq: 0 }]);
    await ingest.data(gateway, first());
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    await ingest.data(gateway, envelope(3, { samples: [speed(3, 30)] }));
    await answered(3);
    expect(await stored()).toEqual([
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
    expect(ledger.runs).toMatchObject([{ seq: 3, samples: 3 }]);
  });

  test('a sender waits while more than a million samples wait, and goes on when they are stored', async () => {
    let open = () => {};
    const closed = new Promise<void>((resolve) => {
      open = resolve;
    });
    const append = vi.spyOn(store, 'append').mockImplementation(() => closed);
    const samples = Array.from({ length: 200_000 }, (_, i) => speed(i + 1, 1));
    await ingest.data(gateway, envelope(1, { tags: TAGS, samples }));
    for (let seq = 2; seq <= 5; seq++) await ingest.data(gateway, envelope(seq, { samples }));
    let gone = false;
    const sixth = ingest.data(gateway, envelope(6, { samples: [speed(1, 1)] })).then(() => {
      gone = true;
    });
    await vi.waitFor(() => expect(append).toHaveBeenCalled(), 15_000);
    expect(append.mock.calls[0]![0].length).toBe(1);
    expect(gone).toBe(false);
    open();
    await sixth;
    await answered(6);
  });

  test('at the end commits what it has accepted, and takes nothing more', async () => {
    await ingest.data(gateway, first());
    await ingest.stop();
    await ingest.data(gateway, envelope(2, { samples: [speed(2, 20)] }));
    expect(await stored()).toEqual([[1, 10]]);
    expect(ledger.marks.get(`${gateway} ${EPOCH}`)).toBe(1);
    await ingest.stop();
  });
});

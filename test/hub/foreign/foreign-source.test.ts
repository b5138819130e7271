/** Whatever the hub does, what others sent is committed once, in order; and what finds no room is told. */
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch, readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ForeignSample, ForeignSource } from '../../../hub/foreign/foreign-source.ts';

const NOW = 1_795_000_000_000;

let taken: { seq: number; prev: number; epoch: string; batch: Batch }[];
let source: ForeignSource;

beforeEach(() => {
  vi.useFakeTimers();
  taken = [];
  source = new ForeignSource({
    name: 'json:mill',
    take: async (_name, envelope) => {
      const { seq, prev, epoch, batch } = readEnvelope(envelope);
      taken.push({ seq, prev, epoch, batch: readBatch(decompressBatch(batch)) });
    },
    log: pino({ level: 'silent' }),
    now: () => NOW,
  });
});
afterEach(() => vi.useRealTimers());

const sample = (value: number, tag = 'speed'): ForeignSample => ({
  tag,
  type: 'float64',
  at: NOW,
  value,
  quality: 0,
});
const values = () => taken.map(({ batch }) => [...batch.values]);

async function record(...numbers: number[]): Promise<void> {
  for (const value of numbers) source.add('saw', [sample(value)]);
  await vi.advanceTimersByTimeAsync(250);
}

describe('a source', () => {
  test('gathers what comes in a moment, and describes a tag with its first sample', async () => {
    await record(1, 2);
    await record(3);
    expect(values()).toEqual([[1, 2], [3]]);
    expect(taken.map(({ batch }) => batch.catalog.map(({ device, name }) => `${device}/${name}`))).toEqual([
      ['saw/speed'],
      [],
    ]);
    expect(taken.map(({ seq, prev }) => [prev, seq])).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test('sends again what the hub asks for, and forgets what it has committed', async () => {
    await record(1);
    await record(2);
    await record(3);
    const { epoch } = taken[0]!;
    source.answered({ epoch, seq: 1, resend: false });
    source.answered({ epoch: 'f'.repeat(32), seq: 3, resend: true });
    source.answered({ epoch, seq: 1, resend: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(taken.map(({ seq }) => seq)).toEqual([1, 2, 3, 2, 3]);
  });

  test('sends all again to a hub that is silent', async () => {
    source.start();
    await record(1);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(taken.map(({ seq }) => seq)).toEqual([1, 1]);
    await source.stop();
  });

  test('counts what finds no room while the hub cannot commit, and tells it when it can', async () => {
    for (let i = 0; i < 256; i++) await record(i);
    await record(256, 257);
    expect(taken).toHaveLength(256);
    expect(source.dropped).toBe(2);
    source.answered({ epoch: taken[0]!.epoch, seq: 256, resend: false });
    await record(258);
    expect(values().at(-1)).toEqual([258]);
    expect(taken.at(-1)!.batch.events).toMatchObject([{ kind: 'drop', reason: 'hubBehind', samples: 2 }]);
  });

  test('says every few seconds whether a device is there, and that nobody knows when it ends', async () => {
    source.start();
    source.setLink('saw', true);
    await vi.advanceTimersByTimeAsync(11_000);
    source.setLink('saw', false);
    await source.stop();
    expect(taken.flatMap(({ batch }) => batch.catalog.map(({ name }) => name))).toEqual([LINK_TAG]);
    expect(values().flat()).toEqual([1, 1, 1, 0, 0]);
  });

  test('marks what is told of the past', async () => {
    source.add('saw', [sample(1)], true);
    await record(2);
    expect(taken[0]!.batch.frames.map(({ historical }) => historical)).toEqual([true, false]);
  });

  test('takes no more tags than a plant can have', () => {
    for (let i = 0; i < 100; i++) {
      source.add(
        'saw',
        Array.from({ length: 1_000 }, (_, n) => sample(1, `tag ${i * 1_000 + n}`)),
      );
    }
    expect(() => source.add('saw', [sample(1, 'one more')])).toThrow(/100000 tags already.*serial numbers/);
  });
});

/** What is sent later, out of a history in memory. */
import { emptyFrame, pushSample, type TagInfo } from '@lineside/shared/contracts/frame.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import type { Metric } from '@lineside/shared/wire/sparkplug/payload.ts';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type History, HistoryFlush } from '../../../gateway/sparkplug/history-flush.ts';

const HOUR = 3_600_000;
const TAG: TagInfo = { id: 7, device: 'press', name: 'parts', type: 'integer', unit: '', description: '' };

class MemoryHistory implements History {
  epoch = 'a';
  cursor = 0;
  readonly records = new Map<number, Buffer>();

  get newestSeq(): number {
    return Math.max(0, ...this.records.keys());
  }

  async read(seq: number) {
    const found = [...this.records.keys()].sort((a, b) => a - b).find((key) => key >= seq);
    return found === undefined ? undefined : { seq: found, payload: this.records.get(found)! };
  }

  advance(seq: number): void {
    this.cursor = Math.max(this.cursor, seq);
  }

  /** A record with so many samples of parts, counting on from its number × 1000. */
  add(seq: number, samples = 1, receivedAt = Date.now() - 1_000): void {
    const writer = new BatchWriter(new Map([[TAG.id, TAG.type]]));
    const frame = emptyFrame('press', receivedAt);
    for (let i = 0; i < samples; i++) pushSample(frame, TAG.id, receivedAt, seq * 1_000 + i, 0);
    pushSample(frame, TAG.id + 1, receivedAt, null, 0x8000_0000);
    writer.addFrame(frame);
    this.records.set(seq, compressBatch(writer.finish()));
  }
}

function rig({ samplesPerSecond = 1e6, congested = (): boolean => false } = {}) {
  const history = new MemoryHistory();
  const lines: Record<string, unknown>[] = [];
  const sent: { device: string; metrics: Metric[]; at: number }[] = [];
  let caughtUp = 0;
  const flush = new HistoryFlush({
    ...{ history, samplesPerSecond, congested },
    maxAgeMs: 24 * HOUR,
    tag: (id) => (id === TAG.id ? TAG : undefined),
    send: (device, metrics) => void sent.push({ device, metrics, at: performance.now() }),
    onCaughtUp: () => void caughtUp++,
    log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
    now: Date.now,
    settleMs: 50,
  });
  onTestFinished(() => flush.stop());
  const values = () => sent.flatMap(({ metrics }) => metrics.map(({ value }) => value?.value));
  const end = () => vi.waitFor(() => expect(caughtUp).toBe(1), { timeout: 10_000, interval: 5 });
  return { history, flush, sent, values, end, lines };
}

test('goes on from the cursor, in order, over gaps and what cannot be read, and says what it has done', async () => {
  const { history, flush, sent, values, end, lines } = rig();
  for (const seq of [3, 4, 6, 9]) history.add(seq, 2);
  history.records.set(7, Buffer.from('no batch'));
  history.add(8, 1, Date.now() - 25 * HOUR);
  history.advance(3);
  flush.start();
  await end();
  expect(values()).toEqual([4_000, 4_001, 6_000, 6_001, 9_000, 9_001]);
  expect(sent.every(({ device, metrics }) => device === 'press' && metrics.every((m) => m.isHistorical))).toBe(true);
  expect(flush.position).toEqual({ epoch: 'a', seq: 9 });
  expect(history.cursor).toBe(3);
  expect(lines).toMatchObject([{ samples: 6, tooOld: 2, unreadableRecords: 1 }]);
});

test('ends where the live data begins', async () => {
  const { history, flush, values, end } = rig();
  history.add(1, 1, Date.now() + HOUR);
  flush.start();
  // Read before the births, and made a record only now; and one of later.
  history.add(2, 1, Date.now() - 10);
  history.add(3, 1, Date.now() + 10_000);
  await end();
  history.add(4);
  expect(values()).toEqual([1_000, 2_000]);
});

test('keeps to its rate, and to what the network takes', async () => {
  let full = true;
  const { history, flush, sent, values, end } = rig({ samplesPerSecond: 1_000, congested: () => full });
  for (let seq = 1; seq <= 10; seq++) history.add(seq, 49);
  flush.start();
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(sent).toEqual([]);
  full = false;
  const began = performance.now();
  await end();
  expect(values()).toHaveLength(490);
  // 500 samples at 100 a tenth of a second.
  expect(performance.now() - began).toBeGreaterThan(300);
});

test('begins anew when the buffer was born anew', async () => {
  const { history, flush, values, end } = rig();
  history.add(500);
  history.advance(499);
  flush.start();
  history.records.clear();
  history.epoch = 'b';
  history.cursor = 0;
  history.add(1);
  await end();
  expect(values()).toEqual([1_000]);
  expect(flush.position).toEqual({ epoch: 'b', seq: 1 });
});

test('gives up what has become too old while nobody takes it', async () => {
  const { history, flush } = rig();
  for (const seq of [1, 2, 3]) history.add(seq, 1, Date.now() - (25 - seq * 0.4) * HOUR);
  await flush.age();
  expect(history.cursor).toBe(2);
});

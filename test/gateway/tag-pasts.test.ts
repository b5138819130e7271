/** How far tags have come, as it is known after a restart: from the note and from the buffer's records since. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyFrame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { expect, onTestFinished, test } from 'vitest';
import { PASTS_READER, TagPasts } from '../../gateway/tag-pasts.ts';
import { tempDir } from '../services/temp-dir.ts';
import { collectingLogger, openBuffer, type Rig } from './buffer/buffer-rig.ts';

/** Received at 1, 2, 3 … */
let received = 0;

type Given = [at: number, value: Value, change?: { quality?: number; historical?: true }];

async function give({ buffer }: Rig, ...given: Given[]): Promise<void> {
  for (const [at, value, { quality = 0, historical } = {}] of given) {
    const frame = { ...emptyFrame('press', ++received), ...(historical ? { historical } : {}) };
    // The driver's own word is of the time at which it is said.
    pushSample(frame, 1, at === 0 ? frame.receivedAt : at, value, quality);
    buffer.addFrame(frame);
  }
  await buffer.flush();
}

const LOST: Given = [0, null, { quality: Quality.BadNoCommunication }];

async function open(dir: string): Promise<Rig & { pasts: TagPasts; warned: string[] }> {
  const rig = await openBuffer(join(dir, 'buffer'), { readers: [PASTS_READER] });
  const warned: string[] = [];
  const pasts = new TagPasts({ path: join(dir, 'history.json'), buffer: rig.buffer, log: collectingLogger(warned) });
  await pasts.start();
  onTestFinished(() => pasts.stop());
  return { ...rig, pasts, warned };
}

/** A run that notes 1000 as the newest time, and a gap, and then gives more and ends without a word. */
async function crashed(dir: string, ...given: Given[]): Promise<void> {
  const run = await open(dir);
  await give(run, [900, 1], [1000, 2]);
  run.pasts.map.set(1, { at: 1000, gaps: [{ from: 500, to: 900 }] });
  await run.pasts.save();
  expect(run.buffer.reader(PASTS_READER).cursor).toBe(run.buffer.newestSeq);
  await give(run, ...given);
  const note = await readFile(join(dir, 'history.json'), 'utf8');
  await run.pasts.stop();
  await run.buffer.close();
  await writeFile(join(dir, 'history.json'), note);
}

test.each<{ what: string; given: Given[]; at: number; gaps: [from: number, to: number][] }>([
  { what: 'nothing came since the note', given: [], at: 1000, gaps: [[500, 900]] },
  {
    what: 'values came: the run may have begun with the first one, so what is before it is asked for',
    given: [
      [1100, 3],
      [1200, 4],
    ],
    at: 1200,
    gaps: [
      [500, 900],
      [1000, 1100],
    ],
  },
  {
    what: 'an outage',
    given: [[1001, 3], LOST, [2000, 4]],
    at: 2000,
    gaps: [
      [500, 900],
      [1001, 2000],
    ],
  },
  { what: 'an outage that lasts', given: [[1001, 3], LOST], at: 1001, gaps: [[500, 900]] },
  {
    what: 'an overflow',
    given: [
      [1001, 3],
      [2000, 4, { quality: 0x0480 }],
    ],
    at: 2000,
    gaps: [
      [500, 900],
      [1001, 2000],
    ],
  },
  {
    what: 'some of the gap was read back',
    given: [
      [600, 9, { historical: true }],
      [700, null, { quality: Quality.BadSensorFailure, historical: true }],
    ],
    at: 1000,
    gaps: [[700, 900]],
  },
])('after a crash: $what', async ({ given, at, gaps }) => {
  const dir = await tempDir();
  await crashed(dir, ...given);
  const { pasts } = await open(dir);
  expect(pasts.map.get(1)).toEqual({ at, gaps: gaps.map(([from, to]) => ({ from, to })) });
});

test.each([
  ['garbled', '{"epoch":', 'cannot tell what came before the restart'],
  ['of another buffer', JSON.stringify({ epoch: 'f'.repeat(32), seq: 1, tags: [[1, 1000]] }), null],
])('a note that is %s: nothing is asked for', async (_, note, told) => {
  const dir = await tempDir();
  await crashed(dir);
  await writeFile(join(dir, 'history.json'), note);
  const { pasts, warned } = await open(dir);
  expect(pasts.map.size).toBe(0);
  expect(warned.join()).toContain(told ?? '');
});

test('records that no note knows of yet are kept, also when the hub has them', async () => {
  const run = await open(await tempDir());
  run.pasts.map.set(1, { at: 1, gaps: [] });
  await run.pasts.save();
  await give(run, [1000, 1]);
  await run.buffer.committed(run.buffer.newestSeq);
  const { buffer } = run;
  expect(buffer.reader(PASTS_READER).cursor).toBeLessThan(buffer.newestSeq);
  await run.pasts.stop();
  expect(buffer.reader(PASTS_READER).cursor).toBe(buffer.newestSeq);
});

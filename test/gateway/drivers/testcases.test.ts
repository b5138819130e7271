/**
 * Each folder in testcases/ holds a configuration, what was recorded of a device, and what becomes of it. A fault of a
 * driver that was seen in a plant is best kept as one more of these.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../gateway/config/load-config.ts';
import { readRecording } from '../../../gateway/drivers/recording/recording.ts';
import { replay } from '../../../gateway/replay.ts';

const CASES = join(import.meta.dirname, 'testcases');

test.each(readdirSync(CASES))('%s', async (name) => {
  const folder = join(CASES, name);
  const lines: string[] = [];
  const summary = await replay({
    config: loadConfig(join(folder, 'gateway.yaml')),
    recording: readRecording(join(folder, 'recording.jsonl')),
    speed: Number.POSITIVE_INFINITY,
    log: pino({ level: 'silent' }),
    write: (line) => void lines.push(JSON.stringify(line)),
  });
  lines.push(...summary.notes.map((note) => JSON.stringify({ kind: 'note', note })));
  expect(lines.length).toBeGreaterThan(3);
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join(folder, 'expected.jsonl'));
});

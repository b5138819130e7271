import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Program } from './program.ts';
import { tempDir } from './temp-dir.ts';

test('what a program told when it was ready is not what its log says later', async () => {
  const script = join(await tempDir(), 'program.mjs');
  const lines = ['{"ready":true,"url":"http://own"}', '{"level":"info","url":"mqtt://broker"}', ''].join('\n');
  await writeFile(script, `process.stdout.write(${JSON.stringify(lines)}); process.stdin.resume();`);
  const program = new Program({ name: 'it', args: [script] });
  onTestFinished(() => program.dispose());
  expect(await program.start()).toEqual({ ready: true, url: 'http://own' });
});

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';

const SCRIPT = join(import.meta.dirname, 'print-lines-child.ts');
const env = (more: Record<string, string> = {}) => {
  const { JOURNAL_STREAM: _inherited, ...rest } = process.env;
  return { ...rest, ...more };
};

test('no line holds a password or a token, wherever they stood', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], { env: env() });
  expect(stdout).not.toContain('swordfish');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ level, msg }) => `${level}: ${msg}`)).toEqual([
    'info: flat',
    'info: nested',
    'info: deep',
    'warn: cannot reach mqtts://[redacted]@hub',
    'error: failed',
    'debug: of a child',
    'fatal: the\nend',
  ]);
  expect(lines[1]).toMatchObject({ name: 'gateway line-1', hub: { url: 'mqtt://h:1883', password: '[redacted]' } });
  expect(lines[3]).toMatchObject({ url: 'mqtt://[redacted]@hub:1883' });
  expect(lines[4]).toMatchObject({ part: 'link', err: { type: 'Error' } });
});

test('lines that go to the journal begin with their priority', async () => {
  const path = join(await tempDir(), 'journal');
  const file = await open(path, 'w');
  const { dev, ino } = fstatSync(file.fd);
  const child = spawn(process.execPath, [SCRIPT], {
    env: env({ JOURNAL_STREAM: `${dev}:${ino}` }),
    stdio: ['ignore', file.fd, 'inherit'],
  });
  await once(child, 'exit');
  await file.close();
  const text = await readFile(path, 'utf8');
  expect(text).not.toContain('swordfish');
  const lines = text.trim().split('\n');
  expect(lines.map((line) => line.slice(0, 4))).toEqual(['<6>{', '<6>{', '<6>{', '<4>{', '<3>{', '<7>{', '<2>{']);
});

test('a stream that is not the journal gets plain JSON, although a service started the program', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], { env: env({ JOURNAL_STREAM: '9:99' }) });
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^\{/);
});

import { execFile, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
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
  const written = await readFile(path, 'utf8');
  expect(written).not.toContain('swordfish');
  const lines = written.trim().split('\n');
  expect(lines.map((line) => line.slice(0, 4))).toEqual(['<6>{', '<6>{', '<6>{', '<4>{', '<3>{', '<7>{', '<2>{']);
});

test('a stream that is not the journal gets plain JSON, although a service started the program', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], { env: env({ JOURNAL_STREAM: '9:99' }) });
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^\{/);
});

describe('while nobody reads', () => {
  /** @param enough whether what was read is enough for the process to end */
  async function flood(lines: number, enough: (read: string) => boolean) {
    const script = join(import.meta.dirname, 'flood-child.ts');
    const stdio: StdioOptions = ['ignore', 'pipe', 'inherit', 'ipc'];
    const child = spawn(process.execPath, [script, String(lines)], { env: env(), stdio });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'message');
    let read = '';
    let told = false;
    for await (const chunk of child.stdout!.setEncoding('utf8')) {
      read += chunk;
      if (!told && enough(read)) told = child.send('exit');
    }
    return read
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { i?: number; lost?: number; msg: string });
  }

  test('lines wait, and all of them stand there in order although the process ends at once', async () => {
    const lines = await flood(600, () => true);
    expect(lines.map(({ i }) => i)).toEqual(Array.from({ length: 600 }, (_, i) => i));
  });

  test('the program goes on, the newest lines are kept, and how many were lost is said', async () => {
    const lines = await flood(5_000, (read) => read.includes('were lost'));
    const { lost, msg } = lines.at(-1)!;
    expect(msg).toBe('log lines were lost: nobody read standard output');
    const kept = lines.slice(0, -1).map(({ i }) => i!);
    expect(kept.length + lost!).toBe(5_000);
    expect(kept.at(-1)).toBe(4_999);
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
  });
});

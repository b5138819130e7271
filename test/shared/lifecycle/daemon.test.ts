import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

interface Line {
  level: string;
  msg: string;
  reason?: string;
  code?: string;
  step?: string;
  err?: object;
}

interface Ended {
  code: number | null;
  lines: Line[];
}

/** Runs the program; `end` is called when it says that it is ready. */
async function run(fault: string, end: (child: ChildProcess) => void): Promise<Ended> {
  const { JOURNAL_STREAM: _inherited, ...env } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'daemon-child.ts'), fault], {
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.on('message', () => end(child));
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [[code]] = (await Promise.all([once(child, 'exit'), once(child.stdout!, 'end')])) as [
    [number | null],
    unknown,
  ];
  return {
    code,
    lines: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line),
  };
}

const closed = (lines: Line[]) => lines.filter(({ step }) => step).map(({ step }) => step);

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it in reverse order with code 0', async (signal) => {
  const { code, lines } = await run('none', (child) => child.kill(signal));
  expect(code).toBe(0);
  expect(lines[0]).toMatchObject({ msg: 'stopping', reason: signal });
  expect(closed(lines)).toEqual(['watchdog', 'third', 'second', 'first']);
  expect(lines.at(-1)!.msg).toBe('stopped');
});

test('so does the end of the program that started it', async () => {
  const { code, lines } = await run('none', (child) => child.disconnect());
  expect(code).toBe(0);
  expect(lines[0]!.reason).toBe('the parent process is gone');
});

test('a start that fails closes what was open and ends with code 1; an operator’s error has no stack', async () => {
  const { code, lines } = await run('configuration', () => {});
  expect(code).toBe(1);
  expect(lines[0]).toMatchObject({ level: 'fatal', code: 'PORT_TAKEN', msg: 'port 1 is taken; set another' });
  expect(lines[0]!.err).toBeUndefined();
  expect(closed(lines)).toEqual(['first']);
});

test('a mistake of our own is told with its stack', async () => {
  const { code, lines } = await run('bug', () => {});
  expect(code).toBe(1);
  expect(lines[0]).toMatchObject({
    level: 'fatal',
    err: { type: 'TypeError', stack: expect.stringContaining('at ') },
  });
});

test('a part that does not close is named, the others close all the same, and the code is 1', async () => {
  const { code, lines } = await run('stop', (child) => child.kill('SIGTERM'));
  expect(code).toBe(1);
  expect(closed(lines)).toEqual(['watchdog', 'third', 'second', 'first']);
  expect(lines.find(({ step }) => step === 'second')).toMatchObject({ level: 'error', reason: 'will not close' });
});

test('an error that nobody expected is its last line', async () => {
  const { code, lines } = await run('unexpected', (child) => child.send('now'));
  expect(code).toBe(1);
  expect(lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'ended by an unexpected error: oops' });
  expect(lines.at(-1)!.err).toMatchObject({ stack: expect.stringContaining('daemon-child.ts') });
});

/** Each folder in testcases/ holds a configuration and every line that is to be said of it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigDocument, ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { expect, test } from 'vitest';
import { configOf } from '../../../gateway/config/load-config.ts';

const CASES = join(import.meta.dirname, 'testcases');

test.each(readdirSync(CASES))('%s', async (name) => {
  const file = join(CASES, name, 'gateway.yaml');
  const said = problemsOf(file).map((line) => line.replace(`${join(CASES, name)}/`, ''));
  await expect(`${said.join('\n')}\n`).toMatchFileSnapshot(join(CASES, name, 'expected.txt'));
  const lines = said.map((line) => Number(line.split(':')[1]));
  expect(lines).toEqual([...lines].sort((a, b) => a - b));
});

test('a file that is not there', () => {
  const file = join(CASES, 'nowhere.yaml');
  expect(existsSync(file)).toBe(false);
  expect(problemsOf(file)).toEqual([`${file}:1: there is no such file; check the path`]);
});

function problemsOf(file: string): string[] {
  try {
    configOf(ConfigDocument.load(file, {}));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return ['no problem'];
}

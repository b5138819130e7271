import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, ROOT } from './tools.ts';

interface Instruction {
  name: string;
  rest: string;
}

/** Instructions in order, continuation lines joined, comments removed. */
function instructionsOf(path: string): Instruction[] {
  return readFileSync(join(ROOT, path), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest };
    });
}

const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

describe.each(filesIn('docker', '.Dockerfile'))('%s', (path) => {
  const instructions = instructionsOf(path);
  const all = (name: string) => instructions.filter((found) => found.name === name).map((found) => found.rest);
  const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));

  it('is built on the Node version that package.json pins', () => {
    const stages = all('FROM').map((from) => from.split(' AS ')[1]);
    for (const from of all('FROM')) {
      const image = from.split(' ')[0] as string;
      if (!stages.includes(image)) expect(image).toBe(`node:${packageJson.dependencies.node}-bookworm-slim`);
    }
  });

  it('ends as a user who is not root, and copies nothing after that', () => {
    const user = lastStage.findIndex(({ name }) => name === 'USER');
    expect(lastStage[user]?.rest).toBe('node');
    expect(lastStage.slice(user).map(({ name }) => name)).not.toContain('COPY');
    expect(lastStage.slice(user).map(({ name }) => name)).not.toContain('RUN');
  });

  it('installs by the lock file, without development packages in what it ships', () => {
    const installs = all('RUN').filter((command) => /npm (ci|i|install)\b/.test(command));
    expect(installs.length).toBeGreaterThan(0);
    for (const command of installs) expect(command).toMatch(/^npm ci .*-w /);
    const shipped = lastStage.filter(({ rest }) => rest.includes('/node_modules'));
    expect(shipped).toEqual([{ name: 'COPY', rest: '--from=dependencies /app/node_modules ./node_modules' }]);
    expect(installs.at(-1)).toContain('--omit=dev');
  });

  it('starts, checks and stops without a shell between', () => {
    for (const name of ['ENTRYPOINT', 'CMD']) {
      expect(lastStage.filter((found) => found.name === name)).toHaveLength(1);
      expect(JSON.parse(all(name)[0] as string)).toBeInstanceOf(Array);
    }
    expect(all('HEALTHCHECK')[0]).toMatch(/--timeout=.* CMD \["node"/);
    expect(all('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('fetches no address and carries no secret', () => {
    expect(all('ADD')).toEqual([]);
    for (const { name, rest } of instructions) {
      expect(rest).not.toMatch(/\b(curl|wget)\b/);
      if (name === 'ENV' || name === 'ARG') expect(rest).not.toMatch(/password|secret|token/i);
    }
  });

  it('copies only what is in the repository and let through by .dockerignore', () => {
    const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const copy of all('COPY').filter((rest) => !rest.startsWith('--from'))) {
      for (const source of copy.split(' ').slice(0, -1)) {
        expect(existsSync(join(ROOT, source)), source).toBe(true);
        expect(
          allowed.some((path) => source === path || source.startsWith(`${path}/`)),
          source,
        ).toBe(true);
      }
    }
  });

  it('gives npm every workspace that the lock file names', () => {
    const copied = all('COPY').join('\n');
    for (const workspace of packageJson.workspaces) expect(copied).toContain(`${workspace}/package.json`);
  });
});

it('.dockerignore lets nothing through that it does not name', () => {
  const rules = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  expect(rules[0]).toBe('*');
  expect(rules).toEqual(expect.arrayContaining(['**/node_modules', '**/var', '**/.env*']));
});

/** What the log of the real programs ends with: nothing is missing and nothing passes another, whatever ends them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { newRelational } from '../services/new-relational.ts';
import { Program } from '../services/program.ts';
import { pumpGateway, pumpPlant } from '../services/pump-plant.ts';

const PATIENT = { timeout: 30_000, interval: 20 };
const FILES = {
  'plant.yaml': pumpPlant(),
  'hub.yaml': `plant: plant.yaml
dataDir: hub
http: { port: 0 }
mqtt: { port: 0 }
timeSeries: { memoryLimit: 128MB }
`,
  'gateway.yaml': pumpGateway('url: "mqtt://127.0.0.1:1", passwordFile: secret'),
  secret: 'the gateway’s password\n',
};
/** Fails where no try reaches: as an error of ours, or of a library, would. */
const BUG = 'process.on("SIGUSR2", () => { throw new Error("a bug") })';

interface Line {
  time: string;
  level: string;
  msg: string;
  step?: string;
  err?: { message: string };
}

let dir: string;
let lines: Line[];
/** A line that is no JSON was cut, or mixed with another. */
let others: string[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-last-'));
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(dir, file), text, { mode: 0o600 });
  await newRelational(join(dir, 'hub', 'relational'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function program(name: string, config = `${name}.yaml`): Program {
  lines = [];
  others = [];
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(BUG)}`];
  const running = new Program({
    name,
    args: [...preload, `${name}/main.ts`, 'run', '--config', join(dir, config)],
    hear(line) {
      if (line.startsWith('{"level"')) lines.push(JSON.parse(line));
      else others.push(line);
    },
  });
  onTestFinished(() => running.dispose());
  return running;
}

function expectInOrder(): void {
  const times = lines.map(({ time }) => time);
  expect(times).toEqual(times.toSorted());
}

describe.each([
  ['hub', 'relational store'],
  ['gateway', 'data directory'],
])('of the %s', { timeout: 120_000 }, (name, first) => {
  test('is that it stopped, behind each part that was closed, when it is told to stop', async () => {
    const running = program(name);
    await running.start();
    expect(await running.end('SIGTERM')).toBe(0);
    expectInOrder();
    const stopping = lines.findIndex(({ msg }) => msg === 'stopping');
    expect(lines.slice(stopping).filter(({ step }) => step).length).toBeGreaterThan(3);
    expect(lines.slice(-2)).toMatchObject([{ step: first }, { level: 'info', msg: 'stopped' }]);
    expect(others).toEqual([]);
  });

  test('is the error that nobody expected, with where it came from', async () => {
    const running = program(name);
    await running.start();
    expect(await running.end('SIGUSR2')).toBe(1);
    expectInOrder();
    const last = { level: 'fatal', msg: 'ended by an unexpected error: a bug', err: { message: 'a bug' } };
    expect(lines.at(-1)).toMatchObject(last);
    // Node says it on standard error, too.
    expect(others.join('\n')).toContain('Error: a bug');
  });

  test('is that it stopped, behind why it could not start', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await vi.waitFor(() => expect(taken.address()).not.toBeNull(), PATIENT);
    const { port } = taken.address() as { port: number };
    const setting = name === 'hub' ? 'http: { port: 0 }' : 'local: { port: 0 }';
    const own = FILES[`${name}.yaml` as keyof typeof FILES].replace(setting, setting.replace('0', String(port)));
    await writeFile(join(dir, 'taken.yaml'), own);
    await expect(program(name, 'taken.yaml').start()).rejects.toThrow();
    await new Promise((closed) => taken.close(closed));
    expectInOrder();
    const fatal = lines.findIndex(({ level }) => level === 'fatal');
    expect(lines[fatal]!.msg).toContain(String(port));
    expect(lines.slice(fatal).filter(({ step }) => step).length).toBeGreaterThan(1);
    expect(lines.slice(-2)).toMatchObject([{ step: first }, { msg: 'stopped' }]);
  });
});

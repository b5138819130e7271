import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../../../../gateway/config/load-config.ts';
import { createDriver, recordingFile } from '../../../../gateway/drivers/create-driver.ts';
import { FileRecorder } from '../../../../gateway/drivers/recording/file-recorder.ts';
import { olderHalf, readRecording } from '../../../../gateway/drivers/recording/recording.ts';
import { type ReplayLine, type ReplaySummary, replay } from '../../../../gateway/replay.ts';
import { FakeModbusServer } from '../../../services/fake-modbus-server.ts';
import { Collector } from '../collect.ts';

const silent = pino({ level: 'silent' });

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'lineside-recording-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function recorder(file: string, maxBytes: number): FileRecorder {
  const made = new FileRecorder({ file, maxBytes, device: 'press', driver: 'modbus', log: silent, now: Date.now });
  onTestFinished(() => made.stop());
  return made;
}

describe('a file of bounded size', () => {
  test('keeps the newest entries in two halves, which are read as one', async () => {
    const file = join(folder(), 'press.jsonl');
    const recording = recorder(file, 8192);
    for (let i = 0; i < 300; i++) {
      recording.write({ i });
      if (i % 10 === 0) await recording.flush();
    }
    await recording.stop();
    expect(statSync(file).size + statSync(olderHalf(file)).size).toBeLessThan(8192 + 400);
    const { entries, header } = readRecording(file);
    expect(header).toMatchObject({ device: 'press', driver: 'modbus' });
    expect(entries.at(-1)!.i).toBe(299);
    expect(entries.length).toBeGreaterThan(80);
    expect(entries.map(({ i }) => i)).toEqual(entries.map((_, k) => 300 - entries.length + k));
  });

  test('a later run keeps the one before, and is not read as one with it', async () => {
    const file = join(folder(), 'press.jsonl');
    for (const run of [1, 2]) {
      const recording = recorder(file, 1e6);
      recording.write({ run });
      await recording.stop();
    }
    expect(readRecording(file).entries.map(({ run }) => run)).toEqual([2]);
    expect(readRecording(olderHalf(file)).entries.map(({ run }) => run)).toEqual([1]);
  });

  test('what the disk does not take is dropped and counted, and nobody waits for it', async () => {
    const dir = folder();
    const file = join(dir, 'taken', 'press.jsonl');
    writeFileSync(join(dir, 'taken'), 'a file where a folder should be');
    const recording = recorder(file, 32e6);
    for (let i = 0; i < 3; i++) recording.write({ i });
    await recording.flush();
    const long = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 10; i++) recording.write({ long });
    rmSync(join(dir, 'taken'));
    await recording.stop();
    const { entries } = readRecording(file);
    expect(entries.filter(({ long: kept }) => kept !== undefined)).toHaveLength(3);
    expect(entries.find(({ dropped }) => dropped !== undefined)).toMatchObject({ dropped: 10 });
  });

  test('a line that was cut off is left out; what is no recording is refused', () => {
    const dir = folder();
    const head = { recording: 'lineside', version: 1, device: 'press', driver: 'modbus', run: 'a', t: 0, at: 0 };
    const file = join(dir, 'cut.jsonl');
    writeFileSync(file, `${JSON.stringify(head)}\n{"t":1,"at":1,"event":"opened"}\n{"t":2,"at":2,"requ`);
    expect(readRecording(file)).toMatchObject({ entries: [{ t: 1 }], damaged: 1 });
    writeFileSync(file, '{"level":30}\n');
    expect(() => readRecording(file)).toThrow(/first line is not the head of a recording/);
    writeFileSync(file, `${JSON.stringify({ ...head, version: 2 })}\n`);
    expect(() => readRecording(file)).toThrow(/version 2, this program reads version 1/);
    expect(() => readRecording(join(dir, 'none.jsonl'))).toThrow(/no such file/);
  });
});

const YAML = (port: number, dir: string, record: string) => `
gateway: { id: line-1 }
hub: { url: "mqtt://127.0.0.1:1883", passwordFile: ./none }
dataDir: ${dir}
devices:
  - id: press
    driver: modbus
    host: 127.0.0.1
    port: ${port}
    pollMs: 50
    timeoutMs: 500
    refusedRetryMs: 1000
    ${record}
    tags:
      - { name: level, address: "holding:10", type: uint16 }
      - { name: heat, address: "holding:12", type: float32, wordOrder: CDAB }
      - { name: gone, address: "holding:40", type: uint16 }
      - { name: run, address: "coil:3", type: bool }
`;

async function replayed(file: string, recording: string): Promise<{ lines: ReplayLine[]; summary: ReplaySummary }> {
  const lines: ReplayLine[] = [];
  const summary = await replay({
    config: loadConfig(file),
    recording: readRecording(recording),
    speed: Number.POSITIVE_INFINITY,
    log: silent,
    write: (line) => void lines.push(line),
  });
  return { lines, summary };
}

test('a replay gives the very frames of the time when it was recorded', async () => {
  const server = await new FakeModbusServer().listen();
  onTestFinished(() => server.close());
  let reads = 0;
  let busy = 1;
  server.beforeRead = () => {
    server.holding[10] = reads++;
    server.setFloat32(server.holding, 12, reads / 7);
    server.coils[3] = reads & 1;
  };
  server.behave = ({ code, address, count }) => {
    if (code === 3 && address <= 40 && address + count > 40) return { exception: 2 };
    return reads === 20 && busy-- > 0 ? { exception: 6 } : 'right';
  };
  const dir = folder();
  const file = join(dir, 'gateway.yaml');
  writeFileSync(file, YAML(server.port, dir, 'record: { maxMiB: 1 }'));
  const [entry] = loadConfig(file).devices;
  const context = new Collector();
  const tags = entry!.tags.map(({ name, settings }, i) => ({ id: i + 1, name, settings }));
  const driver = createDriver('modbus', entry!.settings, tags, Object.assign(context, { dataDir: dir }));
  onTestFinished(() => driver.stop());
  driver.start();
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(25), { timeout: 8000, interval: 10 });
  await driver.stop();

  const { lines, summary } = await replayed(file, recordingFile(dir, 'press'));
  const frames = lines.filter((line) => line.kind === 'frame');
  const plain = (values: readonly unknown[][]) => values.map((one) => JSON.stringify(one));
  expect(plain(frames.map(({ values }) => values))).toEqual(plain(context.frames.map(({ values }) => values)));
  expect(frames.map((frame) => frame.tags)).toEqual(
    context.frames.map((frame) => frame.tags.map((id) => entry!.tags[id - 1]!.name)),
  );
  frames.forEach(({ receivedAt }, i) => {
    expect(Math.abs(receivedAt - context.frames[i]!.receivedAt)).toBeLessThan(50);
  });
  expect(lines[0]).toMatchObject({ kind: 'state', state: 'up' });
  expect(summary).toMatchObject({ device: 'press', damaged: 0, notes: [] });
});

test('a silence and a cut of the line are played as they were', async () => {
  const dir = folder();
  const file = join(dir, 'gateway.yaml');
  writeFileSync(file, YAML(1, dir, '').replaceAll(/ {6}- \{ name: (heat|gone|run).*\n/g, ''));
  const head = {
    recording: 'lineside',
    version: 1,
    device: 'press',
    driver: 'modbus',
    run: 'a',
    t: 0,
    at: 1_000_000,
  };
  const line = (t: number, rest: object) => JSON.stringify({ t, at: 1_000_000 + t, ...rest });
  const read = (t: number, value: string) => line(t, { ms: 2, request: '0103000a0001', answer: `010302${value}` });
  const recording = [
    JSON.stringify(head),
    line(1, { event: 'opened' }),
    read(2, '0007'),
    line(51, { event: 'closed', reason: 'lost 127.0.0.1:1: the device closed the connection' }),
    line(4000, { event: 'opened' }),
    read(4001, '0008'),
    line(4051, { ms: 500, request: '0103000a0001', failed: 'no answer within 500 ms' }),
    line(4552, { event: 'closed', reason: 'silence' }),
    line(4600, {}),
  ];
  const path = join(dir, 'press.jsonl');
  writeFileSync(path, recording.join('\n'));
  const { lines } = await replayed(file, path);
  const told = lines.map((one) => (one.kind === 'frame' ? [one.values[0], one.quality[0]] : [one.kind, one.state]));
  expect(lines.find((one) => one.kind === 'state' && one.state === 'down')).toMatchObject({
    at: 1_000_051,
    reason: 'lost 127.0.0.1:1: the device closed the connection',
  });
  expect(told).toEqual([
    ['state', 'up'],
    [7, 'Good'],
    [null, 'BadNoCommunication'],
    ['state', 'down'],
    ['state', 'up'],
    [8, 'Good'],
    [null, 'BadTimeout'],
    ['state', 'down'],
  ]);
});

test('what was refused before the recording began is refused, and a pause of the gateway is no silence', async () => {
  const dir = folder();
  const file = join(dir, 'gateway.yaml');
  writeFileSync(
    file,
    YAML(1, dir, '')
      .replaceAll(/ {6}- \{ name: (heat|run).*\n/g, '')
      .replace(':40', ':11'),
  );
  const head = {
    recording: 'lineside',
    version: 1,
    device: 'press',
    driver: 'modbus',
    run: 'a',
    t: 0,
    at: 1_000_000,
  };
  const line = (t: number, rest: object) => JSON.stringify({ t, at: 1_000_000 + t, ms: 2, ...rest });
  const polls = (from: number, to: number) =>
    Array.from({ length: (to - from) / 50 }, (_, i) => {
      const value = (from / 50 + i).toString(16).padStart(4, '0');
      return line(from + 50 * i, { request: '0103000a0001', answer: `010302${value}` });
    });
  const refusal = line(3701, { request: '0103000b0001', answer: '018302' });
  const path = join(dir, 'press.jsonl');
  // Between 1000 and 3500 the gateway asked nothing.
  writeFileSync(path, [JSON.stringify(head), ...polls(0, 1000), ...polls(3500, 4500), refusal].join('\n'));
  const { lines } = await replayed(file, path);
  expect(lines.filter(({ kind }) => kind === 'state')).toHaveLength(1);
  const frames = lines.filter((one) => one.kind === 'frame');
  const samples = frames.flatMap((frame) => frame.tags.map((name, i) => [name, frame.values[i], frame.quality[i]]));
  expect(samples.filter(([name]) => name === 'gone')).toEqual([['gone', null, 'BadOutOfRange']]);
  const levels = samples.filter(([name]) => name === 'level');
  expect(levels.every(([, , quality]) => quality === 'Good')).toBe(true);
  expect(new Set(levels.map(([, value]) => value))).toEqual(
    new Set([...Array(20).keys(), ...Array.from({ length: 20 }, (_, i) => 70 + i)]),
  );
});

test('nothing is recorded where nobody asked, and a wrong device is explained', async () => {
  const dir = folder();
  const file = join(dir, 'gateway.yaml');
  writeFileSync(file, YAML(1, dir, ''));
  const [entry] = loadConfig(file).devices;
  const driver = createDriver('modbus', entry!.settings, [], Object.assign(new Collector(), { dataDir: dir }));
  driver.start();
  await driver.stop();
  expect(readdirSync(dir)).toEqual(['gateway.yaml']);
  const path = join(dir, 'other.jsonl');
  const head = { recording: 'lineside', version: 1, device: 'other', driver: 'modbus', run: 'a', t: 0, at: 0 };
  writeFileSync(path, JSON.stringify(head));
  await expect(replayed(file, path)).rejects.toThrow(/no device "other"; say which one.*one of press/);
  writeFileSync(path, JSON.stringify({ ...head, device: 'press', driver: 'opcua' }));
  await expect(replayed(file, path)).rejects.toThrow(/recording is of a device with driver opcua/);
});

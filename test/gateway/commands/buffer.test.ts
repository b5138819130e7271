/** `gateway buffer …` on real folders, whether a gateway has them open or not. */
import { cp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { bufferCommands } from '../../../gateway/commands/buffer.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { filesOf, flip, openBuffer, placesIn, store, storeLarge, TAGS } from '../buffer/buffer-rig.ts';

const T0 = 1_790_000_000_000;

/** Runs a command as it would be typed after `gateway buffer`. */
async function gateway(word: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = bufferCommands.find(({ words }) => words === `buffer ${word}`)!;
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: command.options });
  let [out, err] = ['', ''];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const say = vi.spyOn(console, 'error').mockImplementation((text) => {
    err += `${text}\n`;
  });
  try {
    const code = await command.run({ positionals, options: values });
    return { code, out, err };
  } finally {
    write.mockRestore();
    say.mockRestore();
  }
}

/** A data directory with samples, a text, an alarm and an event. */
async function filled({ large = 0 } = {}) {
  const dataDir = await tempDir();
  const dir = join(dataDir, 'buffer');
  const { buffer } = await openBuffer(dir, { readers: ['sparkplug'] });
  await store(buffer, 1, 2, 3);
  for (let i = 0; i < large; i++) await storeLarge(buffer, i, 300_000);
  buffer.addFrame({
    ...{ device: 'press', receivedAt: T0 + 50, historical: true },
    ...{ tags: [2, 1], sourceAt: [T0 + 10, T0 + 11], values: ['say "a, b"', null], quality: [0, 0x8031_0000] },
  });
  buffer.addEvent({ kind: 'clock', at: T0, stepMs: 5 });
  await buffer.flush();
  await buffer.committed(3);
  buffer.reader('sparkplug').advance(2);
  return { dataDir, dir, buffer };
}

/** Names, sizes and times of all files: whoever only looks changes none of them. */
async function traces(dir: string): Promise<string[]> {
  const names = (await readdir(dir, { recursive: true })).sort();
  return Promise.all(names.map(async (name) => `${name} ${(await stat(join(dir, name))).mtimeMs}`));
}

describe('a buffer that a gateway has open', () => {
  it('is shown, checked and printed, and nothing in it changes', async () => {
    const { dataDir, dir, buffer } = await filled({ large: 5 });
    await new Promise((done) => setTimeout(done, 1_200));
    const before = await traces(dir);
    const from = ['--data-dir', dataDir];
    const inspect = await gateway('inspect', ...from);
    const json = await gateway('inspect', ...from, '--json');
    const verify = await gateway('verify', ...from);
    const samples = await gateway('export', ...from, '--tag', 'temperature', '--from', String(T0));
    const pending = ['--format', 'csv', '--time', 'ms', '--from', String(T0 + 10), '--pending'];
    const csv = await gateway('export', ...from, ...pending);
    const urgent = await gateway('export', ...from, '--lane', 'urgent');
    expect(await traces(dir)).toEqual(before);

    expect(inspect).toMatchObject({ code: 0, err: '' });
    expect(inspect.out).toContain(buffer.epoch);
    const { newestSeq } = buffer;
    const { pendingRecords, pendingSamples, durableSamples } = buffer.stats();
    const picture = JSON.parse(json.out);
    expect(picture.samples).toMatchObject({
      ...{ epoch: buffer.epoch, newestSeq, pendingRecords, pendingSamples, totalSamples: durableSamples },
      cursors: [
        { name: 'hub', seq: 3 },
        { name: 'sparkplug', seq: 2 },
      ],
    });
    const segments = picture.samples.segments as { samples: number; firstSeq: number; lastSeq: number }[];
    expect(segments.length).toBeGreaterThan(1);
    expect(segments.reduce((sum, segment) => sum + segment.samples, 0)).toBe(durableSamples);
    expect(segments.at(-1)!.lastSeq).toBe(newestSeq);
    expect(picture.urgent).toMatchObject({ newestSeq: 1, pendingRecords: 1 });

    expect(verify.code).toBe(0);
    expect(verify.out).toMatch(new RegExp(`${newestSeq} records, ${durableSamples} samples\\n.*\\nsound\\n$`));

    const lines = samples.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ value }) => value)).toEqual([1, 2, 3, null]);
    expect(lines[0]).toEqual({
      ...{ at: new Date(T0 + 1).toISOString(), receivedAt: new Date(T0 + 1).toISOString(), device: 'press' },
      ...{ tag: 'temperature', value: 1, quality: 'Good', unit: '°C', historical: false },
    });
    expect(lines[3]).toMatchObject({ historical: true, quality: expect.stringMatching(/^Bad/) });

    expect(csv.out.split('\n')[0]).toBe('at,receivedAt,device,tag,value,quality,unit,historical');
    expect(csv.out).toContain(`${T0 + 10},${T0 + 50},press,text,"say ""a, b""",Good,"",true\n`);
    expect(csv.out).toMatch(new RegExp(`${T0 + 11},${T0 + 50},press,temperature,,Bad[^,]*,°C,true\\n$`));
    expect(urgent.out).toBe(`{"kind":"clock","at":"${new Date(T0).toISOString()}","stepMs":5}\n`);
  }, 30_000);

  it('that is being written is never called damaged', async () => {
    const dataDir = await tempDir();
    const { buffer } = await openBuffer(join(dataDir, 'buffer'), { commitIntervalMs: 0 });
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i++) {
        await storeLarge(buffer, i, 50_000);
        if (i % 20 === 0) await buffer.committed(buffer.newestSeq);
      }
    })();
    const reports = [await gateway('verify', '--data-dir', dataDir), await gateway('verify', '--data-dir', dataDir)];
    writing = false;
    await writer;
    for (const { code, out } of reports) expect([code, out.split('\n').at(-2)]).toEqual([0, 'sound']);
  }, 30_000);
});

describe('a damaged buffer', () => {
  it('is named by file, place and record, with exit code 1, and stays as it is', async () => {
    const { dataDir, dir, buffer } = await filled();
    const { epoch } = buffer;
    await buffer.close();
    const [name] = await filesOf(dir, '.seg');
    const places = await placesIn(dir, name!, epoch);
    await flip(join(dir, name!), places[2]!.payload);
    const before = await readFile(join(dir, name!));
    const verify = await gateway('verify', '--data-dir', dataDir);
    const samples = await gateway('export', '--data-dir', dataDir, '--tag', TAGS[0]!.name);
    const inspect = await gateway('inspect', '--data-dir', dataDir);
    expect(verify.code).toBe(1);
    expect(verify.out).toContain(`damaged: ${name}, bytes ${places[2]!.at} to ${places[2]!.end}`);
    expect(verify.out).toContain('1 place damaged');
    expect(samples.code).toBe(0);
    expect(samples.err).toContain('1 damaged places were left out');
    expect(inspect.code).toBe(0);
    expect(await readFile(join(dir, name!))).toEqual(before);
    expect(await filesOf(dir, '.bad')).toEqual([]);
  }, 30_000);

  it.each([
    ['no folder', async (dir: string) => rm(dir, { recursive: true }), /is no buffer of a gateway/],
    ['no epoch', async (dir: string) => rm(join(dir, 'epoch')), /is no buffer of a gateway/],
  ])('with %s is refused in words', async (_, spoil, words) => {
    const { dataDir, dir, buffer } = await filled();
    await buffer.close();
    const copy = await tempDir();
    await cp(dataDir, copy, { recursive: true });
    await spoil(join(copy, 'buffer'));
    expect(dir).toContain(dataDir);
    const { code, err } = await gateway('verify', '--data-dir', copy);
    expect(code).toBe(1);
    expect(err).toMatch(words);
  });
});

describe('arguments', () => {
  it('without a folder, or with two, are not enough', async () => {
    expect((await gateway('inspect')).code).toBe(2);
    expect((await gateway('inspect', '--config', 'x.yaml', '--data-dir', 'x')).code).toBe(2);
  });

  it.each([
    [['export', '--format', 'xml'], /--format xml: write json or csv/],
    [['export', '--from', 'yesterday'], /--from yesterday: write a time/],
    [['export', '--lane', 'fast'], /--lane fast: write samples or urgent/],
  ])('%j are refused with what to write', async ([word, ...args], words) => {
    const { code, err } = await gateway(word!, ...args);
    expect(code).toBe(2);
    expect(err).toMatch(words);
  });
});

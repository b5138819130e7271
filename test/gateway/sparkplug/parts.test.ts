/** The small parts of the edge node. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { pino } from 'pino';
import { describe, expect, it, test } from 'vitest';
import { BdSeqFile } from '../../../gateway/sparkplug/bd-seq-file.ts';
import { HostGate } from '../../../gateway/sparkplug/host-gate.ts';
import { birthMetric, dataMetric, inOrder, sparkplugQuality } from '../../../gateway/sparkplug/metrics.ts';
import { Proof } from '../../../gateway/sparkplug/proof.ts';
import { protocDecode } from '../../services/protoc.ts';
import { tempDir } from '../../services/temp-dir.ts';

const log = pino({ level: 'silent' });

describe('the number of a birth', () => {
  it.each([
    ['after 255', '255\n', 0],
    ['without a file', null, 0],
    ['after 41', '41\n', 42],
    ['after half a file', '4', 0],
    ['after rubbish', '999\n', 0],
  ])('%s', async (_, content, next) => {
    const file = join(await tempDir(), 'bdseq');
    if (content !== null) await writeFile(file, content);
    const number = new BdSeqFile(file, log);
    expect(await number.next()).toBe(next);
    expect(await readFile(file, 'utf8')).toBe(`${next}\n`);
    expect(await number.next()).toBe(next);
    number.sent();
    expect(await number.next()).toBe(next + 1);
    expect(await new BdSeqFile(file, log).next()).toBe(next + 2);
  });

  it('goes on when the disk does not take it', async () => {
    const file = join(await tempDir(), 'bdseq');
    await mkdir(file);
    const number = new BdSeqFile(file, log);
    expect(await number.next()).toBe(0);
    number.sent();
    expect(await number.next()).toBe(1);
  });
});

describe('the primary host', () => {
  const state = (online: boolean, timestamp: number) => Buffer.from(JSON.stringify({ online, timestamp }));

  it('is there when it says so, and only its newest word counts', () => {
    const gate = new HostGate('scada');
    expect(gate.open).toBe(false);
    expect(gate.take(state(true, 10))).toEqual({ online: true, timestamp: 10 });
    expect(gate.take(state(false, 9))).toContain('before 10');
    expect(gate.open).toBe(true);
    gate.take(state(false, 10));
    expect(gate.open).toBe(false);
    expect(gate.take(Buffer.from('OFFLINE'))).toContain('JSON');
    gate.take(state(true, 11));
    gate.reset();
    expect(gate.open).toBe(false);
    expect(gate.take(state(true, 10))).toContain('before 11');
  });

  it('is not waited for where there is none', () => {
    const gate = new HostGate(undefined);
    expect(gate.open).toBe(true);
    gate.reset();
    expect(gate.open).toBe(true);
  });
});

describe('what the broker is known to have', () => {
  function rig(overlapMs: number) {
    const advanced: number[] = [];
    const history = { epoch: 'a', cursor: 0, newestSeq: 9, read: async () => undefined };
    const proof = new Proof({ ...history, advance: (seq) => void advanced.push(seq) }, overlapMs);
    const add = (seq: number, epoch = 'a') => proof.add({ epoch, seq });
    return { advanced, proof, add };
  }

  it('moves the cursor at once, but not by the numbers of another buffer', () => {
    const { advanced, add } = rig(0);
    add(4);
    add(900, 'before');
    add(7);
    expect(advanced).toEqual([4, 7]);
  });

  it('moves it later where the host may not have heard, and not for a connection that is gone', async () => {
    const { advanced, proof, add } = rig(40);
    add(2);
    proof.reset();
    add(4);
    add(5);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(advanced).toEqual([]);
    add(8);
    expect(advanced).toEqual([5]);
  });
});

describe('a sample', () => {
  const NOW = 1_795_337_589_000;

  it.each<[ValueType, number | string | boolean | null, number, unknown, number | undefined]>([
    ['float64', 1.5, 0, 1.5, undefined],
    ['float32', 0.1, 0, Math.fround(0.1), undefined],
    ['integer', -1, 0, -1, undefined],
    ['integer', Number.MIN_SAFE_INTEGER, 0, Number.MIN_SAFE_INTEGER, undefined],
    ['integer', 1.5, 0, null, undefined],
    ['boolean', false, 0, false, undefined],
    ['string', '', 0, '', undefined],
    ['string', 7, 0x4000_0000, null, 500],
    ['float64', null, 0x800a_0000, null, 0],
  ])('%s %s of quality %i is %s', (type, value, quality, wanted, code) => {
    const tag = { id: 1, name: 'a', type, unit: '' };
    const { datatype } = birthMetric(tag, null, NOW);
    const metric = dataMetric(1, type, { sourceAt: NOW, value, quality }, NOW, false);
    const read = sparkplugValue({ ...metric, datatype: datatype! });
    expect(type === 'float32' ? Math.fround(Number(read)) : read).toBe(wanted);
    expect(metric.properties?.[0] && Number(sparkplugValue(metric.properties[0]))).toBe(code);
  });

  it.each([
    ['before 1970', -5, NOW],
    ['of no time', Number.NaN, NOW],
    ['between two milliseconds', 1_000.9, 1_000],
  ])('%s has a time that fits', (_, sourceAt, at) => {
    expect(dataMetric(1, 'boolean', { sourceAt, value: true, quality: 0 }, NOW, false).timestamp).toBe(at);
  });

  test('quality is good, bad or stale', () => {
    expect([0, 0x00dc_0000, 0x4090_0000, 0x8000_0000].map(sparkplugQuality)).toEqual([192, 192, 500, 0]);
  });

  test('times go on within a message', () => {
    const metrics = [5, 3, 4, 3].map((timestamp, alias) => ({ timestamp, alias }));
    expect(inOrder(metrics).map(({ alias }) => alias)).toEqual([1, 3, 2, 0]);
  });
});

describe.skipIf(!protocDecode)('a message, read by protoc', () => {
  const AT = 1_795_337_589_000;
  const PROTO = fileURLToPath(new URL('../../../shared/wire/sparkplug/sparkplug.proto', import.meta.url));
  const temperature = { id: 2, name: 'temperature', type: 'float64', unit: 'Cel' } as const;
  const parts = { id: 4, name: 'parts', type: 'integer', unit: '' } as const;
  const sample = (value: number | null, quality = 0) => ({ sourceAt: AT - 40, value, quality });

  it.each([
    ['birth', [birthMetric(temperature, sample(21.5), AT), birthMetric(parts, null, AT)]],
    [
      'data',
      [
        dataMetric(2, 'float64', sample(22), AT, false),
        dataMetric(2, 'float64', sample(null, 0x8000_0000), AT, false),
        { ...dataMetric(4, 'integer', sample(-3), AT, false), isHistorical: true },
      ],
    ],
    ['death', []],
  ])('%s', async (name, metrics) => {
    const text = protocDecode?.(PROTO, writePayload({ timestamp: AT, seq: 255, metrics }));
    await expect(text).toMatchFileSnapshot(`testcases/${name}.txt`);
  });
});

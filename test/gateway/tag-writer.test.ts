import type { GatewayEvent, WriteEvent } from '@lineside/shared/contracts/event.ts';
import { WriteEvent as WriteEventSchema } from '@lineside/shared/contracts/event.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import { pino } from 'pino';
import { Value as Schema } from 'typebox/value';
import { describe, expect, test, vi } from 'vitest';
import type { TagEntry } from '../../gateway/config/load-config.ts';
import type { Driver, WriteResult } from '../../gateway/drivers/driver.ts';
import { TagWriter } from '../../gateway/tag-writer.ts';
import { Conditioner } from '../../gateway/tags/conditioner.ts';

const plain = { unit: '', description: '', scale: 1, offset: 0, writable: true, settings: {} };
const TAGS: TagEntry[] = [
  { ...plain, name: 'speed', type: 'float64', scale: 0.1, min: 0, max: 60 },
  { ...plain, name: 'mode', type: 'string', enum: { 0: 'Off', 1: 'Auto' } },
  { ...plain, name: 'flush', type: 'boolean' },
  { ...plain, name: 'order', type: 'string' },
  { ...plain, name: 'level', type: 'float64', writable: false },
];

function rig({ write }: { write?: (tag: number, value: Value) => Promise<WriteResult> } = {}) {
  const held = new Map<number, Value>([
    [1, 200],
    [2, 0],
    [3, false],
    [4, 'A7'],
  ]);
  const asked: [number, Value][] = [];
  const events: GatewayEvent[] = [];
  const take = async (tag: number, value: Value): Promise<WriteResult> => {
    const old = held.get(tag)!;
    held.set(tag, value);
    return { ok: true, old, new: value, error: '' };
  };
  const driver = {
    write: (tag: number, value: Value) => {
      asked.push([tag, value]);
      return (write ?? take)(tag, value);
    },
  } as unknown as Driver;
  const conditioner = new Conditioner();
  const buffer = { addEvent: (event: GatewayEvent) => void events.push(event), flush: vi.fn(async () => undefined) };
  const log = pino({ level: 'silent' });
  const writer = new TagWriter({
    conditioner,
    buffer,
    log,
    driver: (id) => (id === 'pump' ? driver : undefined),
    now: () => 1_795_000_000_000,
  });
  const tagId = (_device: string, name: string) => TAGS.findIndex((tag) => tag.name === name) + 1;
  TAGS.forEach((tag, i) => {
    conditioner.add('pump', i + 1, tag);
  });
  writer.addDevice({ id: 'pump', driver: 'fake', settings: {}, tags: TAGS }, tagId);
  let count = 0;
  const request = (tag: string, value: WriteRequest['value'], more: Partial<WriteRequest> = {}): WriteRequest => ({
    ...{ id: `w${++count}`, device: 'pump', tag, value, by: 'Ann', via: 'hub', comment: 'trial', ...more },
  });
  const remove = () => {
    conditioner.remove('pump', [1, 2, 3, 4, 5]);
    writer.removeDevice('pump');
  };
  return { writer, request, asked, events: events as WriteEvent[], buffer, remove };
}

describe('what may be written', () => {
  const TAKEN: [string, tag: string, value: WriteRequest['value'], raw: Value, old: Value][] = [
    ['a number, scaled back', 'speed', 45, 450, 20],
    ['a name, as its raw value', 'mode', 'Auto', 1, 'Off'],
    ['a boolean', 'flush', true, true, false],
    ['a text', 'order', 'B12', 'B12', 'A7'],
  ];
  test.each(TAKEN)('%s', async (_name, tag, value, raw, old) => {
    const { writer, request, asked, events, buffer } = rig();
    const outcome = await writer.write(request(tag, value));
    expect(outcome).toEqual({ id: 'w1', ok: true, old, new: value, at: 1_795_000_000_000, error: '' });
    expect(asked.map(([, written]) => written)).toEqual([raw]);
    const { id, at, ...rest } = outcome;
    const who = { device: 'pump', tag, by: 'Ann', via: 'hub', comment: 'trial' };
    expect(events).toEqual([{ kind: 'write', id, at, ...who, requested: value, ...rest }]);
    expect(buffer.flush).toHaveBeenCalledOnce();
  });
});

describe('what may not be written leaves a record all the same', () => {
  const REFUSED: [string, more: Partial<WriteRequest> & { tag: string; value: WriteRequest['value'] }, RegExp][] = [
    ['unknown device', { device: 'pomp', tag: 'speed', value: 1 }, /no device "pomp"/],
    ['unknown tag', { tag: 'sped', value: 1 }, /"pump" has no tag "sped"/],
    ['not writable', { tag: 'level', value: 1 }, /no writable: true/],
    ['beyond its limits', { tag: 'speed', value: 60.1 }, /beyond the limits of speed, 0 to 60/],
    ['no number at all', { tag: 'speed', value: Number.NaN }, /takes a number/],
    ['another type', { tag: 'flush', value: 1 }, /takes true or false/],
    ['an unknown name', { tag: 'mode', value: 'Manual' }, /none of the values that mode knows/],
    ['a text without end', { tag: 'order', value: 'x'.repeat(1_001) }, /more than 1000 characters/],
  ];
  test.each(REFUSED)('%s', async (_name, more, words) => {
    const { writer, request, asked, events } = rig();
    const outcome = await writer.write(request(more.tag, more.value, more));
    expect(outcome).toMatchObject({ ok: false, old: null, new: null, error: expect.stringMatching(words) });
    expect(asked).toEqual([]);
    expect(events).toMatchObject([{ ok: false, error: outcome.error, by: 'Ann' }]);
    expect(Schema.Check(WriteEventSchema, JSON.parse(JSON.stringify(events[0])))).toBe(true);
  });

  test('what came too late', async () => {
    const { writer, request, asked, events } = rig();
    const outcome = await writer.write(request('speed', 5), performance.now() - 1);
    expect(outcome.error).toMatch(/too late: nothing was written/);
    expect([asked.length, events.length]).toEqual([0, 1]);
  });

  test('what lost its time or its device while it waited for its turn', async () => {
    let release = (_result: WriteResult) => {};
    const write = () => new Promise<WriteResult>((resolve) => (release = resolve));
    const { writer, request, asked, events, remove } = rig({ write });
    const first = writer.write(request('speed', 5));
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const deadline = performance.now() + 20;
    const late = writer.write(request('speed', 6), deadline);
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(deadline), { interval: 5 });
    release({ ok: true, old: 10, new: 50, error: '' });
    expect(await first).toMatchObject({ ok: true, old: 1, new: 5 });
    expect((await late).error).toMatch(/too late/);

    const second = writer.write(request('speed', 7));
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    const gone = writer.write(request('mode', 'Auto'));
    remove();
    release({ ok: false, old: 50, new: null, error: 'the gateway stops' });
    expect(await second).toMatchObject({ ok: false, old: 5, new: null });
    expect((await gone).error).toMatch(/no device "pump"/);
    expect(asked).toHaveLength(2);
    expect(events.map(({ ok }) => ok)).toEqual([true, false, false, false]);
  });

  test('a driver that cannot write, that fails, or reads back what is no number', async () => {
    const { writer, request } = rig({ write: () => Promise.reject(new Error('broken pipe')) });
    expect((await writer.write(request('speed', 5))).error).toBe(
      'it is not known whether it was written: broken pipe',
    );
    const odd = rig({ write: async () => ({ ok: false, old: Number.NaN, new: Infinity, error: 'odd' }) });
    expect(await odd.writer.write(odd.request('speed', 5))).toMatchObject({ old: null, new: null, error: 'odd' });
    expect(Schema.Check(WriteEventSchema, JSON.parse(JSON.stringify(odd.events[0])))).toBe(true);
  });
});

describe('how writes meet', () => {
  test('the same id by the same way is carried out once; by another way it is another', async () => {
    const { writer, request, asked, events } = rig();
    const once = request('speed', 5);
    const [first, second] = await Promise.all([writer.write(once), writer.write({ ...once, value: 7 })]);
    expect(second).toEqual(first);
    expect(await writer.write(once)).toEqual(first);
    await writer.write({ ...once, via: 'mqtt' });
    expect([asked.length, events.length]).toEqual([2, 2]);
  });

  test('one device takes one after the other; beyond the bound they are refused at once', async () => {
    let under = 0;
    let most = 0;
    const write = async (_tag: number, value: Value): Promise<WriteResult> => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setImmediate(resolve));
      under--;
      return { ok: true, old: 0, new: value, error: '' };
    };
    const { writer, request, events } = rig({ write });
    const outcomes = await Promise.all(Array.from({ length: 210 }, () => writer.write(request('speed', 5))));
    expect(most).toBe(1);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(200);
    expect(outcomes.at(-1)!.error).toMatch(/200 writes wait already/);
    expect(events).toHaveLength(210);
  });

  test('a disk that hangs does not keep the answer back for ever; a stop waits for what is under way', async () => {
    let release = (_result: WriteResult) => {};
    const { writer, request, buffer, events } = rig({ write: () => new Promise((resolve) => (release = resolve)) });
    buffer.flush.mockReturnValue(new Promise(() => undefined));
    const outcome: Promise<WriteOutcome> = writer.write(request('speed', 5));
    const stopped = writer.stop();
    expect((await writer.write(request('speed', 6))).error).toBe('the gateway is stopping');
    release({ ok: true, old: 1, new: 50, error: '' });
    await stopped;
    expect(await outcome).toMatchObject({ ok: true });
    expect(events).toHaveLength(2);
  });
});

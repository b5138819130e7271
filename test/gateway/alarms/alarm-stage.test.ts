import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AlarmStage } from '../../../gateway/alarms/alarm-stage.ts';
import type { AlarmConfig } from '../../../gateway/alarms/config.ts';
import { tempDir } from '../../services/temp-dir.ts';

const DEFAULTS = { message: 'Too hot', priority: 'medium', hysteresis: 0, onDelayMs: 0, offDelayMs: 0 } as const;

function alarm(id: string, config: Partial<AlarmConfig> = {}, tag = 1) {
  return {
    config: { id, tag: 'press/oil', above: 80, ...DEFAULTS, ...config },
    tag: { id: tag, device: 'press', unit: 'Cel' },
  };
}

/** A buffer that takes what it is given while it is up. */
class FakeBuffer {
  up = true;
  flushes = 0;
  readonly onDisk: AlarmEvent[] = [];
  readonly #inMemory: AlarmEvent[] = [];

  readonly add = (event: AlarmEvent) => void this.#inMemory.push(structuredClone(event));
  readonly flush = async () => {
    this.flushes++;
    if (!this.up) throw new Error('no space left on device');
    this.onDisk.push(...this.#inMemory.splice(0));
  };

  get said(): string[] {
    return this.onDisk.map(({ rule, transition, state }) => `${rule} ${transition} → ${state}`);
  }
}

class Rig {
  readonly buffer = new FakeBuffer();
  readonly complaints: string[] = [];
  readonly stage: AlarmStage;
  now = 1_000_000;

  constructor(dataDir: string, alarms = [alarm('hot')], buffer: Pick<FakeBuffer, 'add' | 'flush'> = this.buffer) {
    const log = pino({ level: 'warn' }, { write: (line) => void this.complaints.push(JSON.parse(line).msg) });
    this.stage = new AlarmStage({ dataDir, alarms, log, now: () => this.now, add: buffer.add, flush: buffer.flush });
    onTestFinished(() => this.stage.stop());
  }

  async started(): Promise<this> {
    await this.stage.start();
    return this;
  }

  sample(value: number, tag = 1): void {
    const frame = emptyFrame('press', this.now);
    pushSample(frame, tag, this.now, value, 0);
    this.stage.observe(frame);
  }
}

describe('the list', () => {
  test('is sorted by priority, then newest first', async () => {
    const rules = [
      alarm('low', { priority: 'low' }),
      alarm('old', { priority: 'high' }),
      alarm('critical', { priority: 'critical', onDelayMs: 5_000 }),
      alarm('new', { priority: 'high', onDelayMs: 2_000 }),
    ];
    const rig = await new Rig(await tempDir(), rules).started();
    rig.sample(90);
    rig.now += 2_000;
    rig.stage.tick();
    rig.now += 3_000;
    rig.stage.tick();
    expect(rig.stage.active().map(({ rule }) => rule)).toEqual(['critical', 'new', 'old', 'low']);
    expect(rig.stage.recent().map(({ rule }) => rule)).toEqual(['critical', 'new', 'old', 'low']);
    expect(rig.stage.active()[0]).toMatchObject({ device: 'press', limit: 80, unit: 'Cel', value: 90 });
  });

  test('an alarm is raised by its own timer when no sample follows', async () => {
    const rig = await new Rig(await tempDir(), [alarm('hot', { onDelayMs: 3_000 })]).started();
    rig.sample(90);
    expect(rig.stage.active()).toEqual([]);
    rig.now += 3_000;
    await vi.waitFor(() => expect(rig.buffer.said).toEqual(['hot raised → unacknowledged']));
  });

  test('the last 50 transitions are kept', async () => {
    const rig = await new Rig(await tempDir()).started();
    for (let i = 0; i < 60; i++) rig.sample(i % 2 === 0 ? 90 : 70);
    expect(rig.stage.recent()).toHaveLength(50);
    expect(rig.stage.recent()[0]!.transition).toBe('returned');
    await vi.waitFor(() => expect(rig.buffer.onDisk).toHaveLength(60));
  });
});

describe('acknowledging', () => {
  test('is delivered with name and comment', async () => {
    const rig = await new Rig(await tempDir()).started();
    rig.sample(90);
    await rig.stage.acknowledge(rig.stage.active()[0]!.id, 'Ann', 'pump on');
    expect(rig.buffer.onDisk.at(-1)).toMatchObject({ transition: 'acknowledged', by: 'Ann', comment: 'pump on' });
    expect(rig.stage.active()[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'Ann' });
  });

  test('something unknown, over or already acknowledged is an error', async () => {
    const rig = await new Rig(await tempDir()).started();
    await expect(rig.stage.acknowledge('nothing', 'Ann', '')).rejects.toMatchObject({ code: 'ALARM_UNKNOWN' });
    rig.sample(90);
    const { id } = rig.stage.active()[0]!;
    await rig.stage.acknowledge(id, 'Ann', '');
    await expect(rig.stage.acknowledge(id, 'Bob', '')).rejects.toThrow('over or has been acknowledged already');
    rig.sample(70);
    await expect(rig.stage.acknowledge(id, 'Bob', '')).rejects.toMatchObject({ code: 'ALARM_UNKNOWN' });
  });

  test('is refused by a gateway that has stopped, which could not keep it', async () => {
    const rig = await new Rig(await tempDir()).started();
    rig.sample(90);
    await rig.stage.stop();
    await expect(rig.stage.acknowledge(rig.stage.active()[0]!.id, 'Ann', '')).rejects.toThrow('stopping');
  });
});

describe('a restart', () => {
  test('keeps each alarm as it was, and tells nothing twice', async () => {
    const dir = await tempDir();
    const rules = [alarm('hot'), alarm('seen', {}, 2), alarm('over', {}, 3)];
    const first = await new Rig(dir, rules).started();
    for (const tag of [1, 2, 3]) first.sample(90, tag);
    await first.stage.acknowledge(first.stage.active().find(({ rule }) => rule === 'seen')!.id, 'Ann', 'ok');
    first.sample(70, 3);
    await first.stage.stop();
    const before = first.stage.active();

    const second = await new Rig(dir, rules).started();
    expect(second.stage.active()).toEqual(before);
    expect(second.stage.recent()).toEqual(first.stage.recent());
    for (const tag of [1, 2]) second.sample(90, tag);
    second.sample(70, 2);
    await second.stage.stop();
    expect(second.buffer.said).toEqual(['seen returned → normal']);
  });

  test('after SIGKILL between the state on disk and the buffer, the event is delivered', async () => {
    const dir = await tempDir();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'raise-and-hang-child.ts'), dir], {
      stdio: 'pipe',
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;

    const rig = await new Rig(dir).started();
    await vi.waitFor(() => expect(rig.buffer.said).toEqual(['hot raised → unacknowledged']));
    expect(rig.stage.active()[0]!.id).toBe(rig.buffer.onDisk[0]!.occurrence);
    rig.sample(70);
    await rig.stage.stop();
    expect(rig.buffer.said).toEqual(['hot raised → unacknowledged', 'hot returned → returned']);
    expect(JSON.parse(await readFile(join(dir, 'alarms.json'), 'utf8')).outbox).toEqual([]);
  });

  test('without the rule ends the occurrence by name, once', async () => {
    const dir = await tempDir();
    const first = await new Rig(dir, [alarm('hot'), alarm('gone')]).started();
    first.sample(90);
    const { id } = first.stage.active().find(({ rule }) => rule === 'gone')!;
    await first.stage.stop();

    const second = await new Rig(dir).started();
    await second.stage.stop();
    const [event] = second.buffer.onDisk;
    expect(second.buffer.said).toEqual(['gone returned → normal']);
    expect(event).toMatchObject({
      occurrence: id,
      device: 'press',
      message: 'gone ended: its rule has left the configuration',
    });
    expect(second.stage.recent()[0]).toEqual(event);
    expect(second.complaints).toEqual(['alarm ended: its rule has left the configuration']);
    expect(second.stage.active().map(({ rule }) => rule)).toEqual(['hot']);

    const third = await new Rig(dir).started();
    await third.stage.stop();
    expect(third.buffer.said).toEqual([]);
  });

  test.each([
    ['cut off', '{"occurrences":{"hot":{"id"'],
    ['of nulls', '\0\0\0\0\0\0\0\0'],
    ['empty', ''],
    ['another shape', '[]'],
    ['an event without its occurrence', '{"occurrences":{},"outbox":[{}],"recent":[]}'],
  ])('with a damaged alarms.json (%s) sets it aside and begins anew', async (_name, content) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'alarms.json'), content);
    const rig = await new Rig(dir).started();
    expect(await readFile(join(dir, 'alarms.json.damaged'), 'utf8')).toBe(content);
    expect(rig.complaints).toEqual(['alarms.json damaged and set aside; alarms begin anew']);
    rig.sample(90);
    await vi.waitFor(() => expect(rig.buffer.said).toEqual(['hot raised → unacknowledged']));
  });
});

describe('a disk that refuses', () => {
  test('the buffer: the event waits and goes by itself, once, when it writes again', async () => {
    const rig = await new Rig(await tempDir()).started();
    rig.buffer.up = false;
    rig.sample(90);
    await vi.waitFor(() => expect(rig.buffer.flushes).toBe(1));
    expect(rig.stage.active()).toHaveLength(1);
    await vi.waitFor(() => expect(rig.buffer.flushes).toBeGreaterThan(1), 3_000);
    rig.buffer.up = true;
    await vi.waitFor(() => expect(rig.buffer.said).toEqual(['hot raised → unacknowledged']), 3_000);
    await rig.stage.stop();
    expect(rig.buffer.onDisk).toHaveLength(1);
    expect(rig.complaints).toEqual(['alarm events wait until the buffer writes again']);
  });

  test('the buffer, up to the end: the next start delivers', async () => {
    const dir = await tempDir();
    const first = await new Rig(dir).started();
    first.buffer.up = false;
    first.sample(90);
    first.sample(70);
    await first.stage.stop();
    const second = await new Rig(dir).started();
    await second.stage.stop();
    expect(second.buffer.said).toEqual(['hot raised → unacknowledged', 'hot returned → returned']);
  });

  test('alarms.json: alarms go on, and the file follows when it can be written', async () => {
    const dir = await tempDir();
    const rig = await new Rig(dir).started();
    await vi.waitFor(async () => expect(await readFile(join(dir, 'alarms.json'), 'utf8')).toContain('outbox'));
    await mkdir(join(dir, 'alarms.json.new'));
    rig.sample(90);
    await vi.waitFor(() => expect(rig.buffer.said).toEqual(['hot raised → unacknowledged']));
    await rm(join(dir, 'alarms.json.new'), { recursive: true });
    const written = async () => JSON.parse(await readFile(join(dir, 'alarms.json'), 'utf8'));
    await vi.waitFor(
      async () => expect(await written()).toMatchObject({ occurrences: { hot: {} }, outbox: [] }),
      3_000,
    );
    expect(rig.complaints).toEqual(['could not write alarms.json; alarms go on in memory']);
  });

  test('the outbox is bounded; what leaves it is still in the buffer and comes in order', async () => {
    const dir = await tempDir();
    const rig = await new Rig(dir).started();
    rig.buffer.up = false;
    for (let i = 0; i < 5_200; i++) {
      rig.now++;
      rig.sample(i % 2 === 0 ? 90 : 70);
    }
    await vi.waitFor(async () => {
      const { outbox } = JSON.parse(await readFile(join(dir, 'alarms.json'), 'utf8'));
      expect(outbox).toHaveLength(5_000);
    }, 5_000);
    rig.buffer.up = true;
    await vi.waitFor(() => expect(rig.buffer.onDisk).toHaveLength(5_200), 5_000);
    const times = rig.buffer.onDisk.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe('other rules while it runs', () => {
  test('one that did not change keeps its delay and its occurrence; one that is gone ends by name', async () => {
    const delayed = { onDelayMs: 5_000 };
    const rig = await new Rig(await tempDir(), [alarm('slow', delayed), alarm('hot')]).started();
    rig.sample(90);
    const [before] = rig.stage.active();
    rig.now += 3_000;
    rig.stage.replace([alarm('slow', delayed), alarm('hot'), alarm('new', {}, 2)]);
    expect(rig.stage.active()).toEqual([before]);
    rig.now += 2_000;
    rig.stage.tick();
    expect(rig.stage.active().map(({ rule }) => rule)).toEqual(['slow', 'hot']);
    rig.stage.replace([alarm('slow', delayed)]);
    await vi.waitFor(() =>
      expect(rig.buffer.said).toEqual([
        'hot raised → unacknowledged',
        'slow raised → unacknowledged',
        'hot returned → normal',
      ]),
    );
  });

  test('one that changed goes on with its occurrence under its new limit, and knows the last value', async () => {
    const rig = await new Rig(await tempDir()).started();
    rig.sample(90);
    const [before] = rig.stage.active();
    rig.stage.replace([alarm('hot', { above: 95 }), alarm('cold', { above: undefined, below: 92 })], () => ({
      value: 90,
      quality: 0,
    }));
    rig.stage.tick();
    expect(rig.stage.active()).toMatchObject([
      { rule: 'hot', id: before!.id, state: 'returned', limit: 95 },
      { rule: 'cold', state: 'unacknowledged', value: 90 },
    ]);
  });
});

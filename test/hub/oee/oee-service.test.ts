import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Oee } from '@lineside/shared/contracts/api.ts';
import { LINK_TAG, type Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Machine } from '../../../hub/equipment/plant.ts';
import { OeeService } from '../../../hub/oee/oee-service.ts';
import { DuckDbStore } from '../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { columns, record } from '../../services/samples.ts';
import { random } from '../../shared/wire/random-batch.ts';

const SIX = Date.UTC(2026, 5, 15, 6);
const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1_000;
const EXECUTE = 6;
const ABORTED = 9;

type Sample = [tag: number, at: number, value: Value, quality?: number];

let dir: string;
let store: DuckDbStore;
let seq = 0;
/** Tag ids are new for each test, so one store serves them all. */
let base = 0;

const machine: Machine = {
  path: 'acme/site/area/line/packer',
  name: 'Packer',
  gateway: 'press-1',
  device: 'packer',
  timeZone: 'UTC',
  shifts: [
    { name: 'Early', from: '06:00', to: '14:00', days: [1, 2, 3, 4, 5, 6, 7] },
    { name: 'Late', from: '14:00', to: '22:00', days: [1, 2, 3, 4, 5, 6, 7] },
  ],
  state: { tag: 'state' },
  counters: { total: 'made', reject: 'bad', unit: 'packs', scale: 1, idealPerHour: 3_600 },
  show: [],
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-oee-'));
  store = new DuckDbStore({ file: join(dir, 'samples.duckdb'), memoryLimit: '128MB' });
  await store.open();
});
afterAll(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  base += 10;
});

const tag = (name: 'state' | 'link' | 'made' | 'bad') => base + ['state', 'link', 'made', 'bad'].indexOf(name);

class Rig {
  now = SIX;
  readonly toldOfAll: boolean;
  readonly known = new Map<string, number>([
    ['state', tag('state')],
    [LINK_TAG, tag('link')],
    ['made', tag('made')],
    ['bad', tag('bad')],
  ]);
  readonly service: OeeService;

  constructor(toldOfAll = true) {
    this.toldOfAll = toldOfAll;
    this.service = this.fresh();
  }

  fresh(onFigures: (path: string, figures: { oee: Oee }) => void = () => {}): OeeService {
    return new OeeService({
      machines: [machine],
      timeSeries: store,
      tagId: (_gateway, _device, name) => this.known.get(name),
      toldOfAll: this.toldOfAll,
      onFigures,
      log: pino({ level: 'silent' }),
      now: () => this.now,
    });
  }

  /** As ingest does it: into the store, then told. */
  async store(...samples: Sample[]): Promise<void> {
    const all = columns(...samples);
    await store.append([record(++seq, all)]);
    this.service.stored(all);
  }

  async both(): Promise<{ incremental: Awaited<ReturnType<OeeService['explain']>>; full: unknown }> {
    return { incremental: await this.service.explain(machine), full: await this.fresh().explain(machine) };
  }
}

/** Heartbeats every 5 s. */
function beats(from: number, to: number): Sample[] {
  return Array.from(
    { length: Math.floor((to - from) / 5_000) + 1 },
    (_, i): Sample => [tag('link'), from + i * 5_000, 1],
  );
}

function counts(from: number, to: number, start: number): Sample[] {
  return Array.from(
    { length: Math.floor((to - from) / SECOND) + 1 },
    (_, i): Sample => [tag('made'), from + i * SECOND, start + i],
  );
}

describe.each([
  { toldOfAll: true, what: 'of a hub alone' },
  { toldOfAll: false, what: 'of one among several hubs' },
])('OEE of the running shift from a real store, $what', ({ toldOfAll }) => {
  test('looks that read only what is new find what one look at everything finds', async () => {
    for (const seed of [1, 2, 3]) {
      base += 10;
      const rig = new Rig(toldOfAll);
      const next = random(seed);
      const below = (limit: number) => Math.floor(next() * limit);
      let at = SIX - 2 * MINUTE;
      let made = 1_000;
      for (let look = 0; look < 14; look++) {
        const samples: Sample[] = [];
        for (let i = below(30); i >= 0; i--) {
          at += below(9_000);
          const quality = below(12) === 0 ? Quality.Bad : Quality.Good;
          const kind = below(10);
          if (kind < 4) samples.push([tag('link'), at, kind === 0 && below(3) === 0 ? 0 : 1]);
          else if (kind < 6) samples.push([tag('state'), at, [4, 6, 6, 9, 77][below(5)]!, quality]);
          else if (kind < 9) {
            made = below(30) === 0 ? below(3) : made + below(9);
            samples.push([tag('made'), at, made, quality]);
          } else samples.push([tag('bad'), at, Math.floor(made / 10), quality]);
          // Now and then something comes late, also from before the shift.
          if (below(12) === 0) samples.push([tag('state'), at - below(5 * MINUTE), EXECUTE]);
        }
        await rig.store(...samples);
        rig.now = Math.max(rig.now, at) + below(3_000);
        const { incremental, full } = await rig.both();
        expect(incremental, `seed ${seed}, look ${look}`).toEqual(full);
      }
    }
  });

  test('a state that was never seen is unknown and no 0 %, and the times add up', async () => {
    const rig = new Rig(toldOfAll);
    rig.known.delete('state');
    await rig.store(...beats(SIX - 10 * SECOND, SIX + HOUR), ...counts(SIX, SIX + MINUTE, 5));
    rig.now = SIX + HOUR;
    const { oee, intervals } = await rig.service.explain(machine);
    expect(oee).toMatchObject({ availability: null, performance: null, oee: null, unknownMs: HOUR });
    expect(oee.reason).toContain('the state was not known');
    expect(intervals).toMatchObject([{ category: 'unknown' }]);
  });

  test('two who look at once do not count twice', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(
      ...beats(SIX - 10 * SECOND, SIX + MINUTE),
      [tag('state'), SIX, EXECUTE],
      ...counts(SIX - SECOND, SIX + MINUTE, 100),
    );
    rig.now = SIX + MINUTE;
    const looks = await Promise.all(Array.from({ length: 5 }, () => rig.service.explain(machine)));
    for (const { oee } of looks) expect(oee).toMatchObject({ producingMs: MINUTE, performance: 1 });
    expect(looks[4]).toEqual(await rig.fresh().explain(machine));
  });

  test('a backlog that comes after the shift change restates both sides of it', async () => {
    const rig = new Rig(toldOfAll);
    // The hub saw 13:49:50, was away, and looks again at 14:10 before the gateway's backlog has come.
    const two = SIX + 8 * HOUR;
    await rig.store(
      ...beats(two - 30 * MINUTE, two - 10 * MINUTE),
      [tag('state'), two - 30 * MINUTE, EXECUTE],
      [tag('made'), two - 10 * MINUTE, 1_000],
      [tag('bad'), two - 10 * MINUTE, 0],
    );
    rig.now = two + 10 * MINUTE;
    expect((await rig.service.explain(machine)).oee).toMatchObject({ shift: 'Late', availability: null, good: null });
    await rig.store(...beats(two - 10 * MINUTE, two), ...counts(two - 10 * MINUTE, two, 1_000));
    await rig.store([tag('bad'), two - SECOND, 5]);
    await rig.service.explain(machine);
    await rig.store(...beats(two, two + 10 * MINUTE), ...counts(two + SECOND, two + 10 * MINUTE, 1_601));
    await rig.store([tag('bad'), two + MINUTE, 8]);
    const { incremental, full } = await rig.both();
    expect(incremental).toEqual(full);
    expect(incremental.oee).toMatchObject({ availability: 1, performance: 1, good: 597, reject: 3 });
  });

  test('an alarm of minutes ago that comes late takes its time back from production', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(...beats(SIX - 10 * SECOND, SIX + HOUR), [tag('state'), SIX - MINUTE, EXECUTE]);
    rig.now = SIX + HOUR;
    expect((await rig.service.explain(machine)).oee.availability).toBe(1);
    await rig.store([tag('state'), SIX + 10 * MINUTE, ABORTED], [tag('state'), SIX + 25 * MINUTE, EXECUTE]);
    const { oee } = await rig.service.explain(machine);
    expect(oee).toMatchObject({ availability: 0.75, downMs: 15 * MINUTE, producingMs: 45 * MINUTE });
  });

  test('what is stored while a look is under way is not missed by the next', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(
      ...beats(SIX - 10 * SECOND, SIX + HOUR),
      [tag('state'), SIX, EXECUTE],
      [tag('state'), SIX + 30 * MINUTE, EXECUTE],
    );
    rig.now = SIX + HOUR;
    const range = vi.spyOn(store, 'range');
    range.mockImplementationOnce((...args) => DuckDbStore.prototype.range.apply(store, args));
    range.mockImplementationOnce(async (...args) => {
      const before = await DuckDbStore.prototype.range.apply(store, args);
      await rig.store([tag('state'), SIX + 10 * MINUTE, ABORTED]);
      return before;
    });
    await rig.service.explain(machine);
    range.mockRestore();
    const { incremental, full } = await rig.both();
    expect(incremental).toEqual(full);
    expect(incremental.oee.downMs).toBe(20 * MINUTE);
  });

  test('production during a gateway’s outage does not make the machine faster than it is', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(
      ...beats(SIX - 10 * SECOND, SIX + 20 * MINUTE),
      ...beats(SIX + 40 * MINUTE, SIX + HOUR),
      [tag('state'), SIX, EXECUTE],
      [tag('bad'), SIX, 0],
      [tag('bad'), SIX + HOUR - 1, 0],
      ...counts(SIX, SIX + 20 * MINUTE, 0),
      ...counts(SIX + 40 * MINUTE, SIX + HOUR, 2_400),
    );
    rig.now = SIX + HOUR;
    const { oee } = await rig.service.explain(machine);
    expect(oee.good).toBe(3_599);
    expect(oee.performance).toBeGreaterThan(0.99);
    expect(oee.performance).toBeLessThanOrEqual(1);
  });

  test('a machine counts from when it was first connected, also when that is restated', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(...beats(SIX + 2 * HOUR, SIX + 3 * HOUR), [tag('state'), SIX + 2 * HOUR, EXECUTE]);
    rig.now = SIX + 3 * HOUR;
    expect((await rig.service.explain(machine)).oee).toMatchObject({ from: SIX + 2 * HOUR, availability: 1 });
    await rig.store(...beats(SIX + HOUR, SIX + 2 * HOUR - 1), [tag('state'), SIX + HOUR, ABORTED]);
    const { incremental, full } = await rig.both();
    expect(incremental).toEqual(full);
    expect(incremental.oee).toMatchObject({ from: SIX + HOUR, availability: 0.5 });
  });

  test('with other tags and in the next shift it begins anew', async () => {
    const rig = new Rig(toldOfAll);
    await rig.store(...beats(SIX - 10 * SECOND, SIX + HOUR), [tag('state'), SIX, EXECUTE]);
    await rig.store([base + 5, SIX, ABORTED]);
    rig.now = SIX + HOUR;
    expect((await rig.service.explain(machine)).oee.availability).toBe(1);
    rig.known.set('state', base + 5);
    expect((await rig.service.explain(machine)).oee.availability).toBe(0);
    rig.now = SIX + 8 * HOUR + MINUTE;
    await rig.store(...beats(SIX + 8 * HOUR - 5 * SECOND, rig.now));
    expect((await rig.service.explain(machine)).oee).toMatchObject({ shift: 'Late', downMs: MINUTE, producingMs: 0 });
    rig.now = SIX + 17 * HOUR;
    expect((await rig.service.explain(machine)).oee.reason).toBe('no shift is planned now');
  });

  describe('on its own', () => {
    let service: OeeService | undefined;
    afterEach(() => service?.stop());

    test('tells figures at once and goes on after the store failed', async () => {
      const rig = new Rig(toldOfAll);
      await rig.store(...beats(SIX - 10 * SECOND, SIX + MINUTE), [tag('state'), SIX, EXECUTE]);
      rig.now = SIX + MINUTE;
      const range = vi.spyOn(store, 'range').mockRejectedValueOnce(new Error('the disk is gone'));
      const told = vi.fn();
      service = rig.fresh(told);
      service.start();
      await vi.waitFor(() => expect(told).toHaveBeenCalled(), 15_000);
      range.mockRestore();
      expect(told.mock.lastCall?.[1]).toMatchObject({
        oee: { availability: 1 },
        state: { name: 'Execute', category: 'producing', since: SIX },
      });
      await service.stop();
      await service.stop();
    });
  });
});

describe('a hub that stores everything itself', () => {
  test('follows the newest samples without reading them, and those of times to come when these have come', async () => {
    const rig = new Rig();
    await rig.store(
      ...beats(SIX - 10 * SECOND, SIX + 2 * MINUTE),
      [tag('state'), SIX, EXECUTE],
      [tag('state'), SIX + 2 * MINUTE, ABORTED],
      ...counts(SIX, SIX + MINUTE, 0),
    );
    rig.now = SIX + MINUTE;
    expect((await rig.service.explain(machine)).oee).toMatchObject({ producingMs: MINUTE });
    using range = vi.spyOn(store, 'range');
    await rig.store(...counts(SIX + MINUTE + SECOND, SIX + 2 * MINUTE, 61), ...beats(rig.now, SIX + 3 * MINUTE));
    rig.now = SIX + 3 * MINUTE;
    const { oee } = await rig.service.explain(machine);
    expect(range).not.toHaveBeenCalled();
    expect(oee).toMatchObject({ producingMs: 2 * MINUTE, downMs: MINUTE });
    expect(oee).toEqual((await rig.fresh().explain(machine)).oee);
  });

  test('reads nothing again because it is told late of what it has read, and everything when that is new', async () => {
    const rig = new Rig();
    const executes = [SIX, SIX + 30 * MINUTE].map((at): Sample => [tag('state'), at, EXECUTE]);
    await rig.store(...beats(SIX - 10 * SECOND, SIX + HOUR), ...executes);
    const late = columns([tag('made'), SIX + MINUTE, 5], [tag('made'), SIX + 2 * MINUTE, 9]);
    await store.append([record(++seq, late)]);
    rig.now = SIX + HOUR;
    const first = (await rig.service.explain(machine)).oee;
    using range = vi.spyOn(store, 'range');
    rig.service.stored(late);
    expect((await rig.service.explain(machine)).oee).toEqual(first);
    expect(range).not.toHaveBeenCalled();
    await rig.store([tag('state'), SIX + MINUTE, ABORTED]);
    expect((await rig.service.explain(machine)).oee.downMs).toBe(29 * MINUTE);
    expect(range).toHaveBeenCalled();
  });

  test('more samples than it keeps between two looks are read from the store', async () => {
    const rig = new Rig();
    await rig.store(...beats(SIX - 10 * SECOND, SIX + HOUR), [tag('state'), SIX, EXECUTE]);
    await rig.store([tag('bad'), SIX, 0], [tag('bad'), SIX + SECOND, 0], [tag('made'), SIX, 0]);
    rig.now = SIX + SECOND;
    await rig.service.explain(machine);
    await rig.store(...Array.from({ length: 12_000 }, (_, i): Sample => [tag('made'), SIX + SECOND + i * 100, i]));
    rig.now = SIX + HOUR;
    const { incremental, full } = await rig.both();
    expect(incremental).toEqual(full);
    expect(incremental.oee.good).toBe(11_999);
  });
});

/** Hubs that share the gateways through one database, whose deaths and pauses are put into it. */
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { gatewayLease, gatewayOf, LeaseKeeper, type LeaseKeeperOptions } from '../../../hub/replicas/lease-keeper.ts';
import { openRelational, type Relational } from '../../../hub/store/postgres/relational.ts';
import { newRelational } from '../../services/new-relational.ts';
import { tempDirOfFile } from '../../services/temp-dir.ts';

const LEASES = ['press-1', 'press-2', 'saw-1', 'saw-2'].map(gatewayLease);
const wait = { timeout: 15_000, interval: 20 };

describe('keepers of leases on one database', () => {
  const dir = tempDirOfFile();
  let store: Relational;

  beforeAll(async () => {
    await newRelational(join(dir, 'relational'));
    store = await openRelational({ dataDir: join(dir, 'relational') });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store.db.deleteFrom('leases').execute();
    await store.db.deleteFrom('replicas').execute();
  });
  afterAll(() => store.close());

  /** A keeper, and in order what it was told, each with what it says of its fence then. */
  function keeper(name: string, known: string[], more: Partial<LeaseKeeperOptions> = {}) {
    const told: string[] = [];
    const tell = (what: string) => async (names: string[]) => {
      for (const each of names) told.push(`${what} ${each}: ${made.fenceOf(each) ?? 'no'}`);
    };
    const made = new LeaseKeeper({
      db: store.db,
      replica: { id: `${name}:1`, name, roles: 'ingest,jobs' },
      takesGateways: true,
      gateways: () => known,
      singles: [],
      ...{ onGained: tell('gained'), onLeaving: tell('leaving'), onLost: tell('lost') },
      log: pino({ level: 'silent' }),
      ...more,
    });
    onTestFinished(() => made.stop());
    const held = () => [...LEASES, 'jobs'].filter((lease) => made.fenceOf(lease) !== undefined);
    return { keeper: made, told, held };
  }

  /** It has not said for too long that it lives. */
  async function seemsDead(name: string): Promise<void> {
    await store.db.updateTable('replicas').set({ expires_at: 0 }).where('name', '=', name).execute();
  }

  async function owners(): Promise<Record<string, string | null>> {
    const rows = await store.db.selectFrom('leases').select(['name', 'owner']).orderBy('name').execute();
    return Object.fromEntries(rows.map(({ name, owner }) => [gatewayOf(name) ?? name, owner]));
  }

  test('a gateway is taken soon after its first word, also while word of others comes on and on', async () => {
    const known: string[] = [];
    const a = keeper('a', known);
    await a.keeper.start();
    known.push(LEASES[0]!);
    const news = setInterval(() => a.keeper.soon(), 20);
    onTestFinished(() => clearInterval(news));
    await vi.waitFor(() => expect(a.held()).toEqual([LEASES[0]]), wait);
    // Whoever is told begins with it before the fence says that it is held.
    expect(a.told).toEqual([`gained ${LEASES[0]}: no`]);
  });

  test('one that comes gets its half, and each has ended with a gateway before the other begins', async () => {
    const order: string[] = [];
    const note = (who: string, what: string) => async (names: string[]) =>
      void order.push(...names.map((n) => `${who} ${what} ${n}`));
    const a = keeper('a', LEASES, { onLeaving: note('a', 'left') });
    await a.keeper.start();
    expect(a.held()).toEqual(LEASES);
    const b = keeper('b', LEASES, { onGained: note('b', 'took') });
    await b.keeper.start();
    expect([b.held(), b.keeper.others]).toEqual([[], ['a']]);
    a.keeper.soon();
    await vi.waitFor(() => expect(a.held()).toEqual(LEASES.slice(0, 2)), wait);
    b.keeper.soon();
    await vi.waitFor(() => expect(b.held()).toEqual(LEASES.slice(2)), wait);
    for (const lease of LEASES.slice(2)) {
      expect(order.filter((line) => line.endsWith(lease))).toEqual([`a left ${lease}`, `b took ${lease}`]);
      expect(b.keeper.fenceOf(lease)).toBe(2);
    }
  });

  test('one that seems dead loses all to the other, under higher fences, and is told when it goes on', async () => {
    const a = keeper('a', LEASES, { singles: ['jobs'] });
    await a.keeper.start();
    const b = keeper('b', LEASES, { singles: ['jobs'] });
    await seemsDead('a');
    await b.keeper.start();
    expect(b.held()).toEqual([...LEASES, 'jobs']);
    expect(LEASES.map((lease) => b.keeper.fenceOf(lease))).toEqual([2, 2, 2, 2]);
    expect(a.told.filter((line) => line.startsWith('lost'))).toEqual([]);
    a.keeper.soon();
    await vi.waitFor(() => expect(a.told.filter((line) => line.startsWith('lost'))).toHaveLength(5), wait);
    expect(a.told.slice(-5)).toEqual([...LEASES, 'jobs'].map((lease) => `lost ${lease}: no`));
    expect(a.held()).toEqual([]);
  });

  test('a lease that only one has is that one’s until it ends, and then at once another’s', async () => {
    const a = keeper('a', [], { singles: ['jobs'] });
    const b = keeper('b', [], { singles: ['jobs'] });
    await a.keeper.start();
    await b.keeper.start();
    expect([a.held(), b.held()]).toEqual([['jobs'], []]);
    await a.keeper.stop();
    await a.keeper.stop();
    expect([a.held(), await owners()]).toEqual([[], { jobs: null }]);
    b.keeper.soon();
    await vi.waitFor(() => expect(b.held()).toEqual(['jobs']), wait);
    expect(b.keeper.others).toEqual([]);
  });

  test('one without the role takes no gateway and no share of them', async () => {
    const web = keeper('web', LEASES, { takesGateways: false, replica: { id: 'web:1', name: 'web', roles: 'api' } });
    await web.keeper.start();
    expect([web.held(), await owners()]).toEqual([[], {}]);
    const a = keeper('a', LEASES);
    await a.keeper.start();
    expect([a.held(), a.keeper.others]).toEqual([LEASES, ['web']]);
  });

  test('one that comes back under its name takes up its work at once', async () => {
    const before = keeper('a', LEASES);
    await before.keeper.start();
    before.keeper.settle();
    const after = keeper('a', LEASES, { replica: { id: 'a:2', name: 'a', roles: 'ingest' } });
    await after.keeper.start();
    expect(after.held()).toEqual(LEASES);
  });

  test('what could not be begun with is nobody’s, is said, and is tried again', async () => {
    let fails = true;
    const a = keeper('a', LEASES.slice(0, 1), {
      onGained: async () => {
        if (fails) throw new Error('no watermarks');
      },
    });
    await a.keeper.start();
    expect(a.keeper.fault).toBe('cannot keep its leases: no watermarks');
    expect([a.held(), await owners()]).toEqual([[], { 'press-1': null }]);
    fails = false;
    a.keeper.soon();
    await vi.waitFor(() => expect(a.held()).toEqual(LEASES.slice(0, 1)), wait);
    expect(a.keeper.fault).toBe('');
  });

  test('without its database it stops by itself a second before others may take over, and says why', async () => {
    const began = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(began);
    let away = false;
    const db = new Proxy(store.db, {
      get(target, key) {
        if (away) throw new Error('connection refused');
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const a = keeper('a', LEASES, { db });
    await a.keeper.start();
    away = true;
    a.keeper.soon();
    await vi.waitFor(() => expect(a.keeper.fault).toBe('cannot keep its leases: connection refused'), wait);
    clock.mockReturnValue(began + 6_999);
    expect(a.held()).toEqual(LEASES);
    clock.mockReturnValue(began + 7_000);
    expect(a.held()).toEqual([]);
    // Back in time, nobody has taken anything over, and so nothing was lost.
    away = false;
    a.keeper.soon();
    await vi.waitFor(() => expect(a.held()).toEqual(LEASES), wait);
    expect(a.told.filter((line) => !line.startsWith('gained'))).toEqual([]);
  });

  test('after the database was away from all, it gives the others time before it takes them for dead', async () => {
    const began = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(began);
    const b = keeper('b', LEASES.slice(0, 2));
    await b.keeper.start();
    const a = keeper('a', LEASES);
    await a.keeper.start();
    expect([a.held(), b.held()]).toEqual([LEASES.slice(2), LEASES.slice(0, 2)]);
    b.keeper.settle();
    // Neither was heard for ten seconds; this one is the first that is back.
    await seemsDead('b');
    clock.mockReturnValue(began + 10_000);
    a.keeper.soon();
    await vi.waitFor(() => expect([a.keeper.others, a.held()]).toEqual([[], LEASES.slice(2)]), wait);
    clock.mockReturnValue(began + 17_999);
    const beats = a.keeper.fenceOf(LEASES[2]!);
    expect([beats, a.held()]).toEqual([undefined, []]);
    a.keeper.soon();
    await vi.waitFor(() => expect(a.held()).toEqual(LEASES.slice(2)), wait);
    clock.mockReturnValue(began + 18_001);
    a.keeper.soon();
    await vi.waitFor(() => expect(a.held()).toEqual(LEASES), wait);
  });
});

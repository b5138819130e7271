/** Hubs that cannot be together on one PostgreSQL: the second is refused, and one that is only started again is not. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { takePlace } from '../../../hub/place-part.ts';
import { LeaseKeeper } from '../../../hub/replicas/lease-keeper.ts';
import { expectNobodyAlone } from '../../../hub/replicas/place.ts';
import type { Relational } from '../../../hub/store/postgres/relational.ts';
import { hasPostgres, Postgres } from '../../services/postgres.ts';
import { Program } from '../../services/program.ts';
import { tempDirOfFile } from '../../services/temp-dir.ts';

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: hamburg, name: Hamburg, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }] }
`;
const SERVERS = { roles: ['ingest', 'jobs', 'api'] as ('ingest' | 'jobs' | 'api')[], relational: {} };
const SHARING = { ...SERVERS, timeSeries: { influx: {} }, mqtt: { broker: {} } };
const EMBEDDED = { ...SERVERS, timeSeries: { influx: {} }, mqtt: {} };

describe.skipIf(!hasPostgres)('one PostgreSQL (needs postgresql)', { timeout: 60_000 }, () => {
  const dir = tempDirOfFile('lineside-place-');
  const log = pino({ level: 'silent' });
  let postgres: Postgres;

  beforeAll(async () => {
    postgres = await Postgres.start();
    await writeFile(join(dir, 'plant.yaml'), PLANT);
  }, 60_000);
  afterAll(() => postgres?.dispose());

  describe('with hubs that keep their time series themselves', () => {
    const programs: Program[] = [];
    afterEach(async () => void (await Promise.all(programs.splice(0).map((each) => each.dispose()))));

    async function hub(name: string, database: string): Promise<Program> {
      const config = `plant: plant.yaml
dataDir: ${database}-${name}
replica: ${name}
http: { port: 0 }
mqtt: { port: 0 }
relational: { url: "${postgres.url(database)}", username: postgres, poolSize: 3 }
timeSeries: { memoryLimit: 128MB }
`;
      await writeFile(join(dir, `${name}.yaml`), config);
      const program = new Program({
        name: `hub ${name}`,
        args: ['hub/main.ts', 'run', '--config', join(dir, `${name}.yaml`)],
      });
      programs.push(program);
      return program;
    }

    test('the second is refused and told what to configure, and the first goes on', async () => {
      const database = await postgres.newDatabase();
      const [first, second] = [await hub('first', database), await hub('second', database)];
      const { url } = await first.start();
      await expect(second.start()).rejects.toThrow(
        /HUBS_CANNOT_SHARE.*the hub first works on this PostgreSQL.*set timeSeries\.influx and mqtt\.broker.*relational\.url/,
      );
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });
      expect(await postgres.sql('select name from replicas', database)).toBe('first');
      // What is ended in order leaves its place at once.
      await first.stop();
      await second.start();
    });

    test('one that was killed and is started at once comes up again', async () => {
      const database = await postgres.newDatabase();
      const only = await hub('only', database);
      await only.start();
      await only.kill();
      const { url } = await only.start();
      expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: 'ready' });
    });

    test('one that stood still until another took its place ends when it wakes up', async () => {
      const database = await postgres.newDatabase();
      const [first, second] = [await hub('first', database), await hub('second', database)];
      await first.start();
      first.freeze();
      const { url } = await second.start();
      first.thaw();
      await vi.waitFor(() => expect(first.running).toBe(false), { timeout: 20_000, interval: 50 });
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });
    });
  });

  describe('with a hub that shares, and one that does not', () => {
    let relational: Relational;
    const unwinds: Unwind[] = [];
    afterEach(async () => {
      for (const unwind of unwinds.splice(0).reverse()) await unwind.unwind(log, 5_000);
    });

    /** @returns what it was told when others took its place */
    async function come(config: typeof SHARING | typeof EMBEDDED): Promise<string[]> {
      const unwind = new Unwind();
      unwinds.push(unwind);
      const told: string[] = [];
      const stopping = new AbortController().signal;
      await takePlace({ config, relational, unwind, stopping, onTakenOver: (words) => told.push(words), log });
      return told;
    }

    async function sharing(): Promise<LeaseKeeper> {
      const none = async () => undefined;
      const keeper = new LeaseKeeper({
        ...{ db: relational.db, replica: { id: 'shares:1', name: 'shares', roles: 'ingest' }, log },
        ...{
          takesGateways: true,
          gateways: () => [],
          singles: ['jobs'],
          onGained: none,
          onLeaving: none,
          onLost: none,
        },
      });
      onTestFinished(() => keeper.stop());
      await keeper.start();
      return keeper;
    }

    async function open(): Promise<void> {
      relational = await postgres.open();
      onTestFinished(() => relational.close());
    }

    test('whichever comes second is refused, with what the other has that cannot be shared', async () => {
      await open();
      const keeper = await sharing();
      const refused = expect(come(EMBEDDED)).rejects.toThrow(
        /the hub shares works .*a part of its own: set mqtt\.broker, at all/,
      );
      await refused;
      await keeper.stop();
      await come({ ...EMBEDDED, replica: 'embedded' } as typeof EMBEDDED);
      await expect(come(SHARING)).rejects.toThrow(
        /the hub embedded works .*that one has a store or a broker of its own/,
      );
      await expect(expectNobodyAlone({ db: relational.db, missing: [] }, 'shares:2')).rejects.toThrow(
        /the hub embedded works/,
      );
    });

    test('of two that start at the same moment one has the place', async () => {
      await open();
      const outcomes = await Promise.allSettled([come(EMBEDDED), come(EMBEDDED), come(EMBEDDED)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
      expect(
        await relational.db.selectFrom('leases').selectAll().where('owner', 'is not', null).execute(),
      ).toHaveLength(1);
    });

    test('one that was alone and was silent for long ends when it hears that others have come', async () => {
      await open();
      const told = await come(EMBEDDED);
      // As when it stood still: nobody said for it that it lives.
      await relational.db.updateTable('replicas').set({ expires_at: 0 }).execute();
      await sharing();
      await expectNobodyAlone({ db: relational.db, missing: [] }, 'shares:1');
      await vi.waitFor(() => expect(told).toEqual([expect.stringContaining('another hub has come')]), 10_000);
    });
  });
});

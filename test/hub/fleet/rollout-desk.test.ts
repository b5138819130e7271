/** A configuration on its way to several gateways: waves, what is each one's own, the first that does not take it. */
import type { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { FleetDesk } from '../../../hub/fleet/fleet-desk.ts';
import { RolloutDesk } from '../../../hub/fleet/rollout-desk.ts';
import { insertRollout } from '../../../hub/store/postgres/rollouts.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';
import { actorNamed } from '../../services/hub-world.ts';

const NEW = '# everywhere\ngateway: { id: any }\nhub: { url: "mqtt://elsewhere" }\ndevices: [] # none yet\n';
const good: ConfigPushResult = {
  ...{ result: 'applied', problems: [], needsRestart: [], sha256: 'a' },
  changes: { added: [], changed: [], removed: [] },
};
let stores: HubStores;
beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores.close());

function rig(
  answers: Record<string, Partial<ConfigPushResult>> = {},
  { shared = false, hold = Promise.resolve() } = {},
) {
  const pushed: [string, string][] = [];
  const desk = new RolloutDesk({
    ...{ db: stores.db, shared },
    online: (gateway) =>
      ({ away: false, none: undefined })[gateway as 'away'] ?? (gateway === 'none' ? undefined : gateway !== 'away'),
    fleet: {
      ask: async (_by: string, gateway: string) => ({
        config: `gateway: { id: ${gateway} } # here\ndataDir: /data/${gateway}\nhub: { url: "mqtt://hub" }\ndevices: []\n`,
      }),
    } as unknown as FleetDesk,
    configs: {
      push: async (_by, gateway, config) => {
        pushed.push([gateway, config]);
        await hold;
        return { ...good, ...answers[gateway] };
      },
    },
    onChange: () => undefined,
    log: pino({ level: 'silent' }),
    now: Date.now,
  });
  return { desk, pushed };
}

const wish = (gateways: string[]) => ({
  gateways,
  config: NEW,
  first: 1,
  each: 2,
  confirmWithinMs: 1_000,
  restart: false,
});
const newest = async (desk: RolloutDesk) => (await desk.list({ limit: 1, sort: '-at' })).items[0]!;

test('comes to all of them in waves, each with what is its own', async () => {
  const { desk, pushed } = rig();
  await desk.begin(actorNamed('anna'), wish(['a', 'b', 'c', 'd']));
  await vi.waitFor(async () => expect(await newest(desk)).toMatchObject({ state: 'done', by_whom: 'anna' }), 10_000);
  const { gateways } = await newest(desk);
  expect(gateways.map(({ gateway, wave, state }) => [gateway, wave, state])).toEqual([
    ['a', 1, 'done'],
    ['b', 2, 'done'],
    ['c', 2, 'done'],
    ['d', 3, 'done'],
  ]);
  expect(pushed[0]![1]).toBe(
    '# everywhere\ngateway: { id: a } # here\nhub: { url: "mqtt://hub" }\ndevices: [] # none yet\ndataDir: /data/a\n',
  );
});

test('stops at the first that does not take it, and does not touch those behind it', async () => {
  const { desk, pushed } = rig({ b: { result: 'rolledBack', problems: ['not seen'] } });
  await desk.begin(actorNamed('anna'), wish(['a', 'b', 'c', 'd', 'e']));
  await vi.waitFor(async () => expect((await newest(desk)).state).toBe('stopped'), 10_000);
  const { reason, gateways } = await newest(desk);
  expect(reason).toBe('b rolledBack: not seen');
  expect(gateways.map(({ state }) => state)).toEqual(['done', 'failed', 'done', 'notSent', 'notSent']);
  expect(pushed).toHaveLength(3);
});

test('is not begun when one of them is not there, nor beside another', async () => {
  const { desk, pushed } = rig();
  await expect(desk.begin(actorNamed('anna'), wish(['a', 'away']))).rejects.toMatchObject({
    code: 'GATEWAY_OFFLINE',
  });
  await expect(desk.begin(actorNamed('anna'), wish(['none']))).rejects.toMatchObject({ code: 'GATEWAY_NOT_FOUND' });
  expect(pushed).toEqual([]);
  const id = await desk.begin(actorNamed('anna'), wish(['a', 'b', 'c', 'd', 'e', 'f']));
  await expect(desk.begin(actorNamed('ben'), wish(['a']))).rejects.toMatchObject({ code: 'ROLLOUT_RUNNING' });
  await desk.cancel(actorNamed('ben'), id);
  await vi.waitFor(
    async () => expect(await newest(desk)).toMatchObject({ state: 'stopped', reason: 'stopped by ben' }),
    10_000,
  );
});

test('one that a restart of the hub has cut off stays stopped', async () => {
  await insertRollout(stores.db, {
    id: 'cut',
    by: 'anna',
    config: NEW,
    waves: [['a'], ['b']],
    at: Date.now() + 1_000,
  });
  const { desk } = rig();
  await desk.start();
  expect(await newest(desk)).toMatchObject({
    ...{ id: 'cut', state: 'stopped', reason: 'the hub was started anew meanwhile' },
    gateways: [{ state: 'notSent' }, { state: 'notSent' }],
  });
});

test('is stopped at whichever of several hubs, by whoever may act on all of its gateways', async () => {
  const held = Promise.withResolvers<void>();
  const here = rig({}, { shared: true, hold: held.promise });
  const there = rig({}, { shared: true });
  const id = await here.desk.begin(actorNamed('anna'), wish(['a', 'b']));
  await expect(there.desk.begin(actorNamed('ben'), wish(['c']))).rejects.toMatchObject({ code: 'ROLLOUT_RUNNING' });
  const none = { code: 'ROLLOUT_NOT_FOUND' };
  await expect(there.desk.cancel(actorNamed('ben'), id, ['a'])).rejects.toMatchObject(none);
  await expect(there.desk.cancel(actorNamed('ben'), id, [])).rejects.toMatchObject(none);
  await there.desk.cancel(actorNamed('ben'), id, ['a', 'b', 'c']);
  held.resolve();
  const told = { state: 'stopped', reason: 'stopped by ben' };
  const all = async () => (await here.desk.list({ limit: 50, sort: '-at' })).items;
  await vi.waitFor(async () => expect((await all()).find((each) => each.id === id)).toMatchObject(told), 10_000);
  expect(here.pushed.map(([gateway]) => gateway)).toEqual(['a']);
  await expect(there.desk.cancel(actorNamed('ben'), id)).rejects.toMatchObject(none);
});

test('one that no hub runs any more is over when somebody stops it', async () => {
  const at = Date.now() + 2_000;
  const { desk } = rig({}, { shared: true });
  const left = (id: string, since: number) =>
    insertRollout(stores.db, { id, by: 'anna', config: NEW, waves: [['a']], at: since });
  const state = async (id: string) =>
    (await desk.list({ limit: 50, sort: '-at' })).items.find((each) => each.id === id)?.state;
  await left('old', at - 3_600_000);
  await desk.cancel(actorNamed('ben'), 'old');
  expect(await state('old')).toBe('stopped');
  // Another hub may be at work on one in which something has changed of late.
  await left('lost', at);
  await desk.cancel(actorNamed('ben'), 'lost');
  expect(await state('lost')).toBe('running');
  await rig().desk.cancel(actorNamed('ben'), 'lost');
  expect(await state('lost')).toBe('stopped');
});

test('one that no hub runs any more holds up no other', async () => {
  const left = { by: 'anna', config: NEW, waves: [['a']] };
  await insertRollout(stores.db, { ...left, id: 'dead', at: Date.now() - 3_600_000 });
  const { desk } = rig({}, { shared: true });
  const id = await desk.begin(actorNamed('anna'), wish(['b']));
  const items = async () => (await desk.list({ limit: 50, sort: '-at' })).items;
  expect((await items()).find((each) => each.id === 'dead')).toMatchObject({ state: 'stopped' });
  await vi.waitFor(async () => expect((await items()).find((each) => each.id === id)?.state).toBe('done'), 10_000);
});

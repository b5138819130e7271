import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import type { AcknowledgeCommand } from '@lineside/shared/contracts/link.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AlarmDesk } from '../../../hub/alerts/alarm-desk.ts';
import { pendingCommands } from '../../../hub/store/postgres/commands.ts';
import { commitRun } from '../../services/commit-run.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';

let stores: HubStores;
let desk: AlarmDesk;
let sent: { gateway: string; command: AcknowledgeCommand }[];
let told: AlarmView[];
let gateway: string;
let occurrence: string;
let seq = 0;
let count = 0;

let queries = 0;

beforeAll(async () => {
  stores = await openStores(() => queries++);
});
afterAll(() => stores.close());
beforeEach(async () => {
  gateway = `line-${++count}`;
  occurrence = `occurrence-${count}`;
  await restart();
});

async function restart(): Promise<void> {
  sent = [];
  told = [];
  desk = new AlarmDesk({
    db: stores.db,
    machineOf: (of, device) => (device === 'packer' ? { path: `acme/${of}/packer`, name: 'Packer' } : undefined),
    send: (to, command) => sent.push({ gateway: to, command }),
    onChange: (alarm) => told.push(alarm),
    now: () => 5_000,
  });
  await desk.start();
}

/** Events as they come out of a committed record. */
async function events(...list: Partial<AlarmEvent>[]): Promise<string[]> {
  const alarms = list.map((change) => alarmEvent({ occurrence, tag: 0, ...change }));
  const changed = await commitRun(stores.db, { gateway, seq: ++seq, alarms }, () => 5_000);
  await desk.changed(changed);
  return changed;
}

const ACKNOWLEDGED = {
  transition: 'acknowledged',
  state: 'acknowledged',
  at: 2_000,
  by: 'admin',
  comment: 'seen',
} as const;
const RETURNED = { transition: 'returned', state: 'returned', at: 1_500, value: 80 } as const;
const own = () => desk.open().find((alarm) => alarm.occurrence === occurrence);

describe('the alarm desk', () => {
  test('shows what a gateway raises, with the machine it belongs to', async () => {
    await events({});
    expect(own()).toMatchObject({
      ...{
        gateway,
        machine: `acme/${gateway}/packer`,
        machineName: 'Packer',
        message: 'Too hot',
        state: 'unacknowledged',
      },
      ...{ raisedAt: 1_000, value: 91, limit: 90, unit: '°C', acknowledgePending: false, tag: null },
    });
    expect(told).toHaveLength(1);
  });

  test('a device that refuses: it waits for somebody again, with the reason, until it is answered', async () => {
    await events({});
    await desk.acknowledge(occurrence, 'admin', 'seen');
    await desk.refused('line-of-others', { type: 'alarm.acknowledge', occurrence, error: 'no' });
    expect(own()).toMatchObject({ acknowledgePending: true });
    const error = 'the server refused it';
    await desk.refused(gateway, { type: 'alarm.acknowledge', occurrence, error });
    expect(own()).toMatchObject({ acknowledgePending: false, acknowledgeRefused: error, state: 'unacknowledged' });
    expect(told.at(-1)).toMatchObject({ acknowledgeRefused: error });
    expect(await pendingCommands(stores.db, gateway)).toEqual([]);
    expect(await desk.acknowledge(occurrence, 'admin', '')).not.toHaveProperty('acknowledgeRefused');
    await events(ACKNOWLEDGED);
    expect(own()).toMatchObject({ state: 'acknowledged', acknowledgePending: false });
  });

  test('an acknowledgement goes to the gateway, and only its event makes it so', async () => {
    await events({});
    const view = await desk.acknowledge(occurrence, 'admin', 'seen');
    expect(view).toMatchObject({ state: 'unacknowledged', acknowledgePending: true });
    const command = { type: 'alarm.acknowledge', occurrence, by: 'admin', comment: 'seen', at: 5_000 };
    expect(sent).toMatchObject([{ gateway, command }]);
    expect(await pendingCommands(stores.db, gateway)).toEqual([sent[0]!.command]);

    await events(ACKNOWLEDGED);
    expect(own()).toMatchObject({
      ...{
        state: 'acknowledged',
        acknowledgePending: false,
        acknowledgedBy: 'admin',
        comment: 'seen',
        acknowledgedAt: 2_000,
      },
    });
    expect(told.map(({ state, acknowledgePending }) => [state, acknowledgePending])).toEqual([
      ['unacknowledged', false],
      ['unacknowledged', true],
      ['acknowledged', false],
    ]);
    expect(await pendingCommands(stores.db, gateway)).toEqual([]);
  });

  test('is said again after each hello, also by a hub that was restarted, until the event comes back', async () => {
    await events({});
    await desk.acknowledge(occurrence, 'admin', '');
    const { command } = sent[0]!;
    await desk.repeatFor(gateway);
    await desk.repeatFor(`${gateway}-other`);
    expect(sent.map(({ command: { id } }) => id)).toEqual([command.id, command.id]);
    await restart();
    expect(own()).toMatchObject({ acknowledgePending: true });
    await desk.repeatFor(gateway);
    expect(sent).toEqual([{ gateway, command }]);
    await events(ACKNOWLEDGED);
    sent = [];
    await desk.repeatFor(gateway);
    expect(sent).toEqual([]);
  });

  test('twice while it is on its way is one command, also at the same moment; afterwards it is refused', async () => {
    await events({});
    const views = await Promise.all([
      desk.acknowledge(occurrence, 'anna', ''),
      desk.acknowledge(occurrence, 'ben', ''),
    ]);
    await desk.acknowledge(occurrence, 'carl', '');
    expect(views.every(({ acknowledgePending }) => acknowledgePending)).toBe(true);
    expect(sent).toHaveLength(1);
    expect(await pendingCommands(stores.db, gateway)).toHaveLength(1);
    await events(ACKNOWLEDGED);
    await expect(desk.acknowledge(occurrence, 'anna', '')).rejects.toMatchObject({ code: 'ALARM_ACKNOWLEDGED' });
  });

  test('what never was is not found', async () => {
    await expect(desk.acknowledge('none', 'admin', '')).rejects.toMatchObject({ code: 'ALARM_NOT_FOUND' });
  });

  test('an alarm that ends while it is being acknowledged does not stay open or pending', async () => {
    await events({});
    const asking = desk.acknowledge(occurrence, 'admin', '');
    await Promise.all([asking, events(RETURNED, { ...ACKNOWLEDGED, state: 'normal' })]);
    expect(own()).toBeUndefined();
    expect(await pendingCommands(stores.db, gateway)).toEqual([]);
    await restart();
    expect(own()).toBeUndefined();
  });

  test('a returned alarm waits to be acknowledged and then is over', async () => {
    await events({}, RETURNED);
    expect(own()).toMatchObject({ state: 'returned', returnedAt: 1_500 });
    await desk.acknowledge(occurrence, 'admin', '');
    await events({ ...ACKNOWLEDGED, state: 'normal' });
    expect(own()).toBeUndefined();
    expect((await desk.list({ limit: 1_000 })).items.find((alarm) => alarm.occurrence === occurrence)).toMatchObject({
      state: 'normal',
    });
  });

  test('events that come again out of a repeated record change nothing and are told to nobody', async () => {
    await events({}, RETURNED, { ...ACKNOWLEDGED, state: 'normal' });
    told = [];
    expect(await events({}, RETURNED, { ...ACKNOWLEDGED, state: 'normal' })).toEqual([]);
    expect(told).toEqual([]);
    expect(own()).toBeUndefined();
  });

  test('a command that could not be kept is not pending, and can be given again', async () => {
    await events({});
    const { insertInto } = stores.db;
    stores.db.insertInto = () => {
      throw new Error('the store is gone');
    };
    await expect(desk.acknowledge(occurrence, 'admin', '')).rejects.toThrow('the store is gone');
    stores.db.insertInto = insertInto;
    expect(sent).toEqual([]);
    await desk.acknowledge(occurrence, 'admin', '');
    expect(sent).toHaveLength(1);
  });

  test('the most urgent come first, then the newest', async () => {
    const change = [
      { occurrence: `${occurrence}-a`, priority: 'low', at: 9_000 },
      { occurrence: `${occurrence}-b`, priority: 'critical', at: 1_000 },
      { occurrence: `${occurrence}-c`, priority: 'critical', at: 2_000 },
    ] as const;
    await events(...change);
    const order = desk.open().filter((alarm) => alarm.gateway === gateway);
    expect(order.map((alarm) => alarm.occurrence.at(-1))).toEqual(['c', 'b', 'a']);
  });
});

test('many that are raised at once are told in their order, and asked for together', async () => {
  const occurrences = Array.from({ length: 50 }, (_, i) => `${occurrence}-${i}`);
  const alarms = occurrences.map((each, i) => alarmEvent({ occurrence: each, tag: 0, at: 1_000 + i }));
  const changed = await commitRun(stores.db, { gateway, seq: ++seq, alarms }, () => 5_000);
  queries = 0;
  await desk.changed(changed);
  expect(queries).toBe(1);
  expect(told.map((alarm) => alarm.occurrence)).toEqual(occurrences);
});

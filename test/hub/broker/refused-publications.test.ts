/** What stands in the audit log of clients of the broker that try what they may not, however often they do. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type RefusedPublication, RefusedPublications } from '../../../hub/broker/refused-publications.ts';
import { type AuditNote, appendAudit, listAudit } from '../../../hub/store/postgres/audit.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';

const TOPIC = 'uns/v1/acme/north/press/speed/set';
const START = Date.UTC(2026, 10, 22);

let stores: HubStores;
let at: number;
let noted: Promise<void>[];
let refused: RefusedPublications;

beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores.close());

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  at = START;
  noted = [];
  refused = new RefusedPublications({
    note(note: AuditNote) {
      const done = appendAudit(stores.db, note);
      noted.push(done);
      return done;
    },
    tagOfSet: (topic) => (topic === TOPIC ? 'line-1/press/speed' : topic.endsWith('/set') ? topic : undefined),
    now: () => at,
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await refused.stop();
});

function tries(change: Partial<RefusedPublication> = {}): void {
  refused.take({
    ...{ kind: 'account', name: 'scada', address: '10.0.0.9', topic: TOPIC, outcome: 'refused' },
    ...{ payload: Buffer.from('{"value": 250, "comment": "next"}'), reason: 'it may not', ...change },
  });
}

/** Time goes on by so many seconds. */
async function pass(seconds: number): Promise<void> {
  at += seconds * 1_000;
  vi.advanceTimersByTime(seconds * 1_000);
  await Promise.all(noted);
}

/** Oldest first. */
async function lines(actor: string) {
  await Promise.all(noted);
  return listAudit(stores.db, { actor, newestFirst: false, limit: 100 });
}

test('a try is a line at once: who, from where, which tag, the value asked for, and why not', async () => {
  tries();
  expect(await lines('scada (MQTT)')).toMatchObject([
    {
      ...{ actor_kind: 'account', action: 'tag.write', target: 'line-1/press/speed', outcome: 'refused' },
      ...{ address: '10.0.0.9', at: START, before: null },
      after: { topic: TOPIC, requested: 250, comment: 'next', error: 'it may not' },
    },
  ]);
});

test('a flood of them is one line a minute with how many there were, and ends with the flood', async () => {
  const flood = { name: 'flood' };
  for (let second = 0; second < 150; second++) {
    for (let times = 0; times < 100; times++) tries({ ...flood, payload: Buffer.from(String(second)) });
    await pass(1);
  }
  await pass(600);
  const found = await lines('flood (MQTT)');
  expect(found.map(({ after }) => after)).toMatchObject([
    { requested: 0 },
    { requested: 59, times: 5_999, sinceAt: START },
    { requested: 119, times: 6_000, sinceAt: START + 60_000 },
    { requested: 149, times: 3_000, sinceAt: START + 120_000 },
  ]);
  // It is forgotten: another try is a line at once.
  tries(flood);
  expect(await lines('flood (MQTT)')).toHaveLength(5);
});

test('another account, another reason and a gateway are counted apart', async () => {
  tries({ name: 'a' });
  tries({ name: 'a', reason: 'this is no JSON', outcome: 'failed', payload: Buffer.from(`{${'x'.repeat(9_000)}`) });
  tries({ name: 'b' });
  tries({ name: 'a', kind: 'gateway' });
  expect(await lines('a (MQTT)')).toMatchObject([
    { outcome: 'refused' },
    { outcome: 'failed', after: { payload: `{${'x'.repeat(199)}`, error: 'this is no JSON' } },
  ]);
  expect(await lines('b (MQTT)')).toHaveLength(1);
  expect(await lines('a')).toMatchObject([{ actor_kind: 'gateway' }]);
});

test('topics and addresses of a count are named, and no more than ten of each', async () => {
  for (let i = 0; i < 40; i++) tries({ name: 'many', topic: `uns/v1/acme/t${i}/set`, address: `10.0.0.${i % 3}` });
  await pass(61);
  const [first, counted] = await lines('many (MQTT)');
  expect(first).toMatchObject({ target: 'uns/v1/acme/t0/set', address: '10.0.0.0' });
  const { topics, addresses } = counted!.after as { topics: string[]; addresses: string[] };
  expect([topics.length, addresses.sort()]).toEqual([10, ['10.0.0.0', '10.0.0.1', '10.0.0.2']]);
});

test('what reaches for other topics stands there as that, without its content', async () => {
  tries({ name: 'line-2', kind: 'gateway', topic: 'lineside/v1/line-1/data', payload: Buffer.from([1, 2, 3]) });
  const [line] = await lines('line-2');
  expect(line).toMatchObject({ action: 'mqtt.publish', target: 'lineside/v1/line-1/data' });
  expect(line!.after).toEqual({ topic: 'lineside/v1/line-1/data', bytes: 3, error: 'it may not' });
});

test('what is counted when the hub stops is written', async () => {
  for (let i = 0; i < 5; i++) tries({ name: 'last' });
  await refused.stop();
  expect((await lines('last (MQTT)')).map(({ after }) => after)).toMatchObject([{ requested: 250 }, { times: 4 }]);
});

/** What one hub hears of rights that another on the same tables has changed. */
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ChangesElsewhere } from '../../../hub/auth/changes-elsewhere.ts';
import { appendAudit } from '../../../hub/store/postgres/audit.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';
import { actorNamed } from '../../services/hub-world.ts';

let stores: HubStores;
/** First parameters of the questions for changes of rights. */
const askedFrom: number[] = [];
beforeAll(async () => {
  stores = await openStores(({ sql, parameters }) => {
    if (/from "audit_log" where "id" > /.test(sql)) askedFrom.push(Number(parameters[0]));
  });
});
afterAll(() => stores.close());

test('hears of each change once, and reads on from the newest line, whatever that was', async () => {
  const { db } = stores;
  const note = { actor: actorNamed('anna'), outcome: 'done', at: 1 } as const;
  const heard: string[] = [];
  const elsewhere = new ChangesElsewhere({
    ...{ db, log: pino({ level: 'silent' }) },
    onChange: (who, action) => heard.push(`${action} ${who}`),
  });
  await appendAudit(db, { ...note, action: 'user.change', target: 'before' });
  await elsewhere.start();
  try {
    await appendAudit(db, { ...note, action: 'user.change', target: 'ben' });
    await vi.waitFor(() => expect(heard).toEqual(['user.change ben']), 5_000);
    // A program that sets tags all day long.
    const { actor } = note;
    const line = {
      ...{ at: 1, actor: actor.name, actor_kind: 'key' as const, action: 'tag.write', outcome: note.outcome },
      ...{ target: '', address: '', request_id: '' },
    };
    for (let i = 0; i < 5; i++)
      await db
        .insertInto('audit_log')
        .values(Array.from({ length: 1_000 }, () => line))
        .execute();
    await appendAudit(db, { ...note, action: 'key.revoke', target: 'Grafana' });
    await vi.waitFor(() => expect(heard).toEqual(['user.change ben', 'key.revoke key:Grafana']), 5_000);
    await vi.waitFor(() => expect(askedFrom.at(-1)).toBeGreaterThan(3_000), 5_000);
    expect(heard).toHaveLength(2);
  } finally {
    elsewhere.stop();
  }
});

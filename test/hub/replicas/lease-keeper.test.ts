import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { gatewayLease, LeaseKeeper } from '../../../hub/replicas/lease-keeper.ts';
import { openRelational } from '../../../hub/store/postgres/relational.ts';
import { newRelational } from '../../services/new-relational.ts';
import { tempDir } from '../../services/temp-dir.ts';

test('a gateway is taken soon after its first word, also while word of others comes on and on', async () => {
  const dataDir = join(await tempDir(), 'relational');
  await newRelational(dataDir);
  const store = await openRelational({ dataDir });
  const known: string[] = [];
  const taken = Promise.withResolvers<string[]>();
  const keeper = new LeaseKeeper({
    db: store.db,
    replica: { id: 'a:1', name: 'a', roles: 'ingest' },
    takesGateways: true,
    gateways: () => known,
    singles: [],
    onGained: async (names) => taken.resolve(names),
    onLeaving: async () => undefined,
    onLost: async () => undefined,
    log: pino({ level: 'silent' }),
  });
  await keeper.start();
  known.push(gatewayLease('press-1'));
  const news = setInterval(() => keeper.soon(), 20);
  onTestFinished(async () => {
    clearInterval(news);
    await keeper.stop();
    await store.close();
  });
  expect(await taken.promise).toEqual([gatewayLease('press-1')]);
});

/** The present picture of the plant, as it was when the hub last ended. */
import { AndonBoard } from './andon/board.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { noShift } from './oee/oee.ts';
import { meaningOf } from './oee/state-map.ts';
import { newestCertificates } from './store/postgres/enrolment.ts';
import { listGateways } from './store/postgres/gateways.ts';
import { watermarks } from './store/postgres/ledger.ts';
import { listTags } from './store/postgres/tags.ts';
import type { Stores } from './stores-part.ts';

export async function restoredBoard(config: LoadedHubConfig, stores: Stores, now: () => number): Promise<AndonBoard> {
  const board = new AndonBoard({
    machines: config.equipment.machines,
    meaningOf: (machine, code) => meaningOf(machine.state!, code),
    emptyOee: (machine, at) => ({ ...noShift(at, machine.counters?.unit ?? ''), reason: 'not calculated yet' }),
    now,
  });
  const { db } = stores.relational;
  board.catalog.add(await listTags(db));
  const stored = new Map<string, number>();
  for (const { gateway, samples } of await watermarks(db)) stored.set(gateway, (stored.get(gateway) ?? 0) + samples);
  const seen = new Map((await listGateways(db)).map((gateway) => [gateway.id, gateway]));
  const certificates = new Map(
    (await newestCertificates(db)).map(({ gateway, serial, not_before, not_after }) => [
      gateway,
      { serial, notBefore: not_before, notAfter: not_after },
    ]),
  );
  // One that has enrolled and has not come yet is expected all the same.
  for (const id of new Set([
    ...config.gateways.map((gateway) => gateway.id),
    ...certificates.keys(),
    ...seen.keys(),
  ])) {
    const before = seen.get(id);
    const lastSeenAt = before?.last_seen_at ?? null;
    // One that was online when this hub ended has been out of its sight since then.
    const since = before?.online ? lastSeenAt : (before?.online_since ?? null);
    board.gateways.know({
      id,
      lastSeenAt,
      since,
      samplesStored: stored.get(id) ?? 0,
      certificate: certificates.get(id),
    });
  }
  board.restore((await stores.timeSeries.last()).map(({ tag, at, value, quality }) => [tag, at, value, quality]));
  return board;
}

/**
 * The second half of a commit: after the samples are in the time-series store, this moves the watermark that the
 * gateway is told, together with everything else that the records said. Each step may be repeated after a crash.
 */
import type { Kysely, Transaction } from 'kysely';
import { applyAlarmEvent, type HubAlarmEvent } from './alarms.ts';
import { cleanText } from './clean-text.ts';
import { insertEvents, noteConfig, type PlacedEvent } from './gateway-events.ts';
import { heldLeases, type Lease } from './leases.ts';
import type { Database, Row } from './schema.ts';
import { inTransaction, retried } from './transaction.ts';
import { decideWrite } from './writes.ts';

/** Records that will not come: from `fromSeq` to `toSeq`, both included. */
interface Gap {
  fromSeq: number;
  toSeq: number;
  cause: string;
  /** Receive times of what is next to it on both sides; null when not known. */
  fromAt: number | null;
  toAt: number | null;
}

export interface CommittedRecords {
  gateway: string;
  epoch: string;
  /** The last record that is committed by this. */
  seq: number;
  /** Samples of those records that are above the ledger's watermark. */
  samples: number;
  gaps: readonly Gap[];
  /** In the order of the records. */
  alarmEvents: readonly HubAlarmEvent[];
  events: readonly PlacedEvent[];
  /** Now, milliseconds since 1970 UTC. */
  at: number;
  /** Where several hubs share the database: what this one committed under. */
  lease?: Lease | undefined;
}

export interface CommitResult {
  /** Occurrences whose alarm has changed. */
  changed: string[];
  /** Nothing of it was committed: its lease is another hub's. */
  lost: boolean;
}

/**
 * Commits in one transaction; see `commitAll`.
 *
 * @returns the occurrences whose alarm has changed
 */
export async function commitRecords(db: Kysely<Database>, records: CommittedRecords): Promise<string[]> {
  const [result] = await commitAll(db, [records]);
  return result!.changed;
}

/**
 * Commits what was said of several epochs, each of them once, in one transaction. A repeat changes nothing: a watermark
 * never goes back, and samples are counted only when it moves.
 *
 * @returns what became of each, in their order
 */
export async function commitAll(db: Kysely<Database>, all: readonly CommittedRecords[]): Promise<CommitResult[]> {
  // One statement is a transaction already; most commits of a single hub have nothing else.
  const plain = all.every(
    ({ lease, gaps, alarmEvents, events }) => !lease && gaps.length + alarmEvents.length + events.length === 0,
  );
  if (plain) {
    await retried(() => moveWatermarks(db, all));
    return all.map(() => ({ changed: [], lost: false }));
  }
  return inTransaction(db, async (trx) => {
    const leases = new Map(all.flatMap(({ lease }) => (lease ? [[`${lease.name} ${lease.fence}`, lease]] : [])));
    const held = await heldLeases(trx, [...leases.values()]);
    const isHeld = ({ lease }: CommittedRecords) => !lease || held.has(lease.name);
    await moveWatermarks(trx, all.filter(isHeld));
    const results: CommitResult[] = [];
    for (const records of all) {
      results.push(isHeld(records) ? { changed: await commitRest(trx, records), lost: false } : LOST);
    }
    return results;
  });
}

const LOST: CommitResult = { changed: [], lost: true };

async function commitRest(trx: Transaction<Database>, records: CommittedRecords): Promise<string[]> {
  await insertGaps(trx, records);
  const { gateway, epoch, events, at } = records;
  for (const event of await insertEvents(trx, gateway, epoch, events)) {
    if (event.kind === 'config') await noteConfig(trx, gateway, event, at);
  }
  for (const { event } of events) if (event.kind === 'write') await decideWrite(trx, gateway, event, at);
  const changed = new Set<string>();
  for (const event of records.alarmEvents) {
    if (await applyAlarmEvent(trx, gateway, event, at)) changed.add(event.occurrence);
  }
  return [...changed];
}

/** Every epoch that has ever been committed, or those of some gateways. */
export async function watermarks(db: Kysely<Database>, gateways?: readonly string[]): Promise<Row<'watermarks'>[]> {
  if (gateways?.length === 0) return [];
  let query = db.selectFrom('watermarks').selectAll();
  if (gateways) query = query.where('gateway', 'in', gateways);
  return query.orderBy('gateway').orderBy('epoch').execute();
}

/** Newest first. */
export async function listGaps(db: Kysely<Database>, gateway: string, limit = 100): Promise<Row<'gaps'>[]> {
  return db
    .selectFrom('gaps')
    .selectAll()
    .where('gateway', '=', gateway)
    .orderBy('noted_at', 'desc')
    .orderBy('epoch')
    .orderBy('from_seq', 'desc')
    .limit(limit)
    .execute();
}

async function moveWatermarks(db: Kysely<Database>, all: readonly CommittedRecords[]): Promise<void> {
  if (all.length === 0) return;
  const rows = all.map(({ gateway, epoch, seq, samples, at }) => ({ gateway, epoch, seq, samples, updated_at: at }));
  await db
    .insertInto('watermarks')
    // In one order, so that two hubs do not wait for each other.
    .values(rows.sort((a, b) => (a.gateway < b.gateway || (a.gateway === b.gateway && a.epoch < b.epoch) ? -1 : 1)))
    .onConflict((conflict) =>
      conflict
        .columns(['gateway', 'epoch'])
        .doUpdateSet((e) => ({
          seq: e.ref('excluded.seq'),
          samples: e('watermarks.samples', '+', e.ref('excluded.samples')),
          updated_at: e.ref('excluded.updated_at'),
        }))
        .whereRef('watermarks.seq', '<', 'excluded.seq'),
    )
    .execute();
}

async function insertGaps(trx: Transaction<Database>, { gateway, epoch, gaps, at }: CommittedRecords): Promise<void> {
  for (const { fromSeq, toSeq, cause, fromAt, toAt } of gaps) {
    await trx
      .insertInto('gaps')
      .values({
        ...{ gateway, epoch, from_seq: fromSeq, to_seq: toSeq, cause: cleanText(cause), noted_at: at },
        ...{ from_at: fromAt, to_at: toAt },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

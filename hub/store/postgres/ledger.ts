/**
 * The second half of a commit: after the samples are in the time-series store, this moves the watermark that the
 * gateway is told, together with everything else that the records said. Each step may be repeated after a crash.
 */
import type { Kysely, Transaction } from 'kysely';
import { applyAlarmEvent, type HubAlarmEvent } from './alarms.ts';
import { cleanText } from './clean-text.ts';
import { insertEvents, type PlacedEvent } from './gateway-events.ts';
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
}

/**
 * Commits in one transaction. A repeat changes nothing: a watermark never goes back, and samples are counted only
 * when it moves.
 *
 * @returns the occurrences whose alarm has changed
 */
export async function commitRecords(db: Kysely<Database>, records: CommittedRecords): Promise<string[]> {
  // One statement is a transaction already; most commits have nothing else, and this saves two round trips.
  if (records.gaps.length === 0 && records.alarmEvents.length === 0 && records.events.length === 0) {
    await retried(() => moveWatermark(db, records));
    return [];
  }
  return inTransaction(db, async (trx) => {
    await moveWatermark(trx, records);
    await insertGaps(trx, records);
    await insertEvents(trx, records.gateway, records.epoch, records.events);
    for (const { event } of records.events)
      if (event.kind === 'write') await decideWrite(trx, records.gateway, event);
    const changed = new Set<string>();
    for (const event of records.alarmEvents) {
      if (await applyAlarmEvent(trx, records.gateway, event)) changed.add(event.occurrence);
    }
    return [...changed];
  });
}

/** Every epoch that has ever been committed. */
export async function watermarks(db: Kysely<Database>): Promise<Row<'watermarks'>[]> {
  return db.selectFrom('watermarks').selectAll().orderBy('gateway').orderBy('epoch').execute();
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

async function moveWatermark(
  db: Kysely<Database>,
  { gateway, epoch, seq, samples, at }: CommittedRecords,
): Promise<void> {
  await db
    .insertInto('watermarks')
    .values({ gateway, epoch, seq, samples, updated_at: at })
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

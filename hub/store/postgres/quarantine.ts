/** Messages that the hub could not understand, kept so that someone can find out why. */
import type { Kysely } from 'kysely';
import { cleanText } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

const QUARANTINE_ROWS = 10_000;
const QUARANTINE_SAMPLE_BYTES = 4_096;
const MAX_REASON = 1_000;

/** Keeps the message's first 4 KiB, and of all messages the newest 10,000. */
export async function insertQuarantine(
  db: Kysely<Database>,
  message: { gateway: string; at: number; reason: string; payload: Uint8Array },
): Promise<void> {
  const { id } = await db
    .insertInto('quarantine')
    .values({
      gateway: message.gateway,
      received_at: message.at,
      reason: cleanText(message.reason.slice(0, MAX_REASON)),
      bytes: message.payload.byteLength,
      // A copy: posting a view to the worker would take its whole buffer along.
      sample: new Uint8Array(message.payload.subarray(0, QUARANTINE_SAMPLE_BYTES)),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .deleteFrom('quarantine')
    .where('id', '<=', id - QUARANTINE_ROWS)
    .execute();
}

/** Newest first. */
export async function listQuarantine(
  db: Kysely<Database>,
  gateway: string,
  limit = 100,
): Promise<Row<'quarantine'>[]> {
  return db
    .selectFrom('quarantine')
    .selectAll()
    .where('gateway', '=', gateway)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

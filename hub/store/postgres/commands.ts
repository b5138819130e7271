/** What gateways have been told to do and have not been seen to have done. */
import type { AcknowledgeCommand } from '@lineside/shared/contracts/link.ts';
import { type Kysely, sql } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database } from './schema.ts';

const occurrenceOf = sql<string>`body ->> 'occurrence'`;

/** Repeating it with the same id changes nothing. */
export async function createCommand(
  db: Kysely<Database>,
  gateway: string,
  command: AcknowledgeCommand,
): Promise<void> {
  await db
    .insertInto('commands')
    .values({
      id: command.id,
      gateway,
      type: command.type,
      body: toJson(command),
      created_at: command.at,
      done_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Oldest first; bounded, the rest comes after the next hello. */
export async function pendingCommands(
  db: Kysely<Database>,
  gateway: string,
  limit = 1_000,
): Promise<AcknowledgeCommand[]> {
  const rows = await db
    .selectFrom('commands')
    .select('body')
    .where('gateway', '=', gateway)
    .where('done_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.body);
}

/** The occurrences whose acknowledgement is on its way to some gateway. */
export async function pendingOccurrences(db: Kysely<Database>): Promise<Set<string>> {
  const rows = await db
    .selectFrom('commands')
    .select(occurrenceOf.as('occurrence'))
    .where('done_at', 'is', null)
    .where('type', '=', 'alarm.acknowledge')
    .execute();
  return new Set(rows.map((row) => row.occurrence));
}

/**
 * Ends the open commands about an occurrence; `commitRecords` does so when their effect comes back as an event.
 *
 * @returns those that were open
 */
export async function finishCommands(
  db: Kysely<Database>,
  occurrence: string,
  at: number,
): Promise<AcknowledgeCommand[]> {
  const ended = await db
    .updateTable('commands')
    .set({ done_at: at })
    .where(occurrenceOf, '=', occurrence)
    .where('done_at', 'is', null)
    .returning('body')
    .execute();
  return ended.map(({ body }) => body);
}

/** The gateways that have ever been heard of, and how each is. */
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { Kysely } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

/**
 * Takes a gateway's status. `online_since` moves only when `online` changes.
 *
 * @param at when the hub received it, milliseconds since 1970 UTC
 */
export async function upsertGatewayStatus(db: Kysely<Database>, status: GatewayStatus, at: number): Promise<void> {
  const { gateway: id, version, online } = status;
  await db
    .insertInto('gateways')
    .values({
      id,
      first_seen_at: at,
      last_seen_at: at,
      version,
      online,
      online_since: at,
      status: toJson(status),
    })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((e) => ({
        // A will is the broker's word: the gateway itself was not seen.
        last_seen_at: e
          .case()
          .when('excluded.online', '=', true)
          .then(e.ref('excluded.last_seen_at'))
          .else(e.ref('gateways.last_seen_at'))
          .end(),
        version: e.ref('excluded.version'),
        online: e.ref('excluded.online'),
        online_since: e
          .case()
          .when('gateways.online', '=', e.ref('excluded.online'))
          .then(e.fn.coalesce('gateways.online_since', 'excluded.online_since'))
          .else(e.ref('excluded.online_since'))
          .end(),
        status: e.ref('excluded.status'),
      })),
    )
    .execute();
}

/** Notes that something came from a gateway. */
export async function touchGateway(db: Kysely<Database>, id: string, at: number): Promise<void> {
  await db
    .insertInto('gateways')
    .values({ id, first_seen_at: at, last_seen_at: at, online_since: null, status: null })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((e) => ({
        last_seen_at: e.fn<number>('greatest', ['gateways.last_seen_at', 'excluded.last_seen_at']),
      })),
    )
    .execute();
}

/** For when the broker says that a gateway has gone and it left no will. */
export async function setGatewayOffline(db: Kysely<Database>, id: string, at: number): Promise<void> {
  await db
    .updateTable('gateways')
    .set({ online: false, online_since: at })
    .where('id', '=', id)
    .where('online', '=', true)
    .execute();
}

export async function listGateways(db: Kysely<Database>): Promise<Row<'gateways'>[]> {
  return db.selectFrom('gateways').selectAll().orderBy('id').execute();
}

export async function findGateway(db: Kysely<Database>, id: string): Promise<Row<'gateways'> | undefined> {
  return db.selectFrom('gateways').selectAll().where('id', '=', id).executeTakeFirst();
}

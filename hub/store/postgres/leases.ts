/** Which of several hubs on one database does what. All times are those of the server's clock. */
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';
import { inTransaction, retried } from './transaction.ts';

/** What one hub may do, until another one has a higher fence. */
export interface Lease {
  name: string;
  /** Id of the replica. */
  owner: string;
  fence: number;
}

export interface Replica {
  id: string;
  name: string;
  roles: string;
}

export interface LiveReplica extends Replica {
  /** By the server's clock; grows whenever it says that it lives. Milliseconds since 1970 UTC. */
  expiresAt: number;
}

/** A lease as the others see it. */
export interface LeaseState {
  name: string;
  owner: string | null;
  fence: number;
  /** Whether its owner lives. */
  live: boolean;
}

/** Rows of replicas that ended without a word are kept for so long, to be looked at. Milliseconds. */
const KEPT_MS = 3_600_000;

const clock = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/** Says that a replica lives, for so long from now; tells which others do, and who holds what. */
export async function beatReplica(
  db: Kysely<Database>,
  { id, name, roles }: Replica,
  lifeMs: number,
): Promise<{ live: LiveReplica[]; leases: LeaseState[] }> {
  return inTransaction(db, async (trx) => {
    const expires = sql<number>`${clock} + ${lifeMs}`;
    await trx
      .insertInto('replicas')
      .values({ id, name, roles, started_at: clock, expires_at: expires })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ expires_at: expires }))
      .execute();
    return lookAtReplicas(trx);
  });
}

/** Which replicas live, and who holds what. */
export async function lookAtReplicas(db: Kysely<Database>): Promise<{ live: LiveReplica[]; leases: LeaseState[] }> {
  const live = await db
    .selectFrom('replicas')
    .select(['id', 'name', 'roles', 'expires_at as expiresAt'])
    .where('expires_at', '>', clock)
    .orderBy('id')
    .execute();
  const rows = await db.selectFrom('leases').select(['name', 'owner', 'fence']).orderBy('name').execute();
  const living = new Set(live.map((replica) => replica.id));
  return { live, leases: rows.map((row) => ({ ...row, live: row.owner !== null && living.has(row.owner) })) };
}

/** Takes what nobody who lives holds; returns what was got, which may be less than was asked for. */
export async function claimLeases(db: Kysely<Database>, owner: string, names: readonly string[]): Promise<Lease[]> {
  if (names.length === 0) return [];
  const rows = await retried(() =>
    db
      .insertInto('leases')
      // In one order, so that two who claim at once do not wait for each other.
      .values(names.toSorted().map((name) => ({ name, owner, fence: 1, since: clock })))
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet((e) => ({
            owner: e.ref('excluded.owner'),
            fence: e('leases.fence', '+', 1),
            since: e.ref('excluded.since'),
          }))
          .where(({ or, eb, not, exists, selectFrom }) =>
            or([
              eb('leases.owner', 'is', null),
              not(
                exists(
                  selectFrom('replicas')
                    .select('replicas.id')
                    .whereRef('replicas.id', '=', 'leases.owner')
                    .where('replicas.expires_at', '>', clock),
                ),
              ),
            ]),
          ),
      )
      .returning(['name', 'fence'])
      .execute(),
  );
  return rows.map((row) => ({ ...row, owner }));
}

/** Lets others have them at once. */
export async function releaseLeases(db: Kysely<Database>, owner: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await retried(() =>
    db.updateTable('leases').set({ owner: null }).where('owner', '=', owner).where('name', 'in', names).execute(),
  );
}

/** A replica ends, and holds nothing any more. */
export async function endReplica(db: Kysely<Database>, id: string): Promise<void> {
  await retried(() => db.deleteFrom('replicas').where('id', '=', id).execute());
}

/** Starts of this name before this one have ended, and so have rows that nobody needs to look at any more. */
export async function endPredecessors(db: Kysely<Database>, { id, name }: Replica): Promise<void> {
  await retried(() =>
    db
      .deleteFrom('replicas')
      .where('id', '<>', id)
      .where((e) => e.or([e('name', '=', name), e('expires_at', '<', sql<number>`${clock} - ${KEPT_MS}`)]))
      .execute(),
  );
}

/**
 * Of these leases, the names of those that are held as they say; none of them changes hands before the transaction is
 * over. What is committed in it is so committed by their owner, however long that one stood still before.
 */
export async function heldLeases(trx: Kysely<Database>, leases: readonly Lease[]): Promise<Set<string>> {
  if (leases.length === 0) return new Set();
  const rows = await trx
    .selectFrom('leases')
    .select('name')
    .where((e) =>
      e(
        e.refTuple('name', 'owner', 'fence'),
        'in',
        leases.map(({ name, owner, fence }) => e.tuple(name, owner, fence)),
      ),
    )
    .orderBy('name')
    .forShare()
    .execute();
  return new Set(rows.map(({ name }) => name));
}

/** Configurations on their way to several gateways, and how far each is. */
import type { Kysely } from 'kysely';
import { cleanText } from './clean-text.ts';
import type { Database, Row } from './schema.ts';
import { inStretch, type Stretch } from './stretch.ts';
import { inTransaction } from './transaction.ts';

/** So many are kept. */
const KEPT = 200;

export interface StoredRollout extends Omit<Row<'rollouts'>, 'config'> {
  gateways: Omit<Row<'rollout_gateways'>, 'rollout'>[];
}

/** @returns false when another one is running: nothing has changed */
export async function insertRollout(
  db: Kysely<Database>,
  rollout: { id: string; by: string; config: string; waves: string[][]; at: number },
): Promise<boolean> {
  const { id, by, config, waves, at } = rollout;
  return inTransaction(db, async (trx) => {
    const { numInsertedOrUpdatedRows: inserted } = await trx
      .insertInto('rollouts')
      .values({
        id,
        by_whom: cleanText(by),
        created_at: at,
        ended_at: null,
        state: 'running',
        config: cleanText(config),
      })
      .onConflict((other) => other.column('state').where('state', '=', 'running').doNothing())
      .executeTakeFirstOrThrow();
    if (inserted !== 1n) return false;
    const gateways = waves.flatMap((wave, i) => wave.map((gateway) => ({ gateway, wave: i + 1 })));
    await trx
      .insertInto('rollout_gateways')
      .values(gateways.map((each) => ({ ...each, rollout: id, state: 'waiting' as const, changed_at: at })))
      .execute();
    const old = trx
      .selectFrom('rollouts')
      .select('id')
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(KEPT);
    await trx.deleteFrom('rollouts').where('id', 'in', old).execute();
    return true;
  });
}

export async function moveGateway(
  db: Kysely<Database>,
  step: { id: string; gateway: string; state: Row<'rollout_gateways'>['state']; detail: string; at: number },
): Promise<void> {
  await db
    .updateTable('rollout_gateways')
    .set({ state: step.state, detail: cleanText(step.detail), changed_at: step.at })
    .where('rollout', '=', step.id)
    .where('gateway', '=', step.gateway)
    .execute();
}

/**
 * Ends one, or all that are running: those gateways that wait are not sent it any more.
 *
 * @param end.idleSince of all, only those in which nothing has changed since then: the others may be another hub's
 */
export async function endRollout(
  db: Kysely<Database>,
  end: { id?: string; state: 'done' | 'stopped'; reason: string; at: number; idleSince?: number },
): Promise<void> {
  const { id, state, reason, at, idleSince } = end;
  await inTransaction(db, async (trx) => {
    let ending = trx
      .updateTable('rollouts')
      .set({ state, reason: cleanText(reason), ended_at: at })
      .where('state', '=', 'running');
    if (id !== undefined) ending = ending.where('id', '=', id);
    if (idleSince !== undefined) {
      const busy = trx.selectFrom('rollout_gateways').select('rollout').where('changed_at', '>=', idleSince);
      ending = ending.where('id', 'not in', busy);
    }
    const ended = (await ending.returning('id').execute()).map((row) => row.id);
    if (ended.length === 0) return;
    await trx
      .updateTable('rollout_gateways')
      .set({ state: 'notSent', changed_at: at })
      .where('rollout', 'in', ended)
      .where('state', '=', 'waiting')
      .execute();
    await trx
      .updateTable('rollout_gateways')
      .set({ state: 'failed', detail: cleanText(reason), changed_at: at })
      .where('rollout', 'in', ended)
      .where('state', '=', 'running')
      .execute();
  });
}

/** Which rollouts; all without a word. */
export interface RolloutFilter extends Stretch {
  id?: string;
  /** Only those that have to do with none but these. */
  gateways?: readonly string[] | undefined;
}

/** By when they began. */
export async function listRollouts(
  db: Kysely<Database>,
  { id, gateways: own, ...stretch }: RolloutFilter,
): Promise<StoredRollout[]> {
  if (own?.length === 0) return [];
  let query = db.selectFrom('rollouts').select(['id', 'by_whom', 'created_at', 'ended_at', 'state', 'reason']);
  if (id !== undefined) query = query.where('id', '=', id);
  if (own) {
    query = query.where(({ not, exists, selectFrom }) => {
      const all = selectFrom('rollout_gateways').select('gateway').whereRef('rollout', '=', 'rollouts.id');
      return not(exists(all.where('gateway', 'not in', own)));
    });
  }
  const rollouts = await inStretch(query, 'created_at', 'id', stretch).execute();
  if (rollouts.length === 0) return [];
  const ids = rollouts.map(({ id }) => id);
  const gateways = await db
    .selectFrom('rollout_gateways')
    .selectAll()
    .where('rollout', 'in', ids)
    .orderBy('wave')
    .orderBy('gateway')
    .execute();
  const byRollout = Map.groupBy(gateways, ({ rollout }) => rollout);
  return rollouts.map((rollout) => ({
    ...rollout,
    gateways: (byRollout.get(rollout.id) ?? []).map(({ rollout: _rollout, ...rest }) => rest),
  }));
}

/**
 * Asks whichever hub runs a rollout to begin no further wave of it.
 *
 * @returns false when it has ended
 */
export async function wishRolloutStopped(db: Kysely<Database>, id: string, reason: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('rollouts')
    .set((e) => ({ reason: e.case().when('reason', '=', '').then(cleanText(reason)).else(e.ref('reason')).end() }))
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Why it is to be stopped; empty when it is not. */
export async function rolloutStopWish(db: Kysely<Database>, id: string): Promise<string> {
  const row = await db.selectFrom('rollouts').select('reason').where('id', '=', id).executeTakeFirst();
  return row?.reason ?? '';
}

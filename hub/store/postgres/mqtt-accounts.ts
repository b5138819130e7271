/** Accounts of integrators that are made through the API. */
import type { Kysely } from 'kysely';
import type { Database, Row } from './schema.ts';

/** By name. */
export async function listMqttAccounts(db: Kysely<Database>): Promise<Row<'mqtt_accounts'>[]> {
  return db.selectFrom('mqtt_accounts').selectAll().orderBy('name').execute();
}

/** False when the name is taken. */
export async function insertMqttAccount(
  db: Kysely<Database>,
  { sites, ...account }: Row<'mqtt_accounts'>,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('mqtt_accounts')
    .values({ ...account, sites: sites === null ? null : JSON.stringify(sites) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** As it was before; undefined when there is no such account. Within a transaction. */
export async function setMqttPassword(
  trx: Kysely<Database>,
  name: string,
  password: { hash: string; at: number },
): Promise<Row<'mqtt_accounts'> | undefined> {
  const before = await trx
    .selectFrom('mqtt_accounts')
    .selectAll()
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  await trx
    .updateTable('mqtt_accounts')
    .set({ password_hash: password.hash, password_at: password.at })
    .where('name', '=', name)
    .execute();
  return before;
}

/** As it was; undefined when there is no such account. */
export async function deleteMqttAccount(
  db: Kysely<Database>,
  name: string,
): Promise<Row<'mqtt_accounts'> | undefined> {
  return db.deleteFrom('mqtt_accounts').where('name', '=', name).returningAll().executeTakeFirst();
}

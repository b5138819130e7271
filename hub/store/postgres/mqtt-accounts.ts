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

/** False when there is no such account. */
export async function setMqttPassword(
  db: Kysely<Database>,
  name: string,
  password: { hash: string; at: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('mqtt_accounts')
    .set({ password_hash: password.hash, password_at: password.at })
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** False when there is no such account. */
export async function deleteMqttAccount(db: Kysely<Database>, name: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('mqtt_accounts').where('name', '=', name).executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}

/** The equipment hierarchy, as the configuration has it. */
import type { Kysely } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database, EquipmentLevel } from './schema.ts';
import { inTransaction } from './transaction.ts';

export interface Equipment {
  path: string;
  /** Path of the level above; null for the enterprise. */
  parent: string | null;
  level: EquipmentLevel;
  name: string;
  settings: Record<string, unknown>;
}

/** Makes the tree what is given, in one transaction. Parents must come before their children. */
export async function replaceEquipment(db: Kysely<Database>, equipment: readonly Equipment[]): Promise<void> {
  await inTransaction(db, async (trx) => {
    const paths = new Set(equipment.map(({ path }) => path));
    for (const { path } of await trx.selectFrom('equipment').select('path').execute()) {
      if (!paths.has(path)) await trx.deleteFrom('equipment').where('path', '=', path).execute();
    }
    for (const { settings, ...rest } of equipment) {
      const values = { ...rest, settings: toJson(settings) };
      const { path: _path, ...changed } = values;
      await trx
        .insertInto('equipment')
        .values(values)
        .onConflict((conflict) => conflict.column('path').doUpdateSet(changed))
        .execute();
    }
  });
}

/** By path, so parents come before their children. */
export async function listEquipment(db: Kysely<Database>): Promise<Equipment[]> {
  return db.selectFrom('equipment').selectAll().orderBy('path').execute();
}

/** The figures of machines' running shifts, from the hub that makes them to those that show them. */
import type { MachineState, Oee } from '@lineside/shared/contracts/api.ts';
import type { Kysely } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database } from './schema.ts';
import { retried } from './transaction.ts';

export interface MachineFiguresBody {
  oee: Oee;
  state: MachineState;
}

export async function keepFigures(
  db: Kysely<Database>,
  figures: readonly { path: string; body: MachineFiguresBody }[],
  at: number,
): Promise<void> {
  if (figures.length === 0) return;
  const rows = figures.map(({ path, body }) => ({ path, made_at: at, body: toJson(body) }));
  await retried(() =>
    db
      .insertInto('machine_figures')
      .values(rows.sort((a, b) => (a.path < b.path ? -1 : 1)))
      .onConflict((conflict) =>
        conflict
          .column('path')
          .doUpdateSet((e) => ({ made_at: e.ref('excluded.made_at'), body: e.ref('excluded.body') })),
      )
      .execute(),
  );
}

export async function listFigures(
  db: Kysely<Database>,
): Promise<{ path: string; made_at: number; body: MachineFiguresBody }[]> {
  return db.selectFrom('machine_figures').selectAll().execute();
}

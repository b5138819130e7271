/** Commits what a gateway said in one record, without its samples; returns the alarm occurrences that have changed. */
import type { Kysely } from 'kysely';
import type { CommittedRun } from '../../hub/ingest/ledger.ts';
import { relationalLedger } from '../../hub/ingest/relational-ledger.ts';
import type { Database } from '../../hub/store/postgres/schema.ts';
import { EPOCH } from './gateway-records.ts';

export async function commitRun(db: Kysely<Database>, run: Partial<CommittedRun>, now = Date.now): Promise<string[]> {
  const empty = { gateway: 'line-1', epoch: EPOCH, seq: 1, term: 0, samples: 0, gaps: [], alarms: [], events: [] };
  const [result] = await relationalLedger(db, now).commit([{ ...empty, ...run }]);
  return result!.changed;
}

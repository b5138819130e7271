/** The ledger of ingest on the relational store. */
import type { Kysely } from 'kysely';
import { FewAtOnce } from '../store/postgres/few-at-once.ts';
import type { Lease } from '../store/postgres/leases.ts';
import { commitAll, watermarks } from '../store/postgres/ledger.ts';
import { insertQuarantine } from '../store/postgres/quarantine.ts';
import type { Database } from '../store/postgres/schema.ts';
import { tagIds, upsertCatalogue } from '../store/postgres/tags.ts';
import type { CommittedRun, IngestLedger } from './ledger.ts';
import { type Restored, RestoredGaps } from './restored-gaps.ts';

export interface RelationalLedgerOptions {
  /** When and from what this store was restored; null when it never was. */
  restored?: Restored | null;
  /** Where several hubs share the store: under what this one commits records that it accepted in a term. */
  leaseOf?(gateway: string, term: number): Lease | undefined;
}

export function relationalLedger(
  db: Kysely<Database>,
  now: () => number,
  { restored, leaseOf }: RelationalLedgerOptions = {},
): IngestLedger {
  const few = new FewAtOnce();
  const gapsOfRestore = restored ? new RestoredGaps(restored) : null;
  const recordsOf = ({ gaps, alarms, term, ...run }: CommittedRun) => ({
    ...run,
    gaps: gaps.map(({ from, to, ...gap }) => ({
      ...{ fromSeq: from, toSeq: to, ...gap },
      cause: gapsOfRestore?.causeOf(run, { from, ...gap }) ?? gap.cause,
    })),
    // 0 stands for a tag that has left the configuration.
    alarmEvents: alarms.map((event) => ({ ...event, tag: event.tag === 0 ? null : event.tag })),
    at: now(),
    lease: leaseOf?.(run.gateway, term),
  });
  return {
    async watermarks(gateways) {
      const marks = await watermarks(db, gateways);
      gapsOfRestore?.know(marks);
      return marks;
    },
    describeTags: (gateway, epoch, tags) => few.run(() => upsertCatalogue(db, gateway, epoch, tags)),
    knownTags: (gateway, epoch) => few.run(() => tagIds(db, gateway, epoch)),
    async commit(runs) {
      const results = await commitAll(db, runs.map(recordsOf));
      for (const [i, run] of runs.entries()) if (!results[i]!.lost) gapsOfRestore?.committed(run);
      return results;
    },
    quarantine: (gateway, reason, payload) => insertQuarantine(db, { gateway, at: now(), reason, payload }),
  };
}

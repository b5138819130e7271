/** The ledger of ingest on the relational store. */
import type { Kysely } from 'kysely';
import { commitRecords, watermarks } from '../store/postgres/ledger.ts';
import { insertQuarantine } from '../store/postgres/quarantine.ts';
import type { Database } from '../store/postgres/schema.ts';
import { tagIds, upsertCatalogue } from '../store/postgres/tags.ts';
import type { CommittedRun, IngestLedger } from './ledger.ts';
import { type Restored, RestoredGaps } from './restored-gaps.ts';

/** @param restored when and from what this store was restored; null when it never was */
export function relationalLedger(
  db: Kysely<Database>,
  now: () => number,
  restored: Restored | null = null,
): IngestLedger {
  const gapsOfRestore = restored ? new RestoredGaps(restored) : null;
  return {
    async watermarks() {
      const marks = await watermarks(db);
      gapsOfRestore?.know(marks);
      return marks;
    },
    describeTags: (gateway, epoch, tags) => upsertCatalogue(db, gateway, epoch, tags),
    knownTags: (gateway, epoch) => tagIds(db, gateway, epoch),
    async commit({ gaps, alarms, ...run }: CommittedRun) {
      const changed = await commitRecords(db, {
        ...run,
        gaps: gaps.map(({ from, to, ...gap }) => ({
          ...{ fromSeq: from, toSeq: to, ...gap },
          cause: gapsOfRestore?.causeOf(run, { from, ...gap }) ?? gap.cause,
        })),
        // 0 stands for a tag that has left the configuration.
        alarmEvents: alarms.map((event) => ({ ...event, tag: event.tag === 0 ? null : event.tag })),
        at: now(),
      });
      gapsOfRestore?.committed(run);
      return changed;
    },
    quarantine: (gateway, reason, payload) => insertQuarantine(db, { gateway, at: now(), reason, payload }),
  };
}

/** The ledger of ingest on the relational store. */
import type { Kysely } from 'kysely';
import { commitRecords, watermarks } from '../store/postgres/ledger.ts';
import { insertQuarantine } from '../store/postgres/quarantine.ts';
import type { Database } from '../store/postgres/schema.ts';
import { tagIds, upsertCatalogue } from '../store/postgres/tags.ts';
import type { IngestLedger } from './ledger.ts';

export function relationalLedger(db: Kysely<Database>, now: () => number): IngestLedger {
  return {
    watermarks: () => watermarks(db),
    describeTags: (gateway, epoch, tags) => upsertCatalogue(db, gateway, epoch, tags),
    knownTags: (gateway, epoch) => tagIds(db, gateway, epoch),
    commit: ({ gaps, alarms, ...run }) =>
      commitRecords(db, {
        ...run,
        gaps: gaps.map(({ from, to, ...gap }) => ({ fromSeq: from, toSeq: to, ...gap })),
        // 0 stands for a tag that has left the configuration.
        alarmEvents: alarms.map((event) => ({ ...event, tag: event.tag === 0 ? null : event.tag })),
        at: now(),
      }),
    quarantine: (gateway, reason, payload) => insertQuarantine(db, { gateway, at: now(), reason, payload }),
  };
}

/** All that a stopped hub has stored of one gateway. */

import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { alarmEvents, alarmHistory } from '../../../hub/store/postgres/alarms.ts';
import { listGaps, watermarks } from '../../../hub/store/postgres/ledger.ts';
import { openRelational } from '../../../hub/store/postgres/relational.ts';
import type { Row } from '../../../hub/store/postgres/schema.ts';
import { listTags } from '../../../hub/store/postgres/tags.ts';
import { DuckDbStore } from '../../../hub/store/timeseries/duckdb/duckdb-store.ts';
import { KIND } from '../../../hub/store/timeseries/duckdb/sample-writer.ts';
import type { StoredSample } from '../../../hub/store/timeseries/time-series.ts';
import { entry } from './buffer-content.ts';

export interface HubContent {
  /** What tag ids mean. */
  names: Map<number, string>;
  /** In the order in which they were stored, by `device/tag`. */
  tags: Map<string, StoredSample[]>;
  /** The same as the store's readers give them: by source time. */
  byTime: Map<string, StoredSample[]>;
  /** Samples in the time-series store, and what it says it has of the epoch. */
  samples: number;
  storeSeq: number;
  /** What the ledger says of the epoch; undefined when it says nothing. */
  ledger: { seq: number; samples: number } | undefined;
  gaps: { fromSeq: number; toSeq: number }[];
  quarantined: number;
  /** In the order of their records. */
  events: { epoch: string; seq: number; event: AnyEvent }[];
  alarms: (Row<'alarms'> & { events: string[] })[];
}

const EVER = Number.MAX_SAFE_INTEGER;

/** @param dir the hub's data directory, which no hub uses any more */
export async function readHub(dir: string, gateway: string, epoch: string): Promise<HubContent> {
  const relational = await openRelational({ dataDir: join(dir, 'relational') });
  try {
    const { db } = relational;
    const catalog = (await listTags(db)).filter((tag) => tag.gateway === gateway);
    const names = new Map(catalog.map((tag) => [tag.id, `${tag.device}/${tag.name}`]));
    const marks = await watermarks(db);
    const mark = marks.find((candidate) => candidate.gateway === gateway && candidate.epoch === epoch);
    const rows = await alarmHistory(db, { limit: 1_000 });
    const quarantine = await db.selectFrom('quarantine').select('id').execute();
    const events = await db
      .selectFrom('gateway_events')
      .select(['epoch', 'seq', 'body'])
      .where('gateway', '=', gateway)
      .orderBy('epoch')
      .orderBy('seq')
      .orderBy('place')
      .execute();
    // Those of alarms and events are of another epoch.
    const gaps = (await listGaps(db, gateway, 10_000))
      .filter((gap) => gap.epoch === epoch)
      .map(({ from_seq: fromSeq, to_seq: toSeq }) => ({ fromSeq, toSeq }));
    return {
      names,
      ...(await readSamples(dir, gateway, epoch, names)),
      ledger: mark && { seq: mark.seq, samples: mark.samples },
      gaps: gaps,
      quarantined: quarantine.length,
      events: events.map(({ epoch, seq, body }) => ({ epoch, seq, event: body as AnyEvent })),
      alarms: await Promise.all(
        rows.map(async (row) => ({
          ...row,
          events: (await alarmEvents(db, row.occurrence)).map(({ transition }) => transition),
        })),
      ),
    };
  } finally {
    await relational.close();
  }
}

/** The time-series store alone: the relational one costs a second to open. */
export async function readSamples(
  dir: string,
  gateway: string,
  epoch: string,
  names: Map<number, string>,
): Promise<Pick<HubContent, 'tags' | 'byTime' | 'samples' | 'storeSeq'>> {
  const file = join(dir, 'timeseries.duckdb');
  const store = new DuckDbStore({ file });
  await store.open();
  const byTime = new Map<string, StoredSample[]>();
  for (const [id, key] of names) byTime.set(key, await store.range(id, 0, EVER));
  const samples = await store.count();
  const storeSeq = await store.watermark(gateway, epoch);
  await store.close();
  return { tags: await inStoredOrder(file, names), byTime, samples, storeSeq };
}

/** Past the store, whose contract orders by time: nothing must have been stored out of turn. */
async function inStoredOrder(file: string, names: Map<number, string>): Promise<Map<string, StoredSample[]>> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY', threads: '1' });
  const connection = await instance.connect();
  const result = await connection.runAndReadAll(
    'SELECT tag, at_ms::DOUBLE, value, text, kind, quality FROM samples ORDER BY rowid',
  );
  const tags = new Map<string, StoredSample[]>();
  for (const [tag, at, number, text, kind, quality] of result.getRows()) {
    const key = names.get(tag as number) ?? `tag ${tag}, which no catalogue names`;
    const value = storedValue(kind as number, number as number, text as string | null);
    entry(tags, key).push({ at: at as number, value, quality: quality as number });
  }
  connection.closeSync();
  instance.closeSync();
  return tags;
}

function storedValue(kind: number, number: number, text: string | null): Value {
  if (kind === KIND.number) return number;
  if (kind === KIND.boolean) return number === 1;
  return kind === KIND.string ? text : null;
}

/** Who set which tag, or tried to: the audit of writes. */
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { TagWriteCommand } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import type { Kysely } from 'kysely';
import { cleanText, toJson } from './clean-text.ts';
import { isOneOf } from './device-filter.ts';
import type { Database, Row } from './schema.ts';

/** Characters. */
const MOST_ERROR = 2_000;

type WriteCursor = Pick<Row<'writes'>, 'asked_at' | 'gateway' | 'via' | 'id'>;

export interface WriteFilter {
  gateway?: string | undefined;
  device?: string | undefined;
  tag?: string | undefined;
  user?: string | undefined;
  /** Only writes to these. */
  devices?: { gateway: string; device: string }[] | undefined;
  /** Only what comes behind this one in the list. */
  before?: WriteCursor | undefined;
  limit: number;
}

/**
 * Notes a write that somebody at the hub asks for, before anybody is told of it.
 *
 * @param refusal why the hub itself refuses it; then its outcome is known at once
 */
export async function createWrite(
  db: Kysely<Database>,
  gateway: string,
  { id, device, tag, value, by, comment, at }: TagWriteCommand,
  refusal?: string,
): Promise<void> {
  const outcome =
    refusal === undefined ? { ok: null, error: '', decided_at: null } : { ok: false, error: refusal, decided_at: at };
  await db
    .insertInto('writes')
    .values({
      ...{ gateway, via: 'hub', id, asked_at: at, device: cleanText(device), tag: cleanText(tag) },
      ...{ by_whom: cleanText(by), comment: cleanText(comment), requested: toJson(value) },
      ...{ old_value: null, new_value: null, ...outcome },
    })
    .execute();
}

/** What the gateway says became of a write, by whichever way it came. The first word on it stands. */
export async function decideWrite(db: Kysely<Database>, gateway: string, event: WriteEvent): Promise<void> {
  const { id, via, device, tag, by, comment, requested, old, new: now, ok, error, at } = event;
  await db
    .insertInto('writes')
    .values({
      ...{ gateway, via, id: cleanText(id), asked_at: at, device: cleanText(device), tag: cleanText(tag) },
      ...{ by_whom: cleanText(by), comment: cleanText(comment), requested: toJson(requested) },
      ...{ old_value: jsonOf(old), new_value: jsonOf(now), ok, error: cleanText(error), decided_at: at },
    })
    .onConflict((conflict) =>
      conflict
        .columns(['gateway', 'via', 'id'])
        .doUpdateSet((e) => ({
          ok: e.ref('excluded.ok'),
          old_value: e.ref('excluded.old_value'),
          new_value: e.ref('excluded.new_value'),
          error: e.ref('excluded.error'),
          decided_at: e.ref('excluded.decided_at'),
        }))
        .where('writes.ok', 'is', null),
    )
    .execute();
}

/** What a gateway has replied to a write of the hub; its event comes later and says the same. */
export async function settleWrite(db: Kysely<Database>, gateway: string, outcome: WriteOutcome): Promise<void> {
  await db
    .updateTable('writes')
    .set({
      ok: outcome.ok,
      old_value: jsonOf(outcome.old),
      new_value: jsonOf(outcome.new),
      error: cleanText(outcome.error).slice(0, MOST_ERROR),
      decided_at: Math.round(outcome.at),
    })
    .where('gateway', '=', gateway)
    .where('via', '=', 'hub')
    .where('id', '=', cleanText(outcome.id))
    .where('ok', 'is', null)
    .execute();
}

/** Newest first. */
export async function listWrites(db: Kysely<Database>, filter: WriteFilter): Promise<Row<'writes'>[]> {
  let query = db.selectFrom('writes').selectAll();
  const { before, devices } = filter;
  if (devices) query = query.where(isOneOf(devices));
  for (const [column, value] of [
    ['gateway', filter.gateway],
    ['device', filter.device],
    ['tag', filter.tag],
    ['by_whom', filter.user],
  ] as const) {
    if (value !== undefined) query = query.where(column, '=', value);
  }
  if (before) {
    query = query.where((e) =>
      e(
        e.refTuple('asked_at', 'gateway', 'via', 'id'),
        '<',
        e.tuple(before.asked_at, before.gateway, before.via, before.id),
      ),
    );
  }
  return query
    .orderBy('asked_at', 'desc')
    .orderBy('gateway', 'desc')
    .orderBy('via', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit)
    .execute();
}

function jsonOf(value: WriteEvent['old']): string | null {
  return value === null ? null : toJson(value);
}

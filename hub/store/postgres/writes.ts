/**
 * Who set which tag, or tried to. What becomes of a write and its line in the audit log are one transaction, whoever
 * tells it first: the gateway's reply, or its event in the data.
 */
import type { WriteEvent } from '@lineside/shared/contracts/event.ts';
import type { TagWriteCommand } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import type { Kysely } from 'kysely';
import { type Actor, appendAudit } from './audit.ts';
import { cleanText, toJson } from './clean-text.ts';
import { isOneOf } from './device-filter.ts';
import type { Database, Row } from './schema.ts';
import { inTransaction } from './transaction.ts';

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
  actor: Actor,
  refusal?: string,
): Promise<void> {
  const outcome =
    refusal === undefined ? { ok: null, error: '', decided_at: null } : { ok: false, error: refusal, decided_at: at };
  await inTransaction(db, async (trx) => {
    const row = await trx
      .insertInto('writes')
      .values({
        ...{ gateway, via: 'hub', id, asked_at: at, device: cleanText(device), tag: cleanText(tag) },
        ...{ by_whom: cleanText(by), comment: cleanText(comment), requested: toJson(value) },
        ...{ actor_kind: actor.kind, address: cleanText(actor.address), request_id: cleanText(actor.requestId) },
        ...{ old_value: null, new_value: null, ...outcome },
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    if (refusal !== undefined) await noteWrite(trx, row, at);
  });
}

/** Nobody has told in time what became of a write. Its gateway may still, and then that is a line of its own. */
export async function noteUnknown(
  db: Kysely<Database>,
  { gateway, id }: { gateway: string; id: string },
  why: string,
  at: number,
): Promise<void> {
  const row = await db
    .selectFrom('writes')
    .selectAll()
    .where('gateway', '=', gateway)
    .where('via', '=', 'hub')
    .where('id', '=', id)
    .where('ok', 'is', null)
    .executeTakeFirst();
  if (row) await noteWrite(db, { ...row, error: why }, at);
}

/** What the gateway says became of a write, by whichever way it came. The first word on it stands. */
export async function decideWrite(
  db: Kysely<Database>,
  gateway: string,
  event: WriteEvent,
  hubNow: number,
): Promise<void> {
  const { id, via, device, tag, by, comment, requested, old, new: now, ok, error, at } = event;
  const decided = await db
    .insertInto('writes')
    .values({
      ...{ gateway, via, id: cleanText(id), asked_at: at, device: cleanText(device), tag: cleanText(tag) },
      ...{ by_whom: cleanText(by), comment: cleanText(comment), requested: toJson(requested) },
      // Of the hub's own it knows more, and keeps that.
      actor_kind: via === 'hub' ? 'user' : 'account',
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
    .returningAll()
    .executeTakeFirst();
  if (decided) await noteWrite(db, decided, hubNow);
}

/** What a gateway has replied to a write of the hub; its event comes later and says the same. */
export async function settleWrite(
  db: Kysely<Database>,
  gateway: string,
  outcome: WriteOutcome,
  hubNow: number,
): Promise<void> {
  await inTransaction(db, async (trx) => {
    const settled = await trx
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
      .returningAll()
      .executeTakeFirst();
    if (settled) await noteWrite(trx, settled, hubNow);
  });
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

/** By the clock of this hub; a gateway may tell of a write long after it, and then says when that was. */
async function noteWrite(db: Kysely<Database>, row: Row<'writes'>, at: number): Promise<void> {
  const { gateway, via, device, tag, ok, old_value, new_value, requested, comment, error } = row;
  const elsewhere = via === 'hub' ? {} : { via, decidedAt: row.decided_at };
  await appendAudit(db, {
    actor: { name: row.by_whom, kind: row.actor_kind, address: row.address, requestId: row.request_id },
    ...{ action: 'tag.write', target: `${gateway}/${device}/${tag}`, at },
    outcome: ok === null ? 'unknown' : ok ? 'done' : 'failed',
    ...(old_value !== null && { before: { value: old_value } }),
    after: {
      ...(new_value !== null && { value: new_value }),
      ...{ requested, ...(comment !== '' && { comment }), ...(error !== '' && { error }), ...elsewhere },
    },
  });
}

function jsonOf(value: WriteEvent['old']): string | null {
  return value === null ? null : toJson(value);
}

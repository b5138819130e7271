/** Alarms as the hub knows them from the gateways' events. */
import type { AlarmEvent, AlarmPriority, AlarmState } from '@lineside/shared/contracts/alarm.ts';
import type { Kysely, Transaction } from 'kysely';
import { appendAudit } from './audit.ts';
import { cleanText } from './clean-text.ts';
import { finishCommands } from './commands.ts';
import { isOneOf } from './device-filter.ts';
import type { Database, Row } from './schema.ts';

/** An event whose tag is the hub's id, or null when the hub does not know the tag. */
export type HubAlarmEvent = Omit<AlarmEvent, 'tag'> & { tag: number | null };

/** Where a page of the history ended: the last alarm on it. */
interface AlarmCursor {
  raisedAt: number;
  occurrence: string;
}

/** Which alarms; all without a word. */
export interface AlarmFilter {
  limit: number;
  before?: AlarmCursor | undefined;
  oldestFirst?: boolean | undefined;
  devices?: readonly { gateway: string; device: string }[] | undefined;
  state?: AlarmState | undefined;
  priority?: AlarmPriority | undefined;
  gateway?: string | undefined;
  device?: string | undefined;
  rule?: string | undefined;
  /** Those that are not normal, or those that are. */
  active?: boolean | undefined;
  /** Raised at or after this, and before that; milliseconds since 1970 UTC. */
  from?: number | undefined;
  to?: number | undefined;
}

/** An acknowledgement that follows the alarm's return so soon was made by no person. Milliseconds. */
const CARRIED_OVER_MS = 2_000;

/**
 * Takes one event. Events of an occurrence come in order, but may come again: one that is known changes nothing, so
 * a repeat of an old one does not bring an old state back. Ends the commands that the event answers; an acknowledgement
 * that answers none was made at the machine, and gets its line in the audit log here.
 *
 * @param hubNow milliseconds since 1970 UTC
 * @returns whether it was new
 */
export async function applyAlarmEvent(
  trx: Transaction<Database>,
  gateway: string,
  event: HubAlarmEvent,
  hubNow: number,
): Promise<boolean> {
  const { tag, priority, state, at, value, limit } = event;
  const [occurrence, rule, device] = [event.occurrence, event.rule, event.device].map(cleanText) as [
    string,
    string,
    string,
  ];
  const [message, unit] = [event.message, event.unit].map(cleanText) as [string, string];
  await trx
    .insertInto('alarms')
    .values({
      ...{ occurrence, gateway, rule, device, tag, priority, message, state, unit, value },
      ...{ limit_value: limit, raised_at: at, returned_at: null, acknowledged_at: null },
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('alarm_events')
    .values({
      occurrence,
      transition: event.transition,
      at,
      by_whom: cleanText(event.by),
      value,
      comment: cleanText(event.comment),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) return false;
  const acknowledged = event.transition === 'acknowledged';
  const before = acknowledged ? await findAlarm(trx, occurrence) : undefined;
  await trx
    .updateTable('alarms')
    .set({ state, ...changesOf(event) })
    .where('occurrence', '=', occurrence)
    .execute();
  const ended = state === 'acknowledged' || state === 'normal' ? await finishCommands(trx, occurrence, at) : [];
  // One that the hub was asked for stands there since it was asked.
  const asked = ended.some(({ by, comment }) => by === event.by && comment === event.comment);
  if (before && !asked && !(await isCarriedOver(trx, event))) await noteAcknowledged(trx, before, event, hubNow);
  return true;
}

/**
 * Whether this tells again what stood before. A device's alarm that comes back with another priority while it is
 * acknowledged is told as raised and acknowledged anew, at once and by the same person.
 */
async function isCarriedOver(trx: Transaction<Database>, { occurrence, at, by, comment }: HubAlarmEvent) {
  const [raised, earlier] = await trx
    .selectFrom('alarm_events')
    .selectAll()
    .where('occurrence', '=', cleanText(occurrence))
    .where('at', '<', at)
    .orderBy('at', 'desc')
    .limit(2)
    .execute();
  if (raised?.transition !== 'raised' || at - raised.at > CARRIED_OVER_MS) return false;
  const same = earlier?.by_whom === cleanText(by) && earlier.comment === cleanText(comment);
  return earlier?.transition === 'acknowledged' && same;
}

/** By the clock of this hub; who it was is only as sure as the gateway's word. */
async function noteAcknowledged(
  trx: Transaction<Database>,
  { gateway, device, rule, message, state }: Row<'alarms'>,
  { occurrence, state: became, by, comment, at }: HubAlarmEvent,
  hubNow: number,
): Promise<void> {
  await appendAudit(trx, {
    actor: { name: by, kind: 'gateway', address: `gateway ${gateway}`, requestId: '' },
    ...{ action: 'alarm.acknowledge', target: occurrence, outcome: 'done', at: hubNow },
    before: { state },
    after: { state: became, gateway, device, rule, message, comment, decidedAt: at },
  });
}

function changesOf(event: HubAlarmEvent) {
  switch (event.transition) {
    case 'raised': {
      // Also when the condition comes back within the occurrence: it waits to be acknowledged anew.
      const { priority, value, limit } = event;
      const open = { returned_at: null, acknowledged_at: null, acknowledged_by: '', comment: '' };
      return { ...open, priority, message: cleanText(event.message), value, limit_value: limit };
    }
    case 'returned':
      return { returned_at: event.at };
    case 'acknowledged':
      return { acknowledged_at: event.at, acknowledged_by: cleanText(event.by), comment: cleanText(event.comment) };
  }
}

/** All that are not normal, newest first. */
export async function openAlarms(db: Kysely<Database>, limit = 1_000): Promise<Row<'alarms'>[]> {
  return db
    .selectFrom('alarms')
    .selectAll()
    .where('state', '<>', 'normal')
    .orderBy('raised_at', 'desc')
    .orderBy('occurrence', 'desc')
    .limit(limit)
    .execute();
}

/** A page of all alarms, newest first unless asked otherwise, that begins after `before`. */
export async function alarmHistory(db: Kysely<Database>, options: AlarmFilter): Promise<Row<'alarms'>[]> {
  let query = db.selectFrom('alarms').selectAll();
  const { before, devices, active, from, to, oldestFirst = false } = options;
  if (devices) query = query.where(isOneOf(devices));
  for (const column of ['state', 'priority', 'gateway', 'device', 'rule'] as const) {
    const wanted = options[column];
    if (wanted !== undefined) query = query.where(column, '=', wanted);
  }
  if (active !== undefined) query = query.where('state', active ? '<>' : '=', 'normal');
  if (from !== undefined) query = query.where('raised_at', '>=', from);
  if (to !== undefined) query = query.where('raised_at', '<', to);
  if (before) {
    query = query.where((e) =>
      e(e.refTuple('raised_at', 'occurrence'), oldestFirst ? '>' : '<', e.tuple(before.raisedAt, before.occurrence)),
    );
  }
  const direction = oldestFirst ? 'asc' : 'desc';
  return query.orderBy('raised_at', direction).orderBy('occurrence', direction).limit(options.limit).execute();
}

export async function findAlarm(db: Kysely<Database>, occurrence: string): Promise<Row<'alarms'> | undefined> {
  return db.selectFrom('alarms').selectAll().where('occurrence', '=', occurrence).executeTakeFirst();
}

/** Of one question; a database takes 65,535 words in one. */
const MOST_NAMED = 5_000;

/** Those that there are, in no order. */
export async function findAlarms(db: Kysely<Database>, occurrences: readonly string[]): Promise<Row<'alarms'>[]> {
  const found: Row<'alarms'>[] = [];
  for (let i = 0; i < occurrences.length; i += MOST_NAMED) {
    const some = occurrences.slice(i, i + MOST_NAMED);
    found.push(...(await db.selectFrom('alarms').selectAll().where('occurrence', 'in', some).execute()));
  }
  return found;
}

/** What happened in one occurrence, oldest first. */
export async function alarmEvents(db: Kysely<Database>, occurrence: string): Promise<Row<'alarm_events'>[]> {
  return db.selectFrom('alarm_events').selectAll().where('occurrence', '=', occurrence).orderBy('at').execute();
}

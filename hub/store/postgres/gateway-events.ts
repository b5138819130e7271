/** What gateways say besides samples and alarms. */
import { type AnyEvent, type GatewayEvent, SENT_BY_HUB } from '@lineside/shared/contracts/event.ts';
import type { Kysely } from 'kysely';
import { appendAudit } from './audit.ts';
import { toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

/** An event with its place: the record that it came in, and which of that record's events it is. */
export interface PlacedEvent {
  seq: number;
  place: number;
  event: AnyEvent;
}

export interface EventFilter {
  kind?: string;
  gateway?: string;
  /** Only events that happened before this one, as the list goes. */
  before?: Pick<Row<'gateway_events'>, 'happened_at' | 'gateway' | 'epoch' | 'seq' | 'place'>;
  limit: number;
}

/** A repeat changes nothing. Returns those that were not there yet. */
export async function insertEvents(
  db: Kysely<Database>,
  gateway: string,
  epoch: string,
  events: readonly PlacedEvent[],
): Promise<AnyEvent[]> {
  if (events.length === 0) return [];
  const inserted = await db
    .insertInto('gateway_events')
    .values(
      events.map(({ seq, place, event }) => ({
        ...{ gateway, epoch, seq, place },
        kind: event.kind === 'other' ? String(event.body.kind).slice(0, 64) : event.kind,
        happened_at: event.at,
        body: toJson(event.kind === 'other' ? event.body : event),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning(['seq', 'place'])
    .execute();
  const fresh = new Set(inserted.map(({ seq, place }) => `${seq} ${place}`));
  return events.filter(({ seq, place }) => fresh.has(`${seq} ${place}`)).map(({ event }) => event);
}

/**
 * A line in the audit log for a configuration that was changed at the machine, or that its gateway has taken back. One
 * that the hub has sent stands there already, under whoever sent it.
 */
export async function noteConfig(
  db: Kysely<Database>,
  gateway: string,
  event: Extract<GatewayEvent, { kind: 'config' }>,
  hubNow: number,
): Promise<void> {
  const { by, result, added, changed, removed, problems, at } = event;
  if (by.startsWith(SENT_BY_HUB)) return;
  const lists = Object.entries({ added, changed, removed, problems }).filter(([, list]) => list.length > 0);
  await appendAudit(db, {
    ...{ actor: { name: gateway, kind: 'gateway', address: '', requestId: '' }, at: hubNow },
    ...{ action: 'gateway.configure', target: gateway },
    outcome: result === 'applied' || result === 'unchanged' ? 'done' : 'failed',
    after: { by, result, ...Object.fromEntries(lists), decidedAt: at },
  });
}

/** Newest first. */
export async function listEvents(db: Kysely<Database>, filter: EventFilter): Promise<Row<'gateway_events'>[]> {
  let query = db.selectFrom('gateway_events').selectAll();
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  if (filter.gateway !== undefined) query = query.where('gateway', '=', filter.gateway);
  const { before } = filter;
  if (before) {
    query = query.where((e) =>
      e(
        e.refTuple('happened_at', 'gateway', 'epoch', 'seq', 'place'),
        '<',
        e.tuple(before.happened_at, before.gateway, before.epoch, before.seq, before.place),
      ),
    );
  }
  return query
    .orderBy('happened_at', 'desc')
    .orderBy('gateway', 'desc')
    .orderBy('epoch', 'desc')
    .orderBy('seq', 'desc')
    .orderBy('place', 'desc')
    .limit(filter.limit)
    .execute();
}

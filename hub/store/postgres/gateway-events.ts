/** What gateways say besides samples and alarms. */
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { Kysely } from 'kysely';
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

/** A repeat changes nothing. */
export async function insertEvents(
  db: Kysely<Database>,
  gateway: string,
  epoch: string,
  events: readonly PlacedEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await db
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
    .execute();
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

/** A part of a list that is sorted by a time and, within that, by an id: what a page of it is read from. */
import { type ReferenceExpression, type SelectQueryBuilder, sql } from 'kysely';
import { type Asked, type Key, readCursor } from '../page.ts';
import type { Database } from './schema.ts';

export interface Stretch<Id extends Key = string> {
  limit: number;
  newestFirst: boolean;
  /** The last one of the part before. */
  after?: { at: number; id: Id } | undefined;
}

/** A page of a list by time: a minus before the sort is newest first. */
export interface ListAsked extends Asked {
  sort: string;
}

/**
 * What is to be read for a page, and what its cursor goes by. One more is read, to see whether there is another page.
 *
 * @param like an id as it may be
 * @throws LinesideError CURSOR_INVALID
 */
export function stretchOf<Id extends Key = string>(
  name: string,
  { limit, cursor, sort }: ListAsked,
  like: Key = '',
): { list: string; stretch: Stretch<Id> } {
  const list = `${name} ${sort}`;
  const place = readCursor(list, [0, like] as const, cursor);
  const after = place && { at: place[0], id: place[1] as Id };
  return { list, stretch: { limit: limit + 1, newestFirst: sort.startsWith('-'), after } };
}

/**
 * The rows of a stretch, in its order.
 *
 * @param at column of the time
 * @param id column of the id
 */
export function inStretch<T extends keyof Database, O>(
  query: SelectQueryBuilder<Database, T, O>,
  at: ReferenceExpression<Database, T> & string,
  id: ReferenceExpression<Database, T> & string,
  { limit, newestFirst, after }: Stretch<Key>,
): SelectQueryBuilder<Database, T, O> {
  const [time, name] = [sql.ref(at), sql.ref(id)];
  const [order, behind] = newestFirst ? (['desc', sql`<`] as const) : (['asc', sql`>`] as const);
  const rest = after ? query.where(sql<boolean>`(${time}, ${name}) ${behind} (${after.at}, ${after.id})`) : query;
  return rest.orderBy(time, order).orderBy(name, order).limit(limit);
}

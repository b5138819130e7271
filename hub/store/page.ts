/**
 * Pages of a list. A cursor names the last item of a page by the keys that the list is sorted by, so that items which
 * come or go meanwhile neither double nor hide others. To a client it is one opaque word.
 */
import type { Page } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** Numbers are whole. */
export type Key = string | number;

/** What a page is asked for with, whatever else the query says. */
export interface Asked {
  limit: number;
  cursor?: string | undefined;
}

/** @param list what is listed and how it is sorted: a cursor of another list is none */
export function writeCursor(list: string, keys: readonly Key[]): string {
  return Buffer.from(JSON.stringify([list, ...keys])).toString('base64url');
}

/**
 * @param like keys as they may be: each has the type of the one in its place
 * @param text undefined for the first page, before which there are no keys
 * @throws LinesideError CURSOR_INVALID
 */
export function readCursor<K extends readonly Key[]>(list: string, like: K, text: string | undefined): K | undefined {
  if (text === undefined) return undefined;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    parts = undefined;
  }
  if (Array.isArray(parts) && parts.length === like.length + 1) {
    const [of, ...keys] = parts as Key[];
    if (of === list && keys.every((key, i) => isLike(key, like[i]!))) return keys as unknown as K;
  }
  throw new LinesideError('CURSOR_INVALID', 'peer', 'cursor is none that a page of this list, sorted so, has given');
}

/**
 * The page of a list of which one item more than `limit` was read, to see whether there is another page.
 *
 * @param keysOf what the list is sorted by
 */
export function pageFrom<R, T>(
  rows: readonly R[],
  limit: number,
  list: string,
  keysOf: (row: R) => readonly Key[],
  view: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(view), next: last === undefined ? null : writeCursor(list, keysOf(last)) };
}

/** A list in memory. */
export interface SortedList<T> {
  /** What it is and is sorted by. */
  name: string;
  /** Sorted by its keys, which no two items share. */
  items: readonly T[];
  keysOf(item: T): readonly Key[];
  /** From the end to the begin. */
  turned?: boolean;
  /** Which items are meant; all without it. */
  only?(item: T): boolean;
}

/** A page of what is held in memory. */
export function pageOfSorted<T>(list: SortedList<T>, { limit, cursor }: Asked): Page<T> {
  const { items: sorted, keysOf, turned = false, only } = list;
  const found: T[] = [];
  const name = turned ? `-${list.name}` : list.name;
  if (sorted.length === 0) return { items: [], next: null };
  const after = readCursor(name, keysOf(sorted[0]!), cursor);
  const side = turned ? -1 : 1;
  let place = turned ? sorted.length - 1 : 0;
  if (after) place = placeBehind(sorted, keysOf, after, side);
  for (; place >= 0 && place < sorted.length && found.length <= limit; place += side) {
    const item = sorted[place]!;
    if (!only || only(item)) found.push(item);
  }
  return pageFrom(found, limit, name, keysOf, (item) => item);
}

/** The place of the first item that comes behind `after`, going up or down. */
function placeBehind<T>(
  sorted: readonly T[],
  keysOf: (item: T) => readonly Key[],
  after: readonly Key[],
  side: 1 | -1,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compareKeys(keysOf(sorted[middle]!), after);
    if (side === 1 ? order <= 0 : order < 0) low = middle + 1;
    else high = middle;
  }
  return side === 1 ? low : low - 1;
}

/** By code units, as a database with the collation C has it: the order is the same on every machine. */
export function compareKeys(a: readonly Key[], b: readonly Key[]): number {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i]!, b[i]!];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** What a database would choke on is none of ours: it never was in a cursor that a page has given. */
function isLike(key: Key, like: Key): boolean {
  if (typeof key === 'number') return typeof like === 'number' && Number.isSafeInteger(key);
  return typeof key === typeof like && !(typeof key === 'string' && key.includes('\0'));
}

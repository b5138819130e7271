/** How much may be asked of a store at once, whichever store it is. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** Samples of one tag. */
export const MAX_RANGE = 1_000_000;
const MAX_BUCKETS = 200_000;

/** A limit as it is asked for; without one, and at most, MAX_RANGE. */
export function rangeLimit(limit = MAX_RANGE): number {
  return Math.max(0, Math.min(MAX_RANGE, Math.floor(limit)));
}

/** @throws LinesideError STORE_BAD_QUERY */
export function checkBuckets(tags: number, from: number, to: number, stepMs: number): void {
  if (!Number.isSafeInteger(stepMs) || stepMs <= 0) {
    throw badQuery(`a bucket of ${stepMs} ms; it must be a whole number of milliseconds above 0`);
  }
  const buckets = Math.ceil((to - from) / stepMs) * Math.max(1, tags);
  if (buckets > MAX_BUCKETS) {
    throw badQuery(`${buckets} buckets; at most ${MAX_BUCKETS} are given: use a longer step`);
  }
}

/** A number that may stand in a query. @throws LinesideError STORE_BAD_QUERY */
export function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw badQuery(`${value}, which is not a whole number`);
  return value;
}

function badQuery(what: string): LinesideError {
  return new LinesideError('STORE_BAD_QUERY', 'peer', `The time-series store was asked for ${what}.`);
}

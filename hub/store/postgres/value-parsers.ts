/** What becomes of PostgreSQL's values where its clients differ; bytea is bytes and jsonb is parsed with both of them. */

/** PostgreSQL's type int8 (pg_type.oid). */
export const INT8 = 20;

/** int8 as a number, as everything here that is int8 (times, sequence numbers, counts) stays below 2^53. */
export function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${text} is beyond 2^53`);
  return value;
}

/**
 * Transactions, and the one place where a statement is tried again. PostgreSQL asks for that when two of them stood in
 * each other's way: it has undone one, and the same again may pass.
 */
import type { Kysely, Transaction } from 'kysely';
import type { Database } from './schema.ts';

/** serialization_failure and deadlock_detected (PostgreSQL, appendix A). */
const TRY_AGAIN: readonly unknown[] = ['40001', '40P01'];
const MOST_TRIES = 6;
/** The first wait is up to so long, each further one up to twice as long. Milliseconds. */
const WAIT_MS = 10;

/**
 * Does it, and does it again when PostgreSQL has undone it for the sake of another. What it does outside of the
 * database must bear to be done twice.
 */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (!TRY_AGAIN.includes(code) || tries >= MOST_TRIES) throw error;
      // Two that wait equally long meet again.
      const bound = WAIT_MS * 2 ** (tries - 1);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * bound));
    }
  }
}

/** All of it or nothing. Within a transaction it is a part of that one. */
export async function inTransaction<T>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>) => Promise<T>,
): Promise<T> {
  if (db.isTransaction) return work(db as Transaction<Database>);
  return retried(() => db.transaction().execute(work));
}

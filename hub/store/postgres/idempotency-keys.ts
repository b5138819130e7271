/** Keys by which clients mark their writes, and what was answered to each; they are kept for a day. */
import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';

const KEEP_MS = 24 * 3_600_000;
/** What is too old is looked for at most so often. */
const SWEEP_MS = 3_600_000;
/** Keys of one user or API key that are kept at a time. */
const MOST_KEYS = 10_000;
/** Of an answer that is kept. Characters. */
const MOST_BODY = 64 * 1024;
/** Hardly any request takes longer. */
const LONGEST_MS = 120_000;

export interface KeptAnswer {
  status: number;
  contentType: string;
  /** Null where it was not kept. */
  body: string | null;
}

export type Taken =
  /** The caller may go on, and tells what was answered. */
  | { state: 'mine' }
  | { state: 'answered'; answer: KeptAnswer }
  /** The key was used for another request. */
  | { state: 'other' }
  /** The same request is at work now. */
  | { state: 'busy' }
  /** The hub has ended while it was at work on it: nobody knows whether it was done. */
  | { state: 'lost' }
  | { state: 'full' };

interface Asked {
  who: string;
  key: string;
  sha256: string;
  at: number;
  longestMs: number;
}

export class IdempotencyKeys {
  readonly #db: Kysely<Database>;
  readonly #now: () => number;
  #sweptAt = 0;

  constructor(db: Kysely<Database>, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /**
   * Takes a key for a request, or tells what is known of it. Of two at once one gets it.
   *
   * @param longestMs that the request may be at work; an answer that is not there by then was never given
   */
  async take(who: string, key: string, sha256: string, longestMs = LONGEST_MS): Promise<Taken> {
    const at = this.#now();
    await this.#sweep(at);
    const known = () => this.#known({ who, key, sha256, at, longestMs });
    if (await this.#isFull(who)) return (await known()) ?? { state: 'full' };
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('idempotency_keys')
      .values({ who, key, request_sha256: sha256, taken_at: at, status: null, body: null })
      .onConflict((conflict) =>
        conflict
          .columns(['who', 'key'])
          .doUpdateSet({ request_sha256: sha256, taken_at: at, status: null, content_type: '', body: null })
          .where('idempotency_keys.taken_at', '<', at - KEEP_MS),
      )
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 1n) return { state: 'mine' };
    // Let go between the two questions: whoever asks again gets it.
    return (await known()) ?? { state: 'busy' };
  }

  async #isFull(who: string): Promise<boolean> {
    const { n } = await this.#db
      .selectFrom('idempotency_keys')
      .select((e) => e.fn.countAll<number>().as('n'))
      .where('who', '=', who)
      .executeTakeFirstOrThrow();
    return Number(n) >= MOST_KEYS;
  }

  /** What is known of a key; undefined when nothing is. */
  async #known({ who, key, sha256, at, longestMs }: Asked): Promise<Taken | undefined> {
    const row = await this.#db
      .selectFrom('idempotency_keys')
      .selectAll()
      .where('who', '=', who)
      .where('key', '=', key)
      .where('taken_at', '>=', at - KEEP_MS)
      .executeTakeFirst();
    if (!row) return undefined;
    if (row.request_sha256 !== sha256) return { state: 'other' };
    if (row.status !== null) {
      return { state: 'answered', answer: { status: row.status, contentType: row.content_type, body: row.body } };
    }
    return { state: at - row.taken_at > longestMs ? 'lost' : 'busy' };
  }

  /** What was answered to a request whose key was taken. */
  async keep(who: string, key: string, { status, contentType, body }: KeptAnswer): Promise<void> {
    const kept = body !== null && body.length <= MOST_BODY ? body : null;
    await this.#db
      .updateTable('idempotency_keys')
      .set({ status, content_type: contentType, body: kept })
      .where('who', '=', who)
      .where('key', '=', key)
      .execute();
  }

  /** Nothing was done: the key may be used again. */
  async release(who: string, key: string): Promise<void> {
    await this.#db.deleteFrom('idempotency_keys').where('who', '=', who).where('key', '=', key).execute();
  }

  async #sweep(at: number): Promise<void> {
    if (at - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = at;
    await this.#db
      .deleteFrom('idempotency_keys')
      .where('taken_at', '<', at - KEEP_MS)
      .execute();
  }
}

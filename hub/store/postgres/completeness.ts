/** What is missing of a gateway's data, and the daily statements about it. */
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';

const MOST = 1_000;

/** Gaps of gateways that lie in a range of time, at least in part; one without a time counts when it was noted. */
export async function gapsBetween(
  db: Kysely<Database>,
  gateways: readonly string[],
  from: number,
  to: number,
): Promise<Row<'gaps'>[]> {
  if (gateways.length === 0) return [];
  return db
    .selectFrom((e) =>
      e
        .selectFrom('gaps')
        .selectAll()
        .select(firstOf(sql`noted_at, epoch, from_seq`))
        .where('gateway', 'in', gateways)
        .where(
          sql<boolean>`coalesce(from_at, to_at, noted_at) < ${to} and coalesce(to_at, from_at, noted_at) >= ${from}`,
        )
        .as('found'),
    )
    .selectAll()
    .where('rank', '<=', MOST)
    .orderBy('gateway')
    .orderBy('rank')
    .execute();
}

/** Events of some kinds of gateways that happened, or are about a time, in a range, by gateway and time. */
export async function eventsBetween(
  db: Kysely<Database>,
  gateways: readonly string[],
  kinds: readonly string[],
  from: number,
  to: number,
): Promise<Row<'gateway_events'>[]> {
  if (gateways.length === 0) return [];
  // A drop happens later than what is dropped was measured; looking back and ahead a month finds those as well.
  const month = 31 * 86_400_000;
  return db
    .selectFrom((e) =>
      e
        .selectFrom('gateway_events')
        .selectAll()
        .select(firstOf(sql`happened_at, seq, place`, sql`, kind`))
        .where('gateway', 'in', gateways)
        .where('kind', 'in', kinds)
        .where('happened_at', '>=', from - month)
        .where('happened_at', '<', to + month)
        .where(
          sql<boolean>`coalesce((body ->> 'fromAt')::float8, happened_at) < ${to} and coalesce((body ->> 'toAt')::float8, happened_at) >= ${from}`,
        )
        .as('found'),
    )
    .selectAll()
    .where('rank', '<=', MOST)
    .orderBy('gateway')
    .orderBy('kind')
    .orderBy('rank')
    .execute();
}

/** The place of a row among those of its gateway, so that one that has very many takes nothing from the others. */
function firstOf(order: RawBuilder<unknown>, beside = sql``) {
  return sql<number>`row_number() over (partition by gateway${beside} order by ${order})`.as('rank');
}

/** A later one replaces an earlier one of the same day. */
export async function keepStatement(db: Kysely<Database>, statement: CompletenessStatement): Promise<void> {
  const { gateway, day, at } = statement;
  const body = toJson(statement);
  await db
    .insertInto('completeness_statements')
    .values({ gateway, day, made_at: at, body })
    .onConflict((conflict) => conflict.columns(['gateway', 'day']).doUpdateSet({ made_at: at, body }))
    .execute();
}

/** By gateway. */
export async function statementsOf(db: Kysely<Database>, day: string): Promise<CompletenessStatement[]> {
  const rows = await db
    .selectFrom('completeness_statements')
    .select('body')
    .where('day', '=', day)
    .orderBy('gateway')
    .execute();
  return rows.map(({ body }) => body);
}

/** The days from one on of which something was said, of each gateway. */
export async function statedDays(db: Kysely<Database>, fromDay: string): Promise<{ gateway: string; day: string }[]> {
  return db
    .selectFrom('completeness_statements')
    .select(['gateway', 'day'])
    .where('day', '>=', fromDay)
    .orderBy('day')
    .execute();
}

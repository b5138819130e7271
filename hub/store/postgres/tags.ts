/** The hub's tags, and which of a gateway's tag ids means which of them. */
import { isDeepStrictEqual } from 'node:util';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { Kysely, Transaction } from 'kysely';
import { cleanText, toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';
import { inTransaction } from './transaction.ts';

/** Rows in one statement: PostgreSQL takes 65,535 parameters, and a row has up to ten. */
const ROWS = 1_000;

/**
 * Takes what a gateway says its tags are within one epoch. Tags are found again by gateway, device, name and type,
 * so a new buffer goes on with the same series. What is the same is not written.
 *
 * @returns the hub's id for each of the gateway's ids given
 */
export async function upsertCatalogue(
  db: Kysely<Database>,
  gateway: string,
  epoch: string,
  catalogue: readonly TagInfo[],
): Promise<Map<number, number>> {
  return inTransaction(db, async (trx) => {
    const tags = catalogue.map(clean);
    const hubTags = await upsertTags(trx, gateway, tags);
    const known = await tagIds(trx, gateway, epoch);
    const ids = new Map(tags.map((tag) => [tag.id, hubTags.get(keyOf(tag)) as number]));
    const fresh = [...ids].filter(([gatewayTag, tag]) => known.get(gatewayTag) !== tag);
    for (const rows of slices(fresh)) {
      await trx
        .insertInto('tag_ids')
        .values(rows.map(([gatewayTag, tag]) => ({ gateway, epoch, gateway_tag: gatewayTag, tag })))
        .onConflict((conflict) =>
          conflict.columns(['gateway', 'epoch', 'gateway_tag']).doUpdateSet((e) => ({ tag: e.ref('excluded.tag') })),
        )
        .execute();
    }
    return ids;
  });
}

/** What an epoch's catalogues have said so far: the gateway's id → the hub's. */
export async function tagIds(db: Kysely<Database>, gateway: string, epoch: string): Promise<Map<number, number>> {
  const rows = await db
    .selectFrom('tag_ids')
    .select(['gateway_tag', 'tag'])
    .where('gateway', '=', gateway)
    .where('epoch', '=', epoch)
    .execute();
  return new Map(rows.map((row) => [row.gateway_tag, row.tag]));
}

export async function listTags(db: Kysely<Database>): Promise<Row<'tags'>[]> {
  return db.selectFrom('tags').selectAll().orderBy('id').execute();
}

export async function tagsOfGateway(db: Kysely<Database>, gateway: string): Promise<Row<'tags'>[]> {
  return db.selectFrom('tags').selectAll().where('gateway', '=', gateway).orderBy('id').execute();
}

export async function tagsOfDevice(db: Kysely<Database>, gateway: string, device: string): Promise<Row<'tags'>[]> {
  return db
    .selectFrom('tags')
    .selectAll()
    .where('gateway', '=', gateway)
    .where('device', '=', device)
    .orderBy('name')
    .orderBy('id')
    .execute();
}

async function upsertTags(
  trx: Transaction<Database>,
  gateway: string,
  catalogue: readonly TagInfo[],
): Promise<Map<string, number>> {
  const stored = new Map<string, Row<'tags'>>();
  const read = async () => {
    for (const tag of await tagsOfGateway(trx, gateway)) stored.set(keyOf(tag), tag);
  };
  await read();
  const fresh = new Map<string, TagInfo>();
  for (const tag of catalogue) {
    const row = stored.get(keyOf(tag));
    if (!row) fresh.set(keyOf(tag), tag);
    else if (!isDeepStrictEqual(meaningOf(row), columnsOf(tag))) {
      await trx.updateTable('tags').set(written(tag)).where('id', '=', row.id).execute();
    }
  }
  for (const rows of slices([...fresh.values()])) {
    await trx
      .insertInto('tags')
      .values(rows.map((tag) => ({ gateway, device: tag.device, name: tag.name, type: tag.type, ...written(tag) })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  if (fresh.size > 0) await read();
  return new Map([...stored].map(([key, row]) => [key, row.id]));
}

function clean(tag: TagInfo): TagInfo {
  const [device, name, unit, description] = [tag.device, tag.name, tag.unit, tag.description].map(cleanText) as [
    string,
    string,
    string,
    string,
  ];
  return { ...tag, device, name, unit, description, ...(tag.names ? { names: tag.names.map(cleanText) } : {}) };
}

type Meaning = Pick<Row<'tags'>, 'unit' | 'description' | 'writable' | 'min' | 'max' | 'names'>;

/** What a gateway may say otherwise of the same series. */
function meaningOf({ unit, description, writable, min, max, names }: Meaning): Meaning {
  return { unit, description, writable, min, max, names };
}

/** What a gateway says of a tag, as its row has it. */
function columnsOf({ unit, description, writable, min, max, names }: TagInfo): Meaning {
  return meaningOf({
    ...{ unit, description, writable: writable ?? false },
    ...{ min: min ?? null, max: max ?? null, names: names ?? null },
  });
}

function written(tag: TagInfo) {
  const { names, ...rest } = columnsOf(tag);
  return { ...rest, names: names && toJson(names) };
}

function keyOf(tag: { device: string; name: string; type: string }): string {
  return JSON.stringify([tag.device, tag.name, tag.type]);
}

function* slices<T>(rows: T[]): Iterable<T[]> {
  for (let i = 0; i < rows.length; i += ROWS) yield rows.slice(i, i + ROWS);
}

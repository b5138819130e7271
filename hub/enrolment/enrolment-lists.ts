/** Tokens and certificates, page by page. */
import type { TokenView } from '@lineside/shared/contracts/enrolment.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { Kysely } from 'kysely';
import { pageFrom, readCursor } from '../store/page.ts';
import * as store from '../store/postgres/enrolment.ts';
import type { Database, Row } from '../store/postgres/schema.ts';

/** A page of a list by time: a minus before the sort is newest first. */
export interface ListAsked {
  limit: number;
  cursor?: string | undefined;
  sort: string;
}

/** @throws LinesideError CURSOR_INVALID */
export async function tokenPage(
  db: Kysely<Database>,
  asked: ListAsked,
  gateways?: readonly string[],
): Promise<Page<TokenView>> {
  const { list, stretch } = stretchOf('enrolment tokens', asked);
  const rows = gateways?.length === 0 ? [] : await store.listTokens(db, stretch, gateways);
  return pageFrom(rows, asked.limit, list, ({ created_at, id }) => [created_at, id], viewOf);
}

/** @throws LinesideError CURSOR_INVALID */
export async function certificatePage(
  db: Kysely<Database>,
  gateway: string,
  asked: ListAsked,
): Promise<Page<Row<'gateway_certificates'>>> {
  const { list, stretch } = stretchOf(`certificates of ${gateway}`, asked);
  const rows = await store.listCertificates(db, gateway, stretch);
  const keysOf = ({ issued_at, serial }: Row<'gateway_certificates'>) => [issued_at, serial];
  return pageFrom(rows, asked.limit, list, keysOf, (row) => row);
}

/** What is asked for, and what its cursor goes by. One more is read, to see whether there is another page. */
function stretchOf(name: string, { limit, cursor, sort }: ListAsked): { list: string; stretch: store.Stretch } {
  const list = `${name} ${sort}`;
  const place = readCursor(list, [0, ''] as const, cursor);
  const after = place && { at: place[0], id: place[1] };
  return { list, stretch: { limit: limit + 1, newestFirst: sort.startsWith('-'), after } };
}

function viewOf({ id, gateway, ...row }: Row<'enrolment_tokens'>): TokenView {
  const { created_at: createdAt, created_by: createdBy, expires_at: expiresAt, used_at: usedAt } = row;
  return { id, gateway, createdAt, createdBy, expiresAt, usedAt };
}

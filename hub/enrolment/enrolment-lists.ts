/** Tokens and certificates, page by page. */
import type { TokenView } from '@lineside/shared/contracts/enrolment.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { Kysely } from 'kysely';
import { pageFrom } from '../store/page.ts';
import * as store from '../store/postgres/enrolment.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { type ListAsked, stretchOf } from '../store/postgres/stretch.ts';

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

function viewOf({ id, gateway, ...row }: Row<'enrolment_tokens'>): TokenView {
  const { created_at: createdAt, created_by: createdBy, expires_at: expiresAt, used_at: usedAt } = row;
  return { id, gateway, createdAt, createdBy, expiresAt, usedAt };
}

/** API keys of programs: made by an administrator, shown once, known by their digest from then on. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { ApiKeyView, ApiKeyWithSecret, NewApiKey } from '@lineside/shared/contracts/accounts.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Kysely } from 'kysely';
import { pageFrom } from '../store/page.ts';
import { findKey, insertKey, listKeys, revokeKey, touchKey } from '../store/postgres/api-keys.ts';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { type ListAsked, stretchOf } from '../store/postgres/stretch.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { digest } from './digest.ts';
import { type Identity, KEY_NAME } from './identity.ts';
import { checkSites } from './sites.ts';

/** How every key begins, so that one that got into a file or a chat can be found there. */
export const KEY_PREFIX = 'lsk_';
/** Characters of a key that are shown. */
const SHOWN = 12;
/** Its last use is noted at most so often. */
const TOUCH_MS = 60_000;

export interface KeyDeskOptions {
  db: Kysely<Database>;
  isPlace(path: string): boolean;
  /** A key opens nothing any more. */
  onChange(who: string): void;
  now(): number;
}

export class KeyDesk {
  readonly #options: KeyDeskOptions;

  constructor(options: KeyDeskOptions) {
    this.#options = options;
  }

  /** @throws LinesideError KEY_EXISTS, SITES_REFUSED, EXPIRY_PAST */
  async create(actor: Actor, { name, scopes, sites, expiresAt }: NewApiKey): Promise<ApiKeyWithSecret> {
    const { db, now, isPlace } = this.#options;
    checkSites(sites, null, isPlace);
    const at = now();
    if (expiresAt !== null && expiresAt <= at) {
      throw new LinesideError('EXPIRY_PAST', 'peer', 'expiresAt has passed; give a time that lies ahead, or null');
    }
    const secret = `${KEY_PREFIX}${randomBytes(32).toString('base64url')}`;
    const key = await inTransaction(db, async (trx) => {
      const row = await insertKey(trx, {
        ...{ id: randomUUID(), name, scopes, sites, expiresAt, at, by: actor.name },
        ...{ prefix: secret.slice(0, SHOWN), keyHash: digest(secret) },
      });
      if (!row) throw new LinesideError('KEY_EXISTS', 'peer', `there is a key ${name} already; revoke it first`);
      await appendAudit(trx, {
        ...{ actor, action: 'key.create', target: name, outcome: 'done', at },
        after: { id: row.id, prefix: row.prefix, scopes, sites, expiresAt },
      });
      return viewOf(row);
    });
    return { key, secret };
  }

  /** By when they were made. @throws LinesideError CURSOR_INVALID */
  async list(asked: ListAsked): Promise<Page<ApiKeyView>> {
    const { list, stretch } = stretchOf('keys', asked);
    const rows = await listKeys(this.#options.db, stretch);
    return pageFrom(rows, asked.limit, list, ({ created_at, id }) => [created_at, id], viewOf);
  }

  /** It opens nothing from now on, and stays in the list. @throws LinesideError KEY_NOT_FOUND */
  async revoke(actor: Actor, id: string): Promise<ApiKeyView> {
    const { db, now } = this.#options;
    const view = await inTransaction(db, async (trx) => {
      const row = await revokeKey(trx, id, actor.name, now());
      if (!row) throw new LinesideError('KEY_NOT_FOUND', 'peer', 'there is no such key, or it has been revoked');
      const before = { id, prefix: row.prefix, scopes: row.scopes, sites: row.sites };
      await appendAudit(trx, { actor, action: 'key.revoke', target: row.name, outcome: 'done', before, at: now() });
      return viewOf(row);
    });
    this.#options.onChange(`${KEY_NAME}${view.name}`);
    return view;
  }

  /** Who a key is; null when it is none, has expired or was revoked. */
  async identify(secret: string, address: string): Promise<Identity | null> {
    const { db, now } = this.#options;
    const at = now();
    const row = await findKey(db, digest(secret), at);
    if (!row) return null;
    if (at - (row.last_used_at ?? 0) > TOUCH_MS) await touchKey(db, row.id, at, address);
    return {
      ...{ kind: 'key', name: `${KEY_NAME}${row.name}`, role: null, sites: row.sites },
      ...{ signsInBy: 'key', endsAt: row.expires_at, mustChangePassword: false },
      // Who it is, a program may always ask.
      permissions: new Set<Permission>(['account.read', ...row.scopes]),
    };
  }
}

function viewOf(row: Row<'api_keys'>): ApiKeyView {
  const { id, name, prefix, scopes, sites } = row;
  return {
    ...{ id, name, prefix, scopes, sites, createdBy: row.created_by, createdAt: row.created_at },
    ...{ expiresAt: row.expires_at, revokedAt: row.revoked_at, revokedBy: row.revoked_by },
    ...{ lastUsedAt: row.last_used_at, lastUsedFrom: row.last_used_from },
  };
}

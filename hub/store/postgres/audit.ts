/** The audit log. It can only be added to: the database refuses everything else. */
import type { ActorKind, AuditOutcome } from '@lineside/shared/contracts/accounts.ts';
import type { Kysely, Transaction } from 'kysely';
import { cleanText, toJson } from './clean-text.ts';
import type { Database, Row } from './schema.ts';
import { inStretch, type Stretch } from './stretch.ts';

/** Whoever acts, and from where. */
export interface Actor {
  name: string;
  kind: ActorKind;
  /** Of the network; empty for the hub itself. */
  address: string;
  requestId: string;
}

/** What the hub does of itself. */
export const HUB: Actor = { name: 'hub', kind: 'hub', address: '', requestId: '' };

/** Whoever typed a command at the hub's machine. */
export function atTheHub(by: string): Actor {
  return { name: by, kind: 'command', address: '', requestId: '' };
}

export interface AuditNote {
  actor: Actor;
  /** Such as user.create. */
  action: string;
  target: string;
  outcome: AuditOutcome;
  /** What changed, as it was and as it became. Never a secret. */
  before?: unknown;
  after?: unknown;
  at: number;
}

export interface AuditFilter extends Stretch<number> {
  actor?: string | undefined;
  action?: string | undefined;
  target?: string | undefined;
  /** From this time on. */
  from?: number | undefined;
  /** Before this time. */
  to?: number | undefined;
}

/** Characters of a name or target, and of what is kept of before and after. */
const MAX_TEXT = 500;
const MAX_BODY = 16_000;

/** Within the transaction of the change, where it has one. */
export async function appendAudit(db: Kysely<Database> | Transaction<Database>, note: AuditNote): Promise<void> {
  const { actor, action, target, outcome, before, after, at } = note;
  await db
    .insertInto('audit_log')
    .values({
      ...{ at, actor: short(actor.name), actor_kind: actor.kind, action, target: short(target), outcome },
      ...{ before: bodyOf(before), after: bodyOf(after) },
      ...{ address: short(actor.address), request_id: short(actor.requestId) },
    })
    .execute();
}

/**
 * By time: with the time in the order and in every index, a range of a year ago is gone to and not walked to, whatever
 * else is asked for.
 */
export async function listAudit(db: Kysely<Database>, filter: AuditFilter): Promise<Row<'audit_log'>[]> {
  let query = db.selectFrom('audit_log').selectAll();
  for (const column of ['actor', 'action', 'target'] as const) {
    const wanted = filter[column];
    if (wanted !== undefined) query = query.where(column, '=', wanted);
  }
  if (filter.from !== undefined) query = query.where('at', '>=', filter.from);
  if (filter.to !== undefined) query = query.where('at', '<', filter.to);
  return inStretch(query, 'at', 'id', filter).execute();
}

/** Actions by which somebody's rights, or what they came in by, change or end. */
const RIGHTS = [
  ...['user.change', 'user.delete', 'user.reset-password', 'user.change-password', 'user.end-sessions'],
  ...['user.recover', 'user.sign-out', 'token.reuse', 'key.revoke'],
];

export async function newestAuditId(db: Kysely<Database>): Promise<number> {
  const row = await db.selectFrom('audit_log').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row?.id ?? 0;
}

/** Changes of rights behind the entry with this id, oldest first. */
export async function rightsChangesAfter(
  db: Kysely<Database>,
  after: number,
): Promise<Pick<Row<'audit_log'>, 'id' | 'action' | 'target'>[]> {
  return db
    .selectFrom('audit_log')
    .select(['id', 'action', 'target'])
    .where('id', '>', after)
    .where('action', 'in', RIGHTS)
    .where((e) => e.or([e('outcome', '=', 'done'), e('action', '=', 'token.reuse')]))
    .orderBy('id')
    .execute();
}

function short(text: string): string {
  return cleanText(text).slice(0, MAX_TEXT);
}

function bodyOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const json = toJson(value);
  return json.length <= MAX_BODY ? json : toJson({ tooLong: json.length, begin: json.slice(0, 1_000) });
}

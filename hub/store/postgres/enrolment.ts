/** Tokens by which gateways enrol, and the certificates that they have got. */
import type { Kysely } from 'kysely';
import type { Database, Row } from './schema.ts';
import { inStretch, type Stretch } from './stretch.ts';
import { inTransaction } from './transaction.ts';

/**
 * The authority of this plant: the one that is given, or that which another hub of the same database has made before.
 */
export async function settleAuthority(
  db: Kysely<Database>,
  own: { fingerprint: string; certificate: string; at: number },
): Promise<Row<'authorities'>> {
  return inTransaction(db, async (trx) => {
    const known = await trx.selectFrom('authorities').selectAll().orderBy('made_at').executeTakeFirst();
    if (known) return known;
    const row = { fingerprint: own.fingerprint, certificate: own.certificate, made_at: own.at };
    await trx.insertInto('authorities').values(row).execute();
    return row;
  });
}

/** Also removes those that have been over since `forgetBefore`. */
export async function insertToken(
  db: Kysely<Database>,
  token: Omit<Row<'enrolment_tokens'>, 'used_at' | 'public_key' | 'serial'>,
  forgetBefore: number,
): Promise<void> {
  await db.deleteFrom('enrolment_tokens').where('expires_at', '<', forgetBefore).execute();
  // The same one may come twice: a file that was taken in before a crash.
  await db
    .insertInto('enrolment_tokens')
    .values({ ...token, used_at: null, public_key: null, serial: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function findToken(db: Kysely<Database>, id: string): Promise<Row<'enrolment_tokens'> | undefined> {
  return db.selectFrom('enrolment_tokens').selectAll().where('id', '=', id).executeTakeFirst();
}

/**
 * By when they were made.
 *
 * @param gateways only of these; undefined: of all
 */
export async function listTokens(
  db: Kysely<Database>,
  stretch: Stretch,
  gateways?: readonly string[],
): Promise<Row<'enrolment_tokens'>[]> {
  let query = db.selectFrom('enrolment_tokens').selectAll();
  if (gateways) query = query.where('gateway', 'in', gateways);
  return inStretch(query, 'created_at', 'id', stretch).execute();
}

/** Ends one that is open. @returns what it was; undefined when there is none, or it is used or over */
export async function endToken(
  db: Kysely<Database>,
  id: string,
  now: number,
): Promise<Row<'enrolment_tokens'> | undefined> {
  return db
    .updateTable('enrolment_tokens')
    .set({ expires_at: now })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst();
}

/**
 * Uses a token up for a certificate, both or neither.
 *
 * @returns false when somebody else has used it meanwhile
 */
export async function useToken(
  db: Kysely<Database>,
  token: string,
  certificate: Omit<Row<'gateway_certificates'>, 'revoked_at' | 'revoked_by' | 'reason'>,
): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('enrolment_tokens')
      .set({ used_at: certificate.issued_at, public_key: certificate.public_key, serial: certificate.serial })
      .where('id', '=', token)
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows !== 1n) return false;
    await trx
      .insertInto('gateway_certificates')
      .values({ ...certificate, revoked_at: null })
      .execute();
    return true;
  });
}

export async function insertCertificate(
  db: Kysely<Database>,
  certificate: Omit<Row<'gateway_certificates'>, 'revoked_at' | 'revoked_by' | 'reason'>,
): Promise<void> {
  await db
    .insertInto('gateway_certificates')
    .values({ ...certificate, revoked_at: null })
    .execute();
}

export async function findCertificate(
  db: Kysely<Database>,
  serial: string,
): Promise<Row<'gateway_certificates'> | undefined> {
  return db.selectFrom('gateway_certificates').selectAll().where('serial', '=', serial).executeTakeFirst();
}

/** By when they were issued. */
export async function listCertificates(
  db: Kysely<Database>,
  gateway: string,
  stretch: Stretch,
): Promise<Row<'gateway_certificates'>[]> {
  const query = db.selectFrom('gateway_certificates').selectAll().where('gateway', '=', gateway);
  return inStretch(query, 'issued_at', 'serial', stretch).execute();
}

/** The newest hundred, newest first. */
export async function certificatesOf(db: Kysely<Database>, gateway: string): Promise<Row<'gateway_certificates'>[]> {
  return db
    .selectFrom('gateway_certificates')
    .selectAll()
    .where('gateway', '=', gateway)
    .orderBy('issued_at', 'desc')
    .limit(100)
    .execute();
}

/** Gateways that have a certificate which is valid at `now`. */
export async function enrolledGateways(db: Kysely<Database>, now: number): Promise<string[]> {
  const rows = await db
    .selectFrom('gateway_certificates')
    .select('gateway')
    .distinct()
    .where('revoked_at', 'is', null)
    .where('not_after', '>', now)
    .orderBy('gateway')
    .execute();
  return rows.map(({ gateway }) => gateway);
}

/** Of each gateway the newest certificate that is not revoked, also when it has ended. */
export async function newestCertificates(
  db: Kysely<Database>,
): Promise<Pick<Row<'gateway_certificates'>, 'gateway' | 'serial' | 'not_before' | 'not_after'>[]> {
  return db
    .selectFrom('gateway_certificates')
    .select(['gateway', 'serial', 'not_before', 'not_after'])
    .distinctOn('gateway')
    .where('revoked_at', 'is', null)
    .orderBy('gateway')
    .orderBy('issued_at', 'desc')
    .execute();
}

/**
 * Those that have ended are over by themselves; but the newest of a gateway is the one by which it is known, and somebody
 * may say that this is over as well.
 *
 * @param which.but the one that stays
 * @returns what is revoked from now on, and was not before
 */
export async function revokeCertificates(
  db: Kysely<Database>,
  which: { gateway: string; serial?: string | undefined; but?: string },
  how: { at: number; by: string; reason: string },
): Promise<{ gateway: string; serial: string }[]> {
  let query = db
    .updateTable('gateway_certificates')
    .set({ revoked_at: how.at, revoked_by: how.by, reason: how.reason })
    .where('gateway', '=', which.gateway)
    .where('revoked_at', 'is', null)
    .where(({ or, eb, selectFrom }) =>
      or([
        eb('not_after', '>', how.at),
        eb(
          'serial',
          '=',
          selectFrom('gateway_certificates')
            .select('serial')
            .where('gateway', '=', which.gateway)
            .where('revoked_at', 'is', null)
            .orderBy('issued_at', 'desc')
            .limit(1),
        ),
      ]),
    );
  if (which.serial !== undefined) query = query.where('serial', '=', which.serial);
  if (which.but !== undefined) query = query.where('serial', '<>', which.but);
  return query.returning(['gateway', 'serial']).execute();
}

/** Revoked at or after `since`, and not over by themselves at `now`. */
export async function revokedSince(
  db: Kysely<Database>,
  since: number,
  now: number,
): Promise<{ gateway: string; serial: string; revoked_at: number }[]> {
  return (await db
    .selectFrom('gateway_certificates')
    .select(['gateway', 'serial', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .where('revoked_at', '>=', since)
    .where('not_after', '>', now)
    .orderBy('serial')
    .execute()) as { gateway: string; serial: string; revoked_at: number }[];
}

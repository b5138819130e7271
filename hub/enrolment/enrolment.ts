/**
 * Gateways and their certificates: a token lets one in for the first time, its certificate renews itself, and anybody
 * who may can take it away. A certificate counts while it stands in the database and is not revoked: what the authority
 * has signed and nobody knows of here opens nothing.
 */
import { createVerify, X509Certificate } from 'node:crypto';
import {
  type BrokerPlace,
  type EnrolAnswer,
  type EnrolRequest,
  type MadeToken,
  type RenewAnswer,
  RenewRequest,
  type TokenView,
} from '@lineside/shared/contracts/enrolment.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { formatToken, isProven, keysOf, newToken, signAnswer } from '@lineside/shared/enrolment/token.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely, Transaction } from 'kysely';
import { Value } from 'typebox/value';
import { type Actor, appendAudit, HUB } from '../store/postgres/audit.ts';
import * as store from '../store/postgres/enrolment.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import type { ListAsked } from '../store/postgres/stretch.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import type { Authority } from './authority.ts';
import { certificatePage, tokenPage } from './enrolment-lists.ts';
import { readRequest, serialOf } from './x509.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A certificate of a gateway whose clock is further off would be over, or not begun, for it. Milliseconds. */
const MAX_CLOCK_ERROR_MS = DAY_MS / 2;
/** Tokens that are over are kept for so long, so that whoever comes too late is told so. */
const REMEMBER_TOKENS_MS = 30 * DAY_MS;
/** A key that is not used yet is renewed no more often than that. */
const RENEW_AGAIN_MS = 10 * MINUTE_MS;

/** Whom a client's certificate is for, or why it opens nothing. */
export type Identified = { gateway: string; serial: string; notAfter: number } | { refusal: string };

export interface EnrolmentOptions {
  db: Kysely<Database>;
  /** Made at first use. */
  authority(): Promise<Authority>;
  /** What else goes by this name, in words; empty when nothing does. */
  takenBy(gateway: string): string;
  /** @throws LinesideError ENROLMENT_NEEDS_TLS when no gateway could come in by a certificate */
  broker(): BrokerPlace;
  tokenMinutes: number;
  certificateDays: number;
  /** A gateway has got its first certificate, or another first one. */
  onEnrolled(gateway: string): void;
  /** These open nothing any more. */
  onRevoked(certificates: { gateway: string; serial: string }[]): void;
  log: Logger;
  now(): number;
}

export class Enrolment {
  readonly #options: EnrolmentOptions;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  /**
   * A token that lets this gateway enrol once. It is shown now and never again.
   *
   * @throws LinesideError GATEWAY_NAME_TAKEN, ENROLMENT_NEEDS_TLS
   */
  async createToken(gateway: string, actor: Actor, minutes = this.#options.tokenMinutes): Promise<MadeToken> {
    const { db, authority, takenBy, broker, log, now } = this.#options;
    const taken = takenBy(gateway);
    if (taken !== '')
      throw new LinesideError('GATEWAY_NAME_TAKEN', 'peer', `"${gateway}" is ${taken}; give the gateway another id`);
    broker();
    const { fingerprint } = await authority();
    const made = newToken(gateway, fingerprint);
    const { storedKey, hubKey } = keysOf(made.secret);
    const expiresAt = now() + minutes * MINUTE_MS;
    const at = now();
    const row = { id: made.id, gateway, stored_key: storedKey, hub_key: hubKey, created_at: at };
    await inTransaction(db, async (trx) => {
      const whole = { ...row, created_by: actor.name, expires_at: expiresAt };
      await store.insertToken(trx, whole, at - REMEMBER_TOKENS_MS);
      await appendAudit(trx, {
        ...{ actor, action: 'enrolment-token.create', target: gateway, outcome: 'done', at },
        after: { id: made.id, expiresAt },
      });
    });
    log.info({ gateway, by: actor.name, token: made.id, minutes }, 'made a token to enrol a gateway');
    return { id: made.id, token: formatToken(made), gateway, expiresAt, fingerprint };
  }

  /**
   * Those that are remembered.
   *
   * @param gateways only of these; undefined: of all
   * @throws LinesideError CURSOR_INVALID
   */
  tokens(asked: ListAsked, gateways?: readonly string[]): Promise<Page<TokenView>> {
    return tokenPage(this.#options.db, asked, gateways);
  }

  /** Of which gateway a token is; undefined when there is none by this id. */
  async gatewayOf(token: string): Promise<string | undefined> {
    return (await store.findToken(this.#options.db, token))?.gateway;
  }

  /**
   * Nobody enrols by it any more; for whoever still tries, it has expired.
   *
   * @returns false when it was used or over already
   */
  async withdrawToken(id: string, actor: Actor): Promise<boolean> {
    const { db, log, now } = this.#options;
    const at = now();
    const ended = await inTransaction(db, async (trx) => {
      const token = await store.endToken(trx, id, at);
      if (token) {
        await appendAudit(trx, {
          ...{ actor, action: 'enrolment-token.withdraw', target: token.gateway, outcome: 'done', at },
          before: { id },
        });
      }
      return token;
    });
    if (ended) log.info({ gateway: ended.gateway, by: actor.name, token: id }, 'withdrew a token to enrol a gateway');
    return ended !== undefined;
  }

  /**
   * Gives a gateway its certificate for a token. The same key gets the same answer again, in case one was lost.
   *
   * @throws LinesideError ENROLMENT_REFUSED (all who do not prove a token hear this and nothing else), TOKEN_USED,
   *   TOKEN_EXPIRED, TOKEN_OTHER_GATEWAY, GATEWAY_CLOCK, CSR_INVALID, ENROLMENT_NEEDS_TLS
   */
  async enrol(request: EnrolRequest, origin: Pick<Actor, 'address' | 'requestId'>): Promise<EnrolAnswer> {
    const { db, authority, broker, certificateDays, onEnrolled, log, now } = this.#options;
    const { gateway } = request;
    const from = origin.address;
    const token = await store.findToken(db, request.token);
    const keys = { storedKey: token?.stored_key ?? '00'.repeat(32), hubKey: token?.hub_key ?? '' };
    // An unknown token takes as long as a wrong proof.
    if (!isProven(keys, request) || !token) {
      log.warn({ gateway, from, token: request.token }, 'enrolment refused: unknown token or wrong proof');
      const words = 'this token is not known here: copy it again as a whole, and check the address of the hub';
      throw new LinesideError('ENROLMENT_REFUSED', 'peer', words);
    }
    const actor: Actor = { ...origin, name: gateway, kind: 'gateway' };
    await this.#noted(actor, token, async () => this.#checkToken(token, request));
    const { publicKey, keyHash, commonName } = await readRequest(request.csr);
    if (commonName !== '' && commonName !== gateway) {
      const words = `the certificate request is for "${commonName}", and the token for "${token.gateway}"`;
      throw new LinesideError('CSR_INVALID', 'peer', words);
    }
    const place = broker();
    const ca = await authority();
    if (token.used_at !== null)
      return this.#noted(actor, token, () => this.#again(token, keyHash, request, ca, place));
    const certificate = await ca.client(gateway, publicKey, now(), certificateDays);
    const before = await store.certificatesOf(db, gateway);
    const row = this.#rowOf(certificate, { gateway, keyHash, by: token.created_by, renews: null });
    const replaced = await inTransaction(db, async (trx) => {
      if (!(await store.useToken(trx, token.id, row))) return null;
      await appendAudit(trx, {
        ...{ actor, action: 'gateway.enrol', target: gateway, outcome: 'done', at: row.issued_at },
        before: { certificates: before.filter((old) => isValid(old, row.issued_at)).map(({ serial }) => serial) },
        after: { certificates: [row.serial], token: token.id, tokenMadeBy: token.created_by },
      });
      // A machine that took the place of another: what the other has kept must not open anything from this moment on.
      const how = { at: row.issued_at, actor: HUB, reason: `${gateway} enrolled anew` };
      return this.#revokeIn(trx, { gateway, but: row.serial }, how);
    });
    if (!replaced) {
      const used = (await store.findToken(db, token.id))!;
      return this.#noted(actor, used, () => this.#again(used, keyHash, request, ca, place));
    }
    log.warn({ gateway, from, serial: row.serial, token: token.id }, 'a gateway has enrolled');
    this.#areRevoked(replaced, gateway, HUB, `${gateway} enrolled anew`);
    onEnrolled(gateway);
    return this.#answer(token, request, certificate, ca, place);
  }

  /** Never rejects: the gateway is told why not. */
  async renew(gateway: string, message: unknown): Promise<RenewAnswer | null> {
    const { log } = this.#options;
    if (!Value.Check(RenewRequest, message)) return null;
    const { id, serial } = message;
    try {
      const certificate = await this.#renewed(gateway, message);
      return { id, certificate };
    } catch (error) {
      log.warn({ gateway, serial, error: messageOf(error) }, 'certificate not renewed');
      const own = error instanceof LinesideError && error.code !== 'AUTHORITY_UNREADABLE';
      return { id, error: own ? messageOf(error).slice(0, 500) : 'the hub failed; see its log' };
    }
  }

  /**
   * Whose certificate this is.
   *
   * @param certificate whose private key the client has shown that it has
   */
  async identify(certificate: X509Certificate): Promise<Identified> {
    const { db, authority, now } = this.#options;
    const serial = serialOf(certificate);
    const row = await store.findCertificate(db, serial);
    if (!row || !new X509Certificate(row.certificate).raw.equals(certificate.raw)) {
      const ours = (await authority()).hasSigned(certificate);
      return {
        refusal: ours ? 'its certificate is not in this hub’s list' : 'its certificate is of another authority',
      };
    }
    if (row.revoked_at !== null)
      return { refusal: `its certificate was revoked by ${row.revoked_by}: ${row.reason || 'no reason given'}` };
    if (row.not_after <= now()) return { refusal: 'its certificate has expired; enrol it again' };
    return { gateway: row.gateway, serial, notAfter: row.not_after };
  }

  /** Whether a gateway of this id comes in by a certificate. */
  async knows(gateway: string): Promise<boolean> {
    const { db, now } = this.#options;
    return (await store.certificatesOf(db, gateway)).some((row) => isValid(row, now()));
  }

  /** The newest hundred of a gateway, newest first. */
  certificates(gateway: string): Promise<Row<'gateway_certificates'>[]> {
    return store.certificatesOf(this.#options.db, gateway);
  }

  /** All that a gateway has got. @throws LinesideError CURSOR_INVALID */
  certificatePage(gateway: string, asked: ListAsked): Promise<Page<Row<'gateway_certificates'>>> {
    return certificatePage(this.#options.db, gateway, asked);
  }

  /**
   * Takes certificates away: all of a gateway, or one.
   *
   * @returns what was revoked; empty when there was nothing, or nothing any more
   */
  async revoke(
    gateway: string,
    serial: string | undefined,
    actor: Actor,
    reason: string,
  ): Promise<{ gateway: string; serial: string }[]> {
    const { db, now } = this.#options;
    const at = now();
    const revoked = await inTransaction(db, (trx) => this.#revokeIn(trx, { gateway, serial }, { at, actor, reason }));
    this.#areRevoked(revoked, gateway, actor, reason);
    return revoked;
  }

  async #revokeIn(
    trx: Transaction<Database>,
    which: Parameters<typeof store.revokeCertificates>[1],
    { at, actor, reason }: { at: number; actor: Actor; reason: string },
  ): Promise<{ gateway: string; serial: string }[]> {
    const rows = await store.revokeCertificates(trx, which, { at, by: actor.name, reason });
    if (rows.length === 0) return rows;
    const serials = rows.map((row) => row.serial);
    await appendAudit(trx, {
      ...{ actor, action: 'certificate.revoke', target: which.gateway, outcome: 'done', at },
      ...{ before: { serials, valid: true }, after: { serials, valid: false, reason } },
    });
    return rows;
  }

  #areRevoked(rows: { gateway: string; serial: string }[], gateway: string, actor: Actor, reason: string): void {
    if (rows.length === 0) return;
    const { onRevoked, log } = this.#options;
    log.warn({ gateway, serials: rows.map((row) => row.serial), by: actor.name, reason }, 'certificates revoked');
    onRevoked(rows);
  }

  /** What is revoked, as a list that brokers read (PEM). */
  async revocationList(): Promise<string> {
    const { db, authority, now } = this.#options;
    const revoked = await store.revokedSince(db, 0, now());
    const entries = revoked.map(({ serial, revoked_at }) => ({ serial, at: revoked_at }));
    return (await authority()).revocationList(entries, now());
  }

  /** Whoever has a token of ours and is refused all the same may have copied it: that is noted. */
  async #noted<T>(actor: Actor, token: Row<'enrolment_tokens'>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LinesideError) {
        await appendAudit(this.#options.db, {
          ...{ actor, action: 'gateway.enrol', target: token.gateway, outcome: 'refused', at: this.#options.now() },
          after: { token: token.id, error: messageOf(error) },
        });
      }
      throw error;
    }
  }

  #checkToken(token: Row<'enrolment_tokens'>, { gateway, at }: EnrolRequest): void {
    const now = this.#options.now();
    if (token.gateway !== gateway) {
      const words = `the token is for the gateway "${token.gateway}", and this one is "${gateway}"`;
      throw new LinesideError('TOKEN_OTHER_GATEWAY', 'peer', words);
    }
    if (token.used_at === null && token.expires_at <= now) {
      const words = `the token has expired ${span(now - token.expires_at)} ago; make a new one`;
      throw new LinesideError('TOKEN_EXPIRED', 'peer', words);
    }
    const error = at - now;
    if (Math.abs(error) <= MAX_CLOCK_ERROR_MS) return;
    const words = `the gateway's clock is ${span(Math.abs(error))} ${error > 0 ? 'ahead of' : 'behind'} the hub's: it shows ${utc(at)}, the hub's ${utc(now)}. Set the one that is wrong, and enrol again; the token is still good`;
    throw new LinesideError('GATEWAY_CLOCK', 'peer', words);
  }

  async #again(
    token: Row<'enrolment_tokens'>,
    keyHash: string,
    request: EnrolRequest,
    ca: Authority,
    place: BrokerPlace,
  ): Promise<EnrolAnswer> {
    const { db, log } = this.#options;
    const row = token.serial === null ? undefined : await store.findCertificate(db, token.serial);
    if (token.public_key !== keyHash || !row || row.revoked_at !== null) {
      log.warn({ gateway: token.gateway, token: token.id }, 'a used token was tried again, with another key');
      const words = `the token was used ${utc(token.used_at ?? 0)}; make a new one. If nobody of yours has used it, revoke the certificate of "${token.gateway}" first`;
      throw new LinesideError('TOKEN_USED', 'peer', words);
    }
    return this.#answer(token, request, row.certificate, ca, place);
  }

  #answer(
    token: Row<'enrolment_tokens'>,
    request: EnrolRequest,
    certificate: string,
    ca: Authority,
    broker: BrokerPlace,
  ): EnrolAnswer {
    const answer = { certificate, authority: ca.certificate, at: this.#options.now(), broker };
    return { ...answer, signature: signAnswer({ hubKey: token.hub_key }, request, answer) };
  }

  async #renewed(gateway: string, { serial, csr, signature }: RenewRequest): Promise<string> {
    const { db, authority, certificateDays, log, now } = this.#options;
    const refuse = (words: string) => new LinesideError('RENEWAL_REFUSED', 'peer', words);
    const old = await store.findCertificate(db, serial);
    if (!old || old.gateway !== gateway) throw refuse('the certificate is not known here: enrol the gateway again');
    if (old.revoked_at !== null) throw refuse('the certificate is revoked: enrol the gateway again');
    if (old.not_after <= now()) throw refuse('the certificate has expired: enrol the gateway again');
    const key = new X509Certificate(old.certificate).publicKey;
    // Beside the broker's word: an external one may be set up wrongly.
    if (!createVerify('SHA256').update(csr).verify(key, Buffer.from(signature, 'base64url'))) {
      throw refuse('the request is not signed by the key of the certificate');
    }
    const { publicKey, keyHash, commonName } = await readRequest(csr);
    if (commonName !== '' && commonName !== gateway) throw refuse(`the request is for "${commonName}"`);
    if (keyHash === old.public_key) throw refuse('a new certificate wants a new key');
    const issued = await store.certificatesOf(db, gateway);
    const same = issued.find((row) => row.public_key === keyHash && row.revoked_at === null);
    if (same) return same.certificate;
    if (issued.some((row) => row.renews === serial && now() - row.issued_at < RENEW_AGAIN_MS)) {
      throw refuse('another one was given out a moment ago; wait');
    }
    const certificate = await (await authority()).client(gateway, publicKey, now(), certificateDays);
    const row = this.#rowOf(certificate, { gateway, keyHash, by: 'renewal', renews: serial });
    await inTransaction(db, async (trx) => {
      await store.insertCertificate(trx, row);
      // It asks over its link, which the broker has let in.
      const actor: Actor = { name: gateway, kind: 'gateway', address: '', requestId: '' };
      await appendAudit(trx, {
        ...{ actor, action: 'certificate.renew', target: gateway, outcome: 'done', at: row.issued_at },
        before: { serial, notAfterAt: old.not_after },
        after: { serial: row.serial, notAfterAt: row.not_after },
      });
    });
    log.info({ gateway, serial: row.serial, renews: serial }, 'certificate renewed');
    return certificate;
  }

  #rowOf(
    pem: string,
    { gateway, keyHash, by, renews }: { gateway: string; keyHash: string; by: string; renews: string | null },
  ) {
    const certificate = new X509Certificate(pem);
    return {
      ...{ serial: serialOf(certificate), gateway, certificate: pem, public_key: keyHash },
      not_before: certificate.validFromDate.getTime(),
      not_after: certificate.validToDate.getTime(),
      ...{ issued_at: this.#options.now(), issued_by: by, renews },
    };
  }
}

function isValid({ revoked_at, not_after }: Row<'gateway_certificates'>, now: number): boolean {
  return revoked_at === null && not_after > now;
}

/** As 3 days, 5 h, 12 min. */
function span(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.round(ms / DAY_MS)} days`;
  return ms >= 2 * 60 * MINUTE_MS
    ? `${Math.round(ms / 3_600_000)} h`
    : `${Math.max(1, Math.round(ms / MINUTE_MS))} min`;
}

function utc(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/**
 * Tokens for clients that are no browsers: an access token (JWT) for a quarter of an hour, and a refresh token that is
 * good once. A refresh token that comes a second time has been copied: the whole sign-in ends.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenPair } from '@lineside/shared/contracts/accounts.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { Kysely } from 'kysely';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import {
  insertFamily,
  insertRefreshToken,
  revokeFamily,
  revokeOldest,
  useRefreshToken,
  userOfFamily,
} from '../store/postgres/client-tokens.ts';
import type { Database } from '../store/postgres/schema.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import { digest } from './digest.ts';
import { type Identity, identityOfUser } from './identity.ts';
import { ALGORITHM, type SigningKeys } from './signing-key.ts';

const ACCESS_MS = 15 * 60_000;
/** A client that is away for longer signs in again. */
const REFRESH_MS = 7 * 24 * 3_600_000;
/** So does every client, however busy, after this time. */
const FAMILY_MS = 90 * 24 * 3_600_000;
/** Sign-ins of one user at a time; the oldest go. */
const MAX_FAMILIES = 50;
const ISSUER = 'lineside';
const AUDIENCE = 'lineside-api';
const TYPE = 'at+jwt';

export interface TokenDeskOptions {
  db: Kysely<Database>;
  keys: SigningKeys;
  /** A sign-in of a user has ended. */
  onChange(who: string): void;
  now(): number;
}

export class TokenDesk {
  readonly #options: TokenDeskOptions;

  constructor(options: TokenDeskOptions) {
    this.#options = options;
  }

  /** @param client what the client says of itself, such as its User-Agent */
  async issue(user: string, address: string, client: string): Promise<TokenPair> {
    const { db, now } = this.#options;
    const at = now();
    const family = randomUUID();
    const refresh = await inTransaction(db, async (trx) => {
      await insertFamily(trx, { id: family, user, at, expiresAt: at + FAMILY_MS, address, client });
      await revokeOldest(trx, user, MAX_FAMILIES, at);
      return this.#newRefreshToken(trx, family, at, at + FAMILY_MS);
    });
    return this.#pair(user, family, refresh, at);
  }

  /** Exchanges a refresh token for the next pair. @throws LinesideError TOKEN_REFUSED */
  async refresh(token: string, actor: Omit<Actor, 'name' | 'kind'>): Promise<TokenPair> {
    const { db, now } = this.#options;
    const at = now();
    const used = await inTransaction(db, async (trx) => {
      const found = await useRefreshToken(trx, digest(token), at);
      if (!found) return null;
      if (found.again) {
        await revokeFamily(trx, found.family, at, 'refresh token used twice');
        await appendAudit(trx, {
          ...{ actor: { ...actor, name: found.user, kind: 'nobody' }, action: 'token.reuse', target: found.user },
          ...{ outcome: 'refused', at },
        });
        return { ...found, refresh: null };
      }
      if (!(await userOfFamily(trx, found.family, at))) return null;
      return { ...found, refresh: await this.#newRefreshToken(trx, found.family, at, found.familyExpiresAt) };
    });
    if (used?.again) this.#options.onChange(used.user);
    if (!used?.refresh) {
      const words = used?.again
        ? 'this refresh token has been used before: somebody may have copied it, so this sign-in is over; sign in again'
        : 'this refresh token is none, has expired, or its sign-in is over; sign in again';
      throw new LinesideError('TOKEN_REFUSED', 'peer', words);
    }
    return this.#pair(used.user, used.family, used.refresh, at);
  }

  /** Ends the sign-in that a refresh token belongs to. What is no token is over already. */
  async revoke(token: string, origin: Omit<Actor, 'name' | 'kind'>): Promise<void> {
    const { db, now } = this.#options;
    const who = await inTransaction(db, async (trx) => {
      const found = await useRefreshToken(trx, digest(token), now());
      if (!found || !(await revokeFamily(trx, found.family, now(), 'signed out'))) return null;
      const name = found.user;
      await appendAudit(trx, {
        ...{ actor: { ...origin, name, kind: 'user' }, action: 'user.sign-out', target: name, outcome: 'done' },
        ...{ after: { way: 'token' }, at: now() },
      });
      return name;
    });
    if (who !== null) this.#options.onChange(who);
  }

  /** Whose access token it is; null when it is none of this store's hubs, has expired, or its sign-in is over. */
  async identify(token: string): Promise<Identity | null> {
    const { db, now } = this.#options;
    const found = await this.#familyOf(token);
    if (found === null) return null;
    const user = await userOfFamily(db, found.family, now());
    return user ? identityOfUser(user, found.endsAt) : null;
  }

  async #familyOf(token: string): Promise<{ family: string; endsAt: number } | null> {
    const { keys, now } = this.#options;
    try {
      const { kid } = decodeProtectedHeader(token);
      const key = typeof kid === 'string' && kid.length <= 100 ? await keys.verifier(kid) : null;
      if (!key) return null;
      const { payload } = await jwtVerify(token, key, {
        ...{ algorithms: [ALGORITHM], issuer: ISSUER, audience: AUDIENCE, typ: TYPE },
        ...{ requiredClaims: ['exp', 'sub', 'sid'], currentDate: new Date(now()) },
      });
      return typeof payload.sid === 'string' ? { family: payload.sid, endsAt: payload.exp! * 1_000 } : null;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
      throw error;
    }
  }

  async #newRefreshToken(
    db: Parameters<typeof insertRefreshToken>[0],
    family: string,
    at: number,
    most: number,
  ): Promise<{ token: string; expiresAt: number }> {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = Math.min(at + REFRESH_MS, most);
    await insertRefreshToken(db, { hash: digest(token), family, at, expiresAt });
    return { token, expiresAt };
  }

  async #pair(
    user: string,
    family: string,
    refresh: { token: string; expiresAt: number },
    at: number,
  ): Promise<TokenPair> {
    const { kid, key } = this.#options.keys.signer;
    const accessToken = await new SignJWT({ sid: family })
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(user)
      .setIssuedAt(Math.floor(at / 1_000))
      .setExpirationTime(Math.floor((at + ACCESS_MS) / 1_000))
      .setJti(randomUUID())
      .sign(key);
    return {
      ...{ tokenType: 'Bearer', accessToken, expiresIn: ACCESS_MS / 1_000, refreshToken: refresh.token },
      refreshExpiresIn: Math.floor((refresh.expiresAt - at) / 1_000),
    };
  }
}

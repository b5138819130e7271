/**
 * The key that this hub signs access tokens with. Its private half never leaves the hub's folder; the public half is put
 * into the relational store, so that every hub on that store can verify what the others have signed.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { Kysely } from 'kysely';
import { findTokenKey, insertTokenKey } from '../store/postgres/client-tokens.ts';
import type { Database } from '../store/postgres/schema.ts';

/** The one algorithm: what a token's header says of it is never asked. */
export const ALGORITHM = 'EdDSA';
/** Verifying keys in memory. There is one a hub, and those of hubs that were. */
const MAX_KEYS = 50;

interface Signer {
  kid: string;
  key: CryptoKey;
}

export class SigningKeys {
  readonly #db: Kysely<Database>;
  readonly #file: string;
  readonly #known = new Map<string, CryptoKey>();
  #signer: Signer | undefined;

  /** @param file that keeps the private half, readable by the hub's user only */
  constructor(db: Kysely<Database>, file: string) {
    this.#db = db;
    this.#file = file;
  }

  get signer(): Signer {
    if (!this.#signer) throw new Error('SigningKeys has not been started');
    return this.#signer;
  }

  /** Makes the key when there is none. @throws LinesideError SIGNING_KEY_DAMAGED */
  async start(now: number): Promise<void> {
    const jwk = (await this.#read()) ?? (await this.#make());
    const { kid, d: _private, ...publicJwk } = jwk as JWK & { kid: string };
    this.#signer = { kid, key: (await importJWK(jwk, ALGORITHM)) as CryptoKey };
    await insertTokenKey(this.#db, { kid, publicJwk: { ...publicJwk }, at: now });
  }

  /** The key to verify a token with that says this `kid`; null when no hub on this store has made it. */
  async verifier(kid: string): Promise<CryptoKey | null> {
    const known = this.#known.get(kid);
    if (known) return known;
    const jwk = await findTokenKey(this.#db, kid);
    if (!jwk) return null;
    const key = (await importJWK(jwk as JWK, ALGORITHM)) as CryptoKey;
    if (this.#known.size >= MAX_KEYS) this.#known.clear();
    this.#known.set(kid, key);
    return key;
  }

  async #read(): Promise<JWK | null> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const jwk = JSON.parse(text) as JWK;
      if (typeof jwk.kid !== 'string' || typeof jwk.d !== 'string')
        throw new Error('it has no kid or no private half');
      await importJWK(jwk, ALGORITHM);
      return jwk;
    } catch (error) {
      const words = `${this.#file} is no signing key (${messageOf(error)}); remove it: a new one is made, and clients sign in again`;
      throw new LinesideError('SIGNING_KEY_DAMAGED', 'outside', words, { cause: error });
    }
  }

  async #make(): Promise<JWK> {
    const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
    const jwk: JWK = { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: ALGORITHM };
    await writeDurably(this.#file, JSON.stringify(jwk), { mode: 0o600 });
    return jwk;
  }
}

/**
 * Signing in at a provider of identities: OpenID Connect, authorization code with PKCE. The provider says who somebody is
 * and, by a claim, what; the hub keeps a user for each, so that it can be seen, limited and disabled like any other.
 */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import * as client from 'openid-client';
import type { OidcConfig } from '../config/auth.ts';
import { type RoleByClaim, roleOf, valueAt } from './role-claim.ts';

/** The provider answers within this time, or not. Seconds. */
const TIMEOUT_S = 10;
/** Keys and addresses of the provider are asked for anew after so long. Milliseconds. */
const DISCOVERY_MS = 3_600_000;

/** What has to come back from the browser unchanged. */
export interface SignInState {
  state: string;
  nonce: string;
  verifier: string;
}

/** Who has come back from the provider. */
export interface ProvenUser extends RoleByClaim {
  issuer: string;
  subject: string;
  name: string;
  fullName: string;
}

export class IdentityProvider {
  readonly #config: OidcConfig;
  readonly #secret: string | undefined;
  readonly #log: Logger;
  readonly #now: () => number;
  #discovered: { at: number; configuration: client.Configuration } | undefined;

  constructor(config: OidcConfig, secret: string | undefined, log: Logger, now: () => number) {
    this.#config = config;
    this.#secret = secret;
    this.#log = log;
    this.#now = now;
  }

  get label(): string {
    return this.#config.label;
  }

  /** Where the provider sends the browser back to. */
  get callbackUrl(): string {
    return `${this.#config.publicUrl}/api/v1/oidc/callback`;
  }

  /** Where the browser goes, and what it has to bring back. @throws LinesideError PROVIDER_UNREACHABLE */
  async begin(): Promise<{ url: string; pending: SignInState }> {
    const configuration = await this.#discover();
    const pending = {
      ...{ state: client.randomState(), nonce: client.randomNonce() },
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(configuration, {
      ...{ redirect_uri: this.callbackUrl, scope: this.#config.scopes.join(' ') },
      ...{ state: pending.state, nonce: pending.nonce, code_challenge_method: 'S256' },
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
    });
    return { url: url.href, pending };
  }

  /**
   * What the provider says of whoever comes back.
   *
   * @param query of the address that the browser came back to
   * @throws LinesideError PROVIDER_UNREACHABLE, PROVIDER_REFUSED, PROVIDER_NO_ROLE, PROVIDER_NO_NAME
   */
  async finish(query: URLSearchParams, { state, nonce, verifier }: SignInState): Promise<ProvenUser> {
    const configuration = await this.#discover();
    const address = new URL(this.callbackUrl);
    address.search = query.toString();
    let claims: Record<string, unknown>;
    try {
      const tokens = await client.authorizationCodeGrant(configuration, address, {
        ...{ pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
      });
      claims = { ...tokens.claims() };
      // Some providers tell groups only when they are asked again.
      const missing = [this.#config.roleClaim, this.#config.nameClaim].some(
        (name) => valueAt(claims, name) === undefined,
      );
      if (missing && configuration.serverMetadata().userinfo_endpoint) {
        const more = await client.fetchUserInfo(configuration, tokens.access_token, String(claims.sub));
        claims = { ...more, ...claims };
      }
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'sign-in at the provider refused');
      const words = 'the provider of identities did not confirm this sign-in; try again, and see the log of the hub';
      throw new LinesideError('PROVIDER_REFUSED', 'outside', words, { cause: error });
    }
    return this.#proven(claims);
  }

  #proven(claims: Record<string, unknown>): ProvenUser {
    const { roles, roleClaim, nameClaim } = this.#config;
    const said = valueAt(claims, nameClaim);
    const name = typeof said === 'string' ? nameFrom(said) : '';
    if (name === '') {
      this.#log.warn({ nameClaim, claims: Object.keys(claims) }, 'sign-in without a name');
      const words = `the provider tells no name that can be used in ${nameClaim}: set auth.oidc.nameClaim, or ask for more scopes`;
      throw new LinesideError('PROVIDER_NO_NAME', 'config', words);
    }
    const role = roleOf(valueAt(claims, roleClaim), roles);
    if (!role) {
      this.#log.warn({ name, roleClaim, said: valueAt(claims, roleClaim) ?? null }, 'sign-in without a role');
      const words = `${name} has no role at this hub: ask for one of the groups that it knows`;
      throw new LinesideError('PROVIDER_NO_ROLE', 'peer', words);
    }
    const fullName = typeof claims.name === 'string' ? claims.name.slice(0, 200) : '';
    return { ...role, issuer: String(claims.iss), subject: String(claims.sub), name, fullName };
  }

  async #discover(): Promise<client.Configuration> {
    const { issuer, clientId, allowHttp } = this.#config;
    const known = this.#discovered;
    if (known && this.#now() - known.at < DISCOVERY_MS) return known.configuration;
    const authentication = this.#secret === undefined ? client.None() : client.ClientSecretPost(this.#secret);
    try {
      const configuration = await client.discovery(new URL(issuer), clientId, undefined, authentication, {
        timeout: TIMEOUT_S,
        ...(allowHttp && { execute: [client.allowInsecureRequests] }),
      });
      this.#discovered = { at: this.#now(), configuration };
      return configuration;
    } catch (error) {
      this.#log.error({ issuer, error: messageOf(error) }, 'provider of identities not reached');
      const words = `the provider of identities at ${issuer} cannot be reached; sign in with a password, and see the log of the hub`;
      throw new LinesideError('PROVIDER_UNREACHABLE', 'outside', words, { cause: error });
    }
  }
}

/** A provider's name as one of ours; empty when nothing is left of it. */
function nameFrom(said: string): string {
  return said
    .trim()
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._@+-]+/g, '.')
    .replaceAll(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64);
}

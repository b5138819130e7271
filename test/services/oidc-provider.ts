/** A real provider of identities (OpenID Connect) on a free port, whose people sign in by themselves. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export interface Person {
  sub: string;
  preferred_username?: string;
  name?: string;
  groups?: string[];
}

export class TestProvider {
  readonly issuer: string;
  readonly #server: Server;
  /** Who sits before the browser. */
  person: Person = { sub: 'nobody' };

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param callbackUrl where the client may be sent back to */
  static async start(client: { id: string; secret: string; callbackUrl: string }): Promise<TestProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const made = new TestProvider(server);
    const provider = new Provider(made.issuer, {
      clients: [
        {
          ...{ client_id: client.id, client_secret: client.secret, redirect_uris: [client.callbackUrl] },
          ...{ grant_types: ['authorization_code'], response_types: ['code'] },
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'] },
      cookies: { keys: ['for the tests'] },
      features: { devInteractions: { enabled: false } },
      // Seconds.
      ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
      pkce: { required: () => true },
      findAccount: (_context, accountId) => ({ accountId, claims: async () => ({ ...made.person, sub: accountId }) }),
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      // Whoever signs in agrees to everything.
      async loadExistingGrant({ oidc }) {
        const grant = new oidc.provider.Grant({
          clientId: oidc.client!.clientId,
          accountId: oidc.session!.accountId!,
        });
        grant.addOIDCScope('openid profile email');
        await grant.save();
        return grant;
      },
    });
    // It warns that it is not for production; a test is not.
    const answer = provider.callback();
    server.on('request', (request, response) => {
      if (!request.url?.startsWith('/interaction/')) return answer(request, response);
      const login = { accountId: made.person.sub, remember: false };
      return provider.interactionFinished(request, response, { login });
    });
    return made;
  }

  /** Goes where a browser goes, with the provider's cookies, until it is sent away from the provider. Returns where to. */
  async visit(url: string): Promise<string> {
    const cookies = new Map<string, string>();
    let place = url;
    for (let steps = 0; place.startsWith(this.issuer); steps++) {
      if (steps > 10) throw new Error(`the provider sends the browser round and round: ${place}`);
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(place, { redirect: 'manual', headers: { cookie } });
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
        cookies.set(name!, value!);
      }
      const next = response.headers.get('location');
      if (!next) throw new Error(`the provider answers ${response.status}: ${await response.text()}`);
      place = new URL(next, place).href;
    }
    return place;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

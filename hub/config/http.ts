/** How pages and API are served. */
import { isLoopback } from '@lineside/shared/config/loopback.ts';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

/** For a certificate that the hub's own authority issues. */
export const SERVER_NAMES = Type.Array(
  Type.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9._:*-]+$' }),
  {
    default: [],
    maxItems: 50,
    description:
      'Host names and addresses by which clients reach it, for the certificate that the hub issues; beside this machine’s own',
  },
);

const Cors = Type.Object(
  {
    origins: Type.Array(
      Type.String({
        pattern: '^https?://[a-z0-9.:\\[\\]-]+$',
        maxLength: 200,
        description: 'Scheme, host and port, such as https://reports.example.com',
      }),
      {
        default: [],
        maxItems: 50,
        description: 'Pages of these may call the API from a browser, with a key; none unless listed',
      },
    ),
  },
  { ...closed, default: {}, description: 'Pages of other addresses' },
);

const Limits = Type.Object(
  {
    requestsAMinute: Type.Integer({
      default: 1_200,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Requests a minute of one user or key; of an address for those who are not signed in',
    }),
    addressRequestsAMinute: Type.Integer({
      default: 12_000,
      minimum: 1,
      maximum: 10_000_000,
      description: 'Requests a minute of one address, all of its users together',
    }),
    connections: Type.Integer({
      default: 5_000,
      minimum: 10,
      maximum: 100_000,
      description: 'Connections open at once; more are closed at once',
    }),
    headersMs: Type.Integer({
      default: 10_000,
      minimum: 100,
      maximum: 600_000,
      description: 'A client has so long to send the head of a request, milliseconds',
    }),
    requestMs: Type.Integer({
      default: 30_000,
      minimum: 100,
      maximum: 600_000,
      description: 'A client has so long to send a whole request, milliseconds',
    }),
    idleMs: Type.Integer({
      default: 60_000,
      minimum: 100,
      maximum: 3_600_000,
      description:
        'A connection on which a client neither sends nor takes anything for so long is closed, milliseconds',
    }),
  },
  { ...closed, default: {}, description: 'Bounds on what clients take' },
);

const HttpTls = Type.Object(
  {
    certFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Certificate with its chain (PEM), path from the configuration’s folder, taken anew when it changes; without it the hub’s own authority issues one and renews it',
      }),
    ),
    keyFile: Type.Optional(
      Type.String({ minLength: 1, description: 'Private key (PEM) of certFile, readable by the hub only' }),
    ),
    names: SERVER_NAMES,
    hstsDays: Type.Integer({
      default: 180,
      minimum: 0,
      maximum: 730,
      description:
        'For so many days browsers come to this host name by TLS only, on every port of it (Strict-Transport-Security); 0: they are not told so',
    }),
  },
  { ...closed, description: 'TLS of pages, API and live socket; without it they are served in clear text' },
);

export const HttpConfig = Type.Object(
  {
    host: Type.String({ default: '127.0.0.1', description: 'Address on which pages and API are served' }),
    port: Type.Integer({
      default: 8080,
      minimum: 0,
      maximum: 65535,
      description: 'Port of pages and API; 0: any free',
    }),
    trustedProxies: Type.Array(
      Type.String({
        pattern: '^[0-9a-fA-F.:]+(/\\d{1,3})?$',
        description: 'Address, or network such as 10.0.0.0/8',
      }),
      {
        default: [],
        maxItems: 50,
        description: 'Reverse proxies whose word on a client’s address and on TLS is taken (X-Forwarded-For, -Proto)',
      },
    ),
    tls: Type.Optional(HttpTls),
    cors: Cors,
    limits: Limits,
  },
  { ...closed, default: {}, description: 'Pages and API' },
);
export type HttpConfig = Static<typeof HttpConfig>;

/** What somebody should know who serves pages and API like that; empty when it is as it should be. */
export function clearTextWarning({ host, port, tls, trustedProxies }: HttpConfig): string {
  if (tls || isLoopback(host) || trustedProxies.length > 0) return '';
  return `pages and API are served without TLS on ${host}:${port}: passwords and sessions pass in clear text. Set http.tls, or name the reverse proxy that speaks TLS in http.trustedProxies`;
}

/** Where an InfluxDB is, and how the hub comes in. */
import { checkTlsClient, TlsClient } from '@lineside/shared/config/tls-client.ts';
import { readSecret } from '@lineside/shared/config/validate.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';

export const InfluxConfig = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^@\\s?#]+$',
      description: 'Address of InfluxDB 1.x, 2.x or 3.x, such as https://influx.acme.example:8086',
    }),
    database: Type.String({
      default: 'lineside',
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$',
      description: 'The database (1.x, 3.x) or bucket (2.x); made at the first start where the account may',
    }),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Who the hub is there (1.x)' })),
    passwordFile: Type.Optional(
      Type.String({ minLength: 1, description: 'File with its password, path from the configuration’s folder' }),
    ),
    tokenFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'File with an API token (2.x, 3.x) in place of user and password, path likewise',
      }),
    ),
    tls: Type.Optional(TlsClient),
    gzip: Type.Optional(
      Type.Boolean({
        description: 'Whether what is written is compressed; by default it is, except for a server on this machine',
      }),
    ),
    timeoutMs: Type.Integer({
      default: 20_000,
      minimum: 1_000,
      maximum: 300_000,
      description: 'A request that is not answered in this time has failed. Milliseconds',
    }),
  },
  {
    additionalProperties: false,
    description: 'An InfluxDB for the time series; with it, the embedded store is not used',
  },
);
export type InfluxConfig = Static<typeof InfluxConfig>;

/** What the schema lets pass and what cannot work; empty when all is well. Paths from the settings of InfluxDB. */
export function checkInflux(config: InfluxConfig): { path: string[]; message: string }[] {
  const { url, username, passwordFile, tokenFile, tls } = config;
  const problems: { path: string[]; message: string }[] = [];
  const problem = (field: string, message: string) => problems.push({ path: [field], message });
  if (!URL.canParse(url)) problem('url', `"${url}" is no address; write http://host:port`);
  if (tokenFile && (username || passwordFile))
    problem('tokenFile', 'a token stands for user and password: remove those');
  if (username && !passwordFile) problem('username', 'it needs passwordFile');
  if (passwordFile && !username) problem('passwordFile', 'it needs username');
  if (tls && url.startsWith('http://'))
    problem('tls', 'tls goes with an address in TLS: write https:// or remove it');
  for (const { field, message } of checkTlsClient(tls ?? {})) problems.push({ path: ['tls', field], message });
  return problems;
}

/**
 * The Authorization header; undefined without an account. 2.x and 3.x take a token as the password of Basic on the
 * paths of 1.x, so one form serves all.
 *
 * @throws LinesideError SECRET_UNREADABLE naming the setting
 */
export function authorizationOf(config: InfluxConfig, resolvePath: (path: string) => string): string | undefined {
  const field = config.tokenFile ? 'tokenFile' : 'passwordFile';
  const file = config[field];
  if (file === undefined) return undefined;
  let secret: string;
  try {
    secret = readSecret(resolvePath(file));
  } catch (cause) {
    const words = `timeSeries.influx.${field}: ${messageOf(cause)}`;
    throw new LinesideError('SECRET_UNREADABLE', 'config', words, { cause });
  }
  const user = config.tokenFile ? 'lineside' : config.username;
  return `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
}

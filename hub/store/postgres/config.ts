/** Where a PostgreSQL server is, and how it is spoken to. */
import { checkTlsClient, TlsClient } from '@lineside/shared/config/tls-client.ts';
import { type Static, Type } from 'typebox';

const milliseconds = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description: `${description}. Milliseconds` });

export const RelationalConfig = Type.Object(
  {
    url: Type.String({
      pattern: '^postgres(ql)?://[^/@\\s]+/[A-Za-z0-9_.-]+$',
      description: 'Address and database, such as postgres://db.plant:5432/lineside; without user and password',
    }),
    username: Type.String({ default: 'lineside', minLength: 1, maxLength: 63, description: 'Who the hub is there' }),
    passwordFile: Type.Optional(
      Type.String({ description: 'File that holds its password there, path from the configuration’s folder' }),
    ),
    tls: Type.Optional(
      Type.Object(TlsClient.properties, {
        additionalProperties: false,
        description: 'TLS to the server, whose certificate is always checked; without it, none is used',
      }),
    ),
    migrateAtStart: Type.Boolean({
      default: true,
      description: 'Whether the hub brings the tables up to date by itself; else somebody runs `hub migrate up`',
    }),
    poolSize: Type.Integer({
      default: 10,
      minimum: 2,
      maximum: 200,
      description: 'Most connections of this hub',
    }),
    connectTimeoutMs: milliseconds(
      5_000,
      100,
      60_000,
      'Longest wait for a connection, a free one of the pool included',
    ),
    statementTimeoutMs: milliseconds(30_000, 1_000, 600_000, 'The server ends a statement that takes longer'),
    idleInTransactionTimeoutMs: milliseconds(
      15_000,
      1_000,
      600_000,
      'The server ends a transaction in which nothing was asked for so long; where several hubs may share it, after 4 s at most',
    ),
  },
  {
    additionalProperties: false,
    description:
      'A PostgreSQL server, 15 or newer, for all that is no time series; without it an embedded one is used',
  },
);
export type RelationalConfig = Static<typeof RelationalConfig>;

/** What the schema lets pass and what cannot work; empty when all is well. */
export function checkRelational({ url, tls }: RelationalConfig): { path: string[]; message: string }[] {
  const problems = checkTlsClient(tls ?? {}).map(({ field, message }) => ({
    path: ['tls', field as string],
    message,
  }));
  if (!URL.canParse(url)) {
    problems.push({ path: ['url'], message: `"${url}" is no address; write postgres://host:port/database` });
  }
  return problems;
}

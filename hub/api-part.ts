/** Serves API and pages, and lets the first user in. */
import type { TlsOptions, Server as TlsServer } from 'node:tls';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { resolveTls, serverOptions } from '@lineside/shared/mqtt/broker-tls.ts';
import Fastify, { type FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import type { AccessPart } from './access-part.ts';
import type { AndonBoard } from './andon/board.ts';
import { buildApp, served } from './api/app.ts';
import { addNearMetrics, type MetricsDoor } from './api/plugins/monitoring.ts';
import { healthRoutes } from './api/routes/health.ts';
import type { ApiServices } from './api/services.ts';
import type { AuditLog } from './auth/audit-log.ts';
import type { CertificatesPart } from './certificates-part.ts';
import { clearTextWarning } from './config/http.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { ControlSocket } from './control/control-socket.ts';
import type { Desks } from './desks-part.ts';
import { openIdentity } from './identity-part.ts';
import type { Jobs } from './jobs-part.ts';
import type { Monitor } from './monitoring/monitor.ts';
import { IdempotencyKeys } from './store/postgres/idempotency-keys.ts';
import type { Stores } from './stores-part.ts';

export interface ApiPartOptions {
  config: LoadedHubConfig;
  stores: Stores;
  board: AndonBoard;
  desks: Desks;
  jobs: Jobs;
  access: AccessPart;
  certificates: CertificatesPart;
  audit: AuditLog;
  control: ControlSocket;
  faults(): string[];
  faultsBeside(): string[];
  hanging(): string[];
  starting(): string[];
  notices(): string[];
  monitor: Monitor;
  metrics: MetricsDoor;
  unwind: Unwind;
  log: Logger;
  now(): number;
}

export interface Served {
  url: string;
  /** Where the first password still stands; null when the file is gone, or this hub lets nobody in. */
  firstPasswordFile: string | null;
  /** Of a hub that has just been made. */
  first: { user: string; password: string } | null;
}

/** @throws LinesideError PORT_TAKEN */
export async function serveApi(options: ApiPartOptions): Promise<Served> {
  const { config, stores, board, desks, jobs, access, audit, control, unwind, log, now } = options;
  const { faults, faultsBeside, hanging, starting, notices, monitor, metrics } = options;
  const { equipment } = config;
  const warning = clearTextWarning(config.http);
  if (warning !== '') log.warn(warning);
  const tls = await tlsOf(options);
  const { people, first } = await openIdentity(config, stores, { audit, control, unwind, log, now });
  const app = await buildApp({
    ...{
      access: people,
      board,
      ...desks,
      ...jobs,
      timeSeries: stores.timeSeries,
      retention: config.timeSeries.retention,
      faults: () => [...faults(), ...(audit.fault ? [audit.fault] : [])],
      faultsBeside,
      hanging,
      starting,
      notices,
    },
    ...{ http: config.http, tls: tls?.(), stores: questions(stores), monitor, metrics },
    idempotency: new IdempotencyKeys(stores.relational.db, now),
    ...{ enterprise: equipment.enterprise, equipment: equipment.nodes, machines: equipment.machines },
    ...{ enrolment: access.enrolment, mqttAccounts: access.accounts, authority: () => access.authority() },
    ...{ log: log.child({ part: 'api' }), now },
  });
  unwind.defer('api', () => app.close());
  // Before the API: whoever waits is told.
  unwind.defer('writes', () => desks.writes.stop());
  unwind.defer('fleet', async () => {
    const stopped = desks.rollouts.stop();
    desks.configs.gone();
    desks.fleet.gone();
    await stopped;
  });
  return { url: await listen(app, options, tls), firstPasswordFile: people.sessions.firstPasswordFile, first };
}

/** For a hub without API: whether it is alive and ready, and nothing else. @throws LinesideError PORT_TAKEN */
export async function serveHealth(options: ApiPartOptions): Promise<Served> {
  const { stores, unwind } = options;
  const tls = await tlsOf(options);
  const bounds = { bodyLimit: 1_024, requestTimeout: 10_000, forceCloseConnections: true };
  const app = Fastify({ logger: false, ...bounds, ...served(tls?.(), {}) });
  healthRoutes(app.withTypeProvider<TypeBoxTypeProvider>(), { ...options, stores: questions(stores) });
  addNearMetrics(app, options.metrics);
  unwind.defer('health', () => app.close());
  return { url: await listen(app, options, tls), firstPasswordFile: null, first: null };
}

/** Something small for each store, so that whoever asks whether the hub is ready hears of one that is not there. */
function questions({ relational, timeSeries }: Stores): ApiServices['stores'] {
  return {
    'the relational store': () => sql`select 1`.execute(relational.db),
    'the time-series store': () => timeSeries.rollups.until(),
  };
}

/**
 * What the server is to show, asked anew whenever its certificate was renewed.
 *
 * @throws LinesideError TLS_FILE_UNREADABLE, AUTHORITY_UNREADABLE, AUTHORITY_ELSEWHERE
 */
async function tlsOf({ config, certificates }: ApiPartOptions): Promise<(() => TlsOptions) | undefined> {
  const { http, resolvePath } = config;
  if (!http.tls) return undefined;
  const shown = await certificates.open('http', resolveTls(http.tls, resolvePath));
  const read = () => ({ cert: shown.pair.certificate, key: shown.pair.key, clientCa: [] });
  return () => serverOptions({ read, clients: 'ignored' });
}

async function listen(
  app: FastifyInstance,
  { config, certificates }: ApiPartOptions,
  tls: (() => TlsOptions) | undefined,
): Promise<string> {
  const { host, port } = config.http;
  if (tls) certificates.onRenewed('http', () => (app.server as unknown as TlsServer).setSecureContext(tls()));
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const words = `port ${port} on ${host} is taken by another program; set http.port in the hub's configuration`;
    throw new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
  }
}

/** Builds the HTTP side of the hub: API, live socket, documentation and the web app. hub/api-part.ts listens. */
import type { Server, ServerOptions } from 'node:http';
import type { TlsOptions } from 'node:tls';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  LogController,
} from 'fastify';
import type { HttpConfig } from '../config/http.ts';
import { compileSerializer, compileValidator } from './compile-on-demand.ts';
import { addAsyncApi } from './documentation/asyncapi.ts';
import { addOpenApi } from './documentation/openapi.ts';
import { addDocumentationPages } from './documentation/pages.ts';
import { addLive } from './live/live.ts';
import { addAudit } from './plugins/audit.ts';
import { addCaching } from './plugins/caching.ts';
import { addCompression } from './plugins/compression.ts';
import { addIdempotency } from './plugins/idempotency.ts';
import { addMetrics, addMonitoring } from './plugins/monitoring.ts';
import { addOrigins } from './plugins/origins.ts';
import { addPages } from './plugins/pages.ts';
import { addPatience } from './plugins/patience.ts';
import { addPictures } from './plugins/pictures.ts';
import { addProblems } from './plugins/problems.ts';
import { addAddressLimit, addIdentityLimit } from './plugins/rate-limits.ts';
import { addRequestIds, requestId } from './plugins/request-ids.ts';
import { addSecurityHeaders } from './plugins/security-headers.ts';
import { addSessions } from './plugins/session.ts';
import type { Api } from './routes/api.ts';
import { healthRoutes } from './routes/health.ts';
import { alarmRoutes } from './routes/v1/alarms.ts';
import { auditRoutes } from './routes/v1/audit.ts';
import { clientTokenRoutes } from './routes/v1/client-tokens.ts';
import { completenessRoutes } from './routes/v1/completeness.ts';
import { deviceLookRoutes } from './routes/v1/device-looks.ts';
import { enrolmentRoutes } from './routes/v1/enrolment.ts';
import { equipmentRoutes } from './routes/v1/equipment.ts';
import { fleetRoutes } from './routes/v1/fleet.ts';
import { historyRoutes } from './routes/v1/history.ts';
import { keyRoutes } from './routes/v1/keys.ts';
import { machineRoutes } from './routes/v1/machines.ts';
import { mqttAccountRoutes } from './routes/v1/mqtt-accounts.ts';
import { oidcRoutes } from './routes/v1/oidc.ts';
import { plantRoutes } from './routes/v1/plant.ts';
import { sessionRoutes } from './routes/v1/session.ts';
import { tagRoutes } from './routes/v1/tag-list.ts';
import { userRoutes } from './routes/v1/users.ts';
import { writeRoutes } from './routes/v1/writes.ts';
import type { ApiServices } from './services.ts';
import { addWebPages } from './web-pages.ts';

const BODY_BYTES = 64 * 1024;
/** Of a part of an address. A path of the plant has five ids of 63 characters, and its slashes are written as three. */
const PARAM_CHARACTERS = 400;
/** Node looks for clients that take too long only so often. Milliseconds. */
const MOST_CHECK_MS = 5_000;

export async function buildApp(services: ApiServices): Promise<FastifyInstance> {
  const { limits, trustedProxies, cors, tls } = services.http;
  const base = Fastify({
    loggerInstance: services.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    bodyLimit: BODY_BYTES,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.idleMs,
    ...served(services.tls, patience(limits)),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_CHARACTERS },
  });
  base.server.maxConnections = limits.connections;
  const compiled = base.setValidatorCompiler(compileValidator).setSerializerCompiler(compileSerializer);
  const app: Api = compiled.withTypeProvider<TypeBoxTypeProvider>();
  addMonitoring(base, services.monitor);
  addPatience(base, limits.idleMs);
  addProblems(base);
  addRequestIds(base);
  addPages(base);
  addSecurityHeaders(base, tls?.hstsDays ?? 0);
  await addAddressLimit(base, limits);
  await addOrigins(base, cors.origins);
  await addSessions(base, services.access);
  addAudit(base, services.access.audit, services.now);
  addIdentityLimit(base, limits, ({ identity }) => identity?.name);
  addPictures(base, services);
  addIdempotency(base, services.idempotency);
  addCaching(base);
  await addCompression(base);
  await addOpenApi(base);
  addAsyncApi(base);
  addMetrics(base, services.metrics, await addLive(base, services));
  healthRoutes(app, services);
  await addDocumentationPages(base);
  app.register(
    async (v1) => {
      sessionRoutes(v1, services);
      clientTokenRoutes(v1, services);
      oidcRoutes(v1, services);
      userRoutes(v1, services);
      keyRoutes(v1, services);
      auditRoutes(v1, services);
      plantRoutes(v1, services);
      equipmentRoutes(v1, services);
      machineRoutes(v1, services);
      tagRoutes(v1, services);
      historyRoutes(v1, services);
      writeRoutes(v1, services);
      fleetRoutes(v1, services);
      deviceLookRoutes(v1, services);
      enrolmentRoutes(v1, services);
      mqttAccountRoutes(v1, services);
      alarmRoutes(v1, services);
      completenessRoutes(v1, services);
    },
    { prefix: '/api/v1' },
  );
  await addWebPages(base);
  return base;
}

/** A client that sends a byte a second would else hold a connection for ever. */
function patience({ headersMs, requestMs }: HttpConfig['limits']) {
  const checkMs = Math.min(MOST_CHECK_MS, Math.ceil(headersMs / 2));
  return { headersTimeout: Math.min(headersMs, requestMs), connectionsCheckingInterval: checkMs };
}

/**
 * What makes a server of Fastify speak TLS, where it is to.
 *
 * @param server what Node's server takes besides
 */
export function served(tls: TlsOptions | undefined, server: ServerOptions): Pick<FastifyHttpOptions<Server>, 'http'> {
  // For Fastify's types a server that speaks TLS is another one altogether; nothing here tells them apart.
  return (tls ? { https: { ...server, ...tls } } : { http: server }) as Pick<FastifyHttpOptions<Server>, 'http'>;
}

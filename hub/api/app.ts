/** Builds the HTTP side of the hub: API, live socket, documentation and the web app. `server.ts` listens. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { VERSION } from '@lineside/shared/config/version.ts';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { addLive } from './live/live.ts';
import { addAudit } from './plugins/audit.ts';
import { addPages } from './plugins/pages.ts';
import { addProblems, sendProblem } from './plugins/problems.ts';
import { addRequestIds, requestId } from './plugins/request-ids.ts';
import { addSessions } from './plugins/session.ts';
import type { Api } from './routes/api.ts';
import { alarmRoutes } from './routes/v1/alarms.ts';
import { auditRoutes } from './routes/v1/audit.ts';
import { clientTokenRoutes } from './routes/v1/client-tokens.ts';
import { completenessRoutes } from './routes/v1/completeness.ts';
import { fleetRoutes } from './routes/v1/fleet.ts';
import { keyRoutes } from './routes/v1/keys.ts';
import { oidcRoutes } from './routes/v1/oidc.ts';
import { plantRoutes } from './routes/v1/plant.ts';
import { sessionRoutes } from './routes/v1/session.ts';
import { tagRoutes } from './routes/v1/tags.ts';
import { userRoutes } from './routes/v1/users.ts';
import { writeRoutes } from './routes/v1/writes.ts';
import type { ApiServices } from './services.ts';

const WEB_DIR = fileURLToPath(new URL('../web/dist/', import.meta.url));
const BODY_BYTES = 64 * 1024;
/** Requests a minute from one address: far above what people do, far below what hurts. */
const REQUESTS_A_MINUTE = 1_200;

export async function buildApp(services: ApiServices): Promise<FastifyInstance> {
  const base = Fastify({
    loggerInstance: services.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    bodyLimit: BODY_BYTES,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  });
  const app: Api = base.setValidatorCompiler(compileWithDefaults).withTypeProvider<TypeBoxTypeProvider>();
  addProblems(base);
  addRequestIds(base);
  addPages(base);
  await base.register(helmet, {
    contentSecurityPolicy: { directives: cspDirectives() },
    strictTransportSecurity: false,
  });
  await base.register(rateLimit, { max: REQUESTS_A_MINUTE, timeWindow: '1 minute' });
  await addSessions(base, services.access);
  addAudit(base, services.access.audit, services.now);
  await base.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Lineside hub',
        version: VERSION,
        description:
          'Machines, values, OEE and alarms. A browser signs in with POST /api/v1/login, and the cookie does the rest. ' +
          'A client sends Authorization: Bearer with an access token of POST /api/v1/tokens, or with an API key.',
      },
      components: {
        securitySchemes: {
          session: { type: 'apiKey', in: 'cookie', name: 'lineside_session' },
          bearer: { type: 'http', scheme: 'bearer', description: 'an access token, or an API key (lsk_…)' },
        },
      },
      security: [{ session: [] }, { bearer: [] }],
    },
  });
  await addLive(base, services);
  addHealth(app, services);
  await base.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.register(
    async (v1) => {
      sessionRoutes(v1, services);
      clientTokenRoutes(v1, services);
      oidcRoutes(v1, services);
      userRoutes(v1, services);
      keyRoutes(v1, services);
      auditRoutes(v1, services);
      plantRoutes(v1, services);
      tagRoutes(v1, services);
      writeRoutes(v1, services);
      fleetRoutes(v1, services);
      alarmRoutes(v1, services);
      completenessRoutes(v1, services);
    },
    { prefix: '/api/v1' },
  );
  app.get('/api/openapi.json', { config: { open: true }, schema: { hide: true } }, () => base.swagger());
  await addWeb(base);
  return base;
}

/** The library's compiler converts, but leaves out what a schema says of a value that is not given. */
const compileWithDefaults: typeof TypeBoxValidatorCompiler = (part) => {
  const validate = TypeBoxValidatorCompiler(part);
  return (value) => validate(Value.Default(part.schema, value));
};

const Health = Type.Object({ status: Type.String(), version: Type.String(), faults: Type.Array(Type.String()) });

function addHealth(app: Api, { faults }: ApiServices): void {
  const schema = {
    tags: ['health'],
    summary: 'Whether the hub does its work',
    response: { 200: Health, 503: Health },
  };
  app.get('/health', { config: { open: true }, schema }, async (_request, reply) => {
    const found = faults();
    return reply
      .code(found.length === 0 ? 200 : 503)
      .send({ status: found.length === 0 ? 'ok' : 'failing', version: VERSION, faults: found });
  });
}

async function addWeb(app: FastifyInstance): Promise<void> {
  const built = existsSync(`${WEB_DIR}index.html`);
  if (built) {
    await app.register(fastifyStatic, { root: WEB_DIR, index: ['index.html'], maxAge: '1h', immutable: false });
  }
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'GET' && request.url === '/' && !built) {
      return sendProblem(reply, 'NOT_FOUND', 'the web app is not built: run npm run build -w hub/web');
    }
    return sendProblem(reply, 'NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?')[0]}`);
  });
}

/** The web app's own files and its socket, and nothing else; its component library needs style attributes. */
function cspDirectives() {
  return {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    manifestSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    upgradeInsecureRequests: null,
  };
}

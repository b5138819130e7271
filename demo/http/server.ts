/** The demo's own small HTTP server: the page, the state, and the switches of the faults. */
import { readFile } from 'node:fs/promises';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { type FaultName, faultNames, type MachineName, machineNames } from '../machines/machine.ts';
import { speedLimits } from '../options.ts';
import type { PlantFloor } from '../plant-floor.ts';
import { listenError } from '../wire/listen-error.ts';
import { urlHost } from '../wire/url-host.ts';
import { plantState } from './state.ts';

const BODY_LIMIT = 4 * 1024;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};
const PAGE = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { url: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
];

export interface HttpOptions {
  floor: PlantFloor;
  host: string;
  port: number;
}

/** A request that is wrong, with the status that it gets. */
class Refusal extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

export class PlantHttpServer {
  readonly #options: HttpOptions;
  #app: FastifyInstance | undefined;
  #url = '';

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#url;
  }

  /** @throws LinesideError `DEMO_LISTEN` when the port is taken. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    const app = this.#build();
    this.#app = app;
    for (const part of PAGE) {
      const content = await readFile(new URL(`../page/${part.file}`, import.meta.url));
      app.get(part.url, (_request, reply) => reply.type(part.type).send(content));
    }
    try {
      await app.listen({ host, port });
    } catch (error) {
      await this.stop();
      throw listenError(error, "demo's page", port, '--http-port');
    }
    const address = app.server.address();
    const actual = address !== null && typeof address === 'object' ? address.port : port;
    this.#url = `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : urlHost(host)}:${actual}`;
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    this.#app = undefined;
  }

  #build(): FastifyInstance {
    const { floor, host } = this.#options;
    const app = fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true, logger: false });
    // Only JSON has a parser left, so that a form of another site cannot post.
    app.removeContentTypeParser('text/plain');
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(SECURITY_HEADERS);
      refuseStrangers(request, host);
    });
    // A browser asks for it by itself.
    app.get('/favicon.ico', (_request, reply) => reply.status(204).send());
    app.get('/api/state', () => plantState(floor, host));
    app.post('/api/faults', async (request) => {
      const body = objectOf(request.body);
      const machine = oneOf('machine', body.machine, machineNames) as MachineName;
      const fault = oneOf('fault', body.fault, faultNames) as FaultName;
      if (typeof body.active !== 'boolean') throw new Refusal(400, '"active" must be true or false');
      await floor.setFault(machine, fault, body.active);
      return { machine, fault, active: floor[machine].faults.has(fault) };
    });
    app.post('/api/speed', async (request) => {
      const { speed } = objectOf(request.body);
      if (typeof speed !== 'number' || !(speed >= speedLimits.low && speed <= speedLimits.high)) {
        throw new Refusal(400, `"speed" must be a number from ${speedLimits.low} to ${speedLimits.high}`);
      }
      floor.speed = speed;
      return { speed };
    });
    app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
      const status = error.statusCode ?? 500;
      if (status >= 500) console.error('demo page:', error);
      reply.status(status).send({ error: error.message });
    });
    return app;
  }
}

/**
 * The page has no login, so a web site that the operator visits must not reach it: a foreign Host is DNS
 * rebinding, a foreign Origin or Sec-Fetch-Site is a cross-site request.
 */
function refuseStrangers(request: FastifyRequest, listenHost: string): void {
  const known = (host: string): boolean => LOOPBACK.has(host) || host === listenHost;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const hostName = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!known(hostName)) {
    throw new Refusal(403, `the demo answers on the loopback only, not as "${hostName.slice(0, 80)}"`);
  }
  if (request.method === 'GET') return;
  if (site === 'cross-site' || (origin !== undefined && !(URL.canParse(origin) && known(new URL(origin).hostname)))) {
    throw new Refusal(403, 'requests from other sites are refused');
  }
}

function objectOf(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new Refusal(400, 'the body must be a JSON object');
}

function oneOf(field: string, value: unknown, known: readonly string[]): string {
  if (typeof value === 'string' && known.includes(value)) return value;
  throw new Refusal(400, `"${field}" must be one of: ${known.join(', ')}`);
}

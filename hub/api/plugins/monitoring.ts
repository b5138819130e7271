/** Times every request, and serves the metrics to those who may read them. */
import { PROMETHEUS_TYPE } from '@lineside/shared/health/prometheus-text.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Monitor } from '../../monitoring/monitor.ts';
import type { RequestSpan } from '../../monitoring/tracing.ts';
import type { LiveServer } from '../live/live-server.ts';
import { admit } from './session.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the traces. */
    span: RequestSpan | null;
  }
}

/** What a proxy adds: behind one, everybody comes from its address. */
const PROXIED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];
/** The client has gone before its answer; the number is nginx's. */
const CLIENT_GONE = 499;

export interface MetricsDoor {
  /** Whether the metrics are for everybody at this address. */
  isNear(address: string): boolean;
  /** All metrics as text. */
  text(live: LiveServer['figures'] | null): string;
}

/** To be added before everything else, so that nothing is left out. */
export function addMonitoring(app: FastifyInstance, monitor: Monitor): void {
  app.decorateRequest('span', null);
  app.addHook('onRequest', (request, { raw }, done) => {
    const { method, headers, id } = request;
    // The live socket has figures of its own, and stays for hours.
    if (headers.upgrade !== undefined) {
      done();
      return;
    }
    const begin = performance.now();
    monitor.requestBegins();
    const span = monitor.tracing.request(headers, { 'http.request.method': method, 'lineside.request.id': id });
    request.span = span;
    raw.once('close', () => {
      const status = raw.writableFinished ? raw.statusCode : CLIENT_GONE;
      const route = request.routeOptions.url ?? 'none';
      monitor.requestEnds({ method, route, status, durationMs: performance.now() - begin, id });
      span.end(`${method} ${route}`, { 'http.route': route, 'http.response.status_code': status }, status >= 500);
    });
    span.run(done);
  });
  // While the body was read, the span was left.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.span) request.span.run(done);
    else done();
  });
}

export function addMetrics(app: FastifyInstance, door: MetricsDoor, live: LiveServer): void {
  // Without a login from the addresses of monitoring.metricsFrom, from elsewhere with the permission.
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (!isNear(request, door)) await admit(request, 'metrics.read');
    return reply.type(PROMETHEUS_TYPE).send(door.text(live.figures));
  });
}

/** For a hub without accounts: whoever is not near gets nothing. */
export function addNearMetrics(app: FastifyInstance, door: MetricsDoor): void {
  app.get('/metrics', async (request, reply) => {
    if (!isNear(request, door)) return reply.code(403).send({ detail: 'the metrics are for monitoring.metricsFrom' });
    return reply.type(PROMETHEUS_TYPE).send(door.text(null));
  });
}

function isNear({ ip, headers }: FastifyRequest, door: MetricsDoor): boolean {
  return PROXIED.every((name) => headers[name] === undefined) && door.isNear(ip);
}

/**
 * What a route may answer beside what it says itself. The problems that any request can meet are added to every route, so
 * that the document tells all of them and no route has to.
 */
import { Problem } from '@lineside/shared/contracts/api.ts';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { isSafe } from '../methods.ts';
import { PROBLEMS, type ProblemCode } from '../problem-list.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Codes that the route itself answers with; those that any request can meet need no mention. */
    problems?: readonly ProblemCode[];
  }
  interface FastifySchema {
    'x-problems'?: Record<string, ProblemCode[]>;
  }
}

/** Before the routes; what it adds also serialises the answers. */
export function addAnswers(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { schema, config } = route;
    if (!schema || schema.hide) return;
    const codes = [...(config?.problems ?? []), ...standing(route)];
    const byStatus = Object.groupBy(codes, (code) => PROBLEMS[code].status) as Record<string, ProblemCode[]>;
    const response = { ...(schema.response as Record<string, unknown>) };
    for (const [status, found] of Object.entries(byStatus)) {
      if (response[status] === undefined || response[status] === Problem) response[status] = answer(found);
    }
    for (const [status, answered] of Object.entries(response)) {
      if (answered === Problem) response[status] = answer([]);
    }
    route.schema = {
      ...schema,
      ...{ operationId: schema.operationId ?? operationId(route), response, 'x-problems': byStatus },
      ...(config?.open ? { security: [] } : {}),
    };
  });
}

function answer(codes: readonly ProblemCode[]) {
  const description = codes.length === 0 ? 'A problem' : [...new Set(codes)].join(', ');
  return { description, content: { 'application/problem+json': { schema: Problem } } };
}

/** The problems that requests of its kind can meet before the route has a say. */
function standing({ method, url, schema, config }: RouteOptions): ProblemCode[] {
  const methods = Array.isArray(method) ? method : [method];
  const codes: ProblemCode[] = ['TOO_MANY_REQUESTS', 'INTERNAL'];
  const writes = !methods.every(isSafe);
  if (schema?.querystring || schema?.params || writes) codes.push('REQUEST_INVALID');
  const query = schema?.querystring as { properties?: object } | undefined;
  if (query?.properties && 'cursor' in query.properties) codes.push('CURSOR_INVALID');
  if (writes) codes.push('BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'ORIGIN_REFUSED');
  if (url.startsWith('/api/') && !config?.open) {
    codes.push('SESSION_ENDED', 'PERMISSION_MISSING', 'PASSWORD_CHANGE_REQUIRED');
    if (writes) {
      codes.push('IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_BUSY', 'IDEMPOTENCY_UNKNOWN', 'TOO_MANY_KEYS');
      codes.push('IDEMPOTENCY_ANSWER_GONE');
    }
  }
  return codes;
}

/** Such as listAlarms for GET /api/v1/alarms, getGatewaysId for GET /api/v1/gateways/{id}. */
function operationId({ method, url }: RouteOptions): string {
  const verb = String(Array.isArray(method) ? method[0] : method).toLowerCase();
  const words = url
    .replace(/^\/api\/v1/, '')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean);
  return verb + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

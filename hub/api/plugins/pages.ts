/** A page of a list that has another behind it says so in the Link header too (RFC 8288). */
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { FastifyInstance } from 'fastify';

export function addPages(app: FastifyInstance): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    const next = nextOf(payload);
    if (next === undefined || request.method !== 'GET') return payload;
    const [path, query] = request.url.split('?');
    const asked = new URLSearchParams(query);
    asked.set('cursor', next);
    void reply.header('link', `<${path}?${asked}>; rel="next"`);
    return payload;
  });
}

function nextOf(payload: unknown): string | undefined {
  const { items, next } = (payload ?? {}) as Partial<Page<unknown>>;
  return Array.isArray(items) && typeof next === 'string' ? next : undefined;
}

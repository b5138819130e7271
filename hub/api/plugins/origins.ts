/**
 * Pages of other addresses. A browser names the page that a request comes from: without a word in the configuration, no
 * page but the hub's own can make it change anything, and none can read its answers. Cookies never go with such a
 * request; a page of another address uses a key.
 */
import cors from '@fastify/cors';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isSafe } from '../methods.ts';

/** What such a page may read beside the body. */
const EXPOSED = ['ETag', 'Link', 'Location', 'Retry-After', 'X-Request-Id', 'Idempotency-Replayed'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const PREFLIGHT_SECONDS = 600;

/** @param origins of pages that may call the API, such as https://reports.example.com */
export async function addOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  const allowed = new Set(origins);
  if (allowed.size > 0) {
    await app.register(cors, {
      ...{ origin: [...allowed], methods: METHODS, exposedHeaders: EXPOSED },
      ...{ credentials: false, maxAge: PREFLIGHT_SECONDS, strictPreflight: false },
    });
  }
  app.addHook('onRequest', async (request) => refuseOthers(request, allowed));
}

function refuseOthers({ headers, method }: FastifyRequest, allowed: ReadonlySet<string>): void {
  const { origin, host, upgrade, cookie } = headers;
  const harmless = isSafe(method) && upgrade === undefined;
  if (origin === undefined || harmless || hostOf(origin) === host) return;
  // A listed page shows a key; a cookie that came along is not its own.
  if (allowed.has(origin) && upgrade === undefined && cookie === undefined) return;
  throw new LinesideError('ORIGIN_REFUSED', 'peer', `requests from pages of ${origin} are refused`);
}

/** Undefined for "null" and the like. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

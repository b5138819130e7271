/**
 * How often somebody may ask. An address is counted before anything is looked up, so that guessing at sessions and keys
 * has a bound; a user or key is counted by its own, wherever it comes from.
 */
import rateLimit from '@fastify/rate-limit';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HttpConfig } from '../../config/http.ts';

const MINUTE_MS = 60_000;
/** Of those that ask, so many are remembered; beyond, the one that asked longest ago is forgotten. */
const MOST_ASKERS = 20_000;

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

/** Registers what counts addresses. Before the sessions. */
export async function addAddressLimit(app: FastifyInstance, limits: HttpConfig['limits']): Promise<void> {
  await app.register(rateLimit, { global: false, timeWindow: MINUTE_MS, cache: MOST_ASKERS });
  const limiter = app.createRateLimit({ max: limits.addressRequestsAMinute, timeWindow: MINUTE_MS });
  app.addHook('onRequest', (request, reply) => count(limiter, request, reply, false));
}

/** Counts who asks. Behind the sessions. */
export function addIdentityLimit(
  app: FastifyInstance,
  limits: HttpConfig['limits'],
  nameOf: (request: FastifyRequest) => string | undefined,
): void {
  const limiter = app.createRateLimit({
    max: limits.requestsAMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => {
      const name = nameOf(request as FastifyRequest);
      return name === undefined ? `address ${request.ip}` : `who ${name}`;
    },
  });
  app.addHook('onRequest', (request, reply) => count(limiter, request, reply, true));
}

/** @throws LinesideError TOO_MANY_REQUESTS */
async function count(limiter: Limiter, request: FastifyRequest, reply: FastifyReply, told: boolean): Promise<void> {
  const counted = await limiter(request);
  if (counted.isAllowed) return;
  const { max, remaining, ttlInSeconds, isExceeded } = counted;
  if (told || isExceeded) {
    void reply.headers({
      'x-ratelimit-limit': max,
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-reset': ttlInSeconds,
    });
  }
  if (!isExceeded) return;
  void reply.header('retry-after', Math.max(1, ttlInSeconds));
  throw new LinesideError(
    'TOO_MANY_REQUESTS',
    'peer',
    `${max} requests a minute are the most; wait ${ttlInSeconds} s`,
  );
}

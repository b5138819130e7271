/**
 * A write that carries an Idempotency-Key is done once: whoever sends it again, for it never heard the answer, gets that
 * answer. An answer that says that nothing was done (4xx) frees the key.
 */
import { createHash } from 'node:crypto';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IdempotencyKeys } from '../../store/postgres/idempotency-keys.ts';
import { isSafe } from '../methods.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that this request has taken. */
    takenKey: string | null;
    /** It was done before, and is only answered again. */
    replayed: boolean;
  }
  interface FastifyContextConfig {
    /** Its answer holds a secret that is shown once: it is not kept. */
    secretAnswer?: true;
    /** It may be at work for longer than two minutes, at most for so long. Milliseconds. */
    longestMs?: number;
  }
}

const SANE = /^[\x21-\x7e]{1,200}$/;

export function addIdempotency(app: FastifyInstance, keys: IdempotencyKeys): void {
  app.decorateRequest('takenKey', null).decorateRequest('replayed', false);
  // Behind the check of the body: what is refused before takes no key.
  app.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request);
    if (key === undefined || !request.identity) return;
    const sha256 = createHash('sha256')
      .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
      .digest('hex');
    const { longestMs } = request.routeOptions.config;
    const taken = await keys.take(request.identity.name, key, sha256, longestMs);
    switch (taken.state) {
      case 'mine':
        request.takenKey = key;
        return;
      case 'answered':
        request.replayed = true;
        return replay(reply, taken.answer);
      case 'other':
        throw new LinesideError('IDEMPOTENCY_KEY_REUSED', 'peer', 'this key was used for another request');
      case 'full':
        throw new LinesideError('TOO_MANY_KEYS', 'peer', 'too many keys within a day');
      case 'lost':
        throw new LinesideError('IDEMPOTENCY_UNKNOWN', 'outside', 'the hub ended while it worked on this request');
      case 'busy':
        void reply.header('retry-after', 1);
        throw new LinesideError('IDEMPOTENCY_BUSY', 'peer', 'the same request is at work now; ask again in a second');
    }
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const key = request.takenKey;
    if (key === null) return payload;
    request.takenKey = null;
    try {
      await settle(keys, request, reply, key, payload);
    } catch (error) {
      // The answer goes out all the same; whoever asks again hears that nobody knows.
      request.log.error({ error: messageOf(error) }, 'the answer to a key was not kept');
    }
    return payload;
  });
}

/** @throws LinesideError REQUEST_INVALID */
function keyOf({ method, headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined || isSafe(method)) return undefined;
  if (typeof key === 'string' && SANE.test(key)) return key;
  throw new LinesideError('REQUEST_INVALID', 'peer', 'Idempotency-Key must be 1 to 200 visible characters');
}

async function settle(
  keys: IdempotencyKeys,
  { identity, routeOptions }: FastifyRequest,
  reply: FastifyReply,
  key: string,
  payload: unknown,
): Promise<void> {
  const who = identity!.name;
  const { statusCode: status } = reply;
  if (status >= 400 && status < 500) return keys.release(who, key);
  const secret = routeOptions.config.secretAnswer === true;
  const body = secret ? null : payload === undefined || payload === null ? '' : String(payload);
  await keys.keep(who, key, { status, contentType: String(reply.getHeader('content-type') ?? ''), body });
}

function replay(
  reply: FastifyReply,
  { status, contentType, body }: { status: number; contentType: string; body: string | null },
): FastifyReply {
  if (body === null) {
    throw new LinesideError('IDEMPOTENCY_ANSWER_GONE', 'peer', `it was done, and answered with ${status}`);
  }
  void reply.code(status).header('idempotency-replayed', 'true').serializer(String);
  if (contentType !== '') void reply.type(contentType);
  return reply.send(body === '' ? undefined : body);
}

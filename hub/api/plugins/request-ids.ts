/** One id for a request, in every log line, answer and problem: the caller's own where it is a sane one. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance } from 'fastify';

const HEADER = 'x-request-id';
/** Nothing that could break a line of a log or a header. */
const SANE = /^[\w.:-]{1,100}$/;

/** The id of a new request. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[HEADER];
  return typeof given === 'string' && SANE.test(given) ? given : randomUUID();
}

export function addRequestIds(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply.header(HEADER, request.id);
    // No name has it, and no database takes it.
    if (request.url.includes('%00')) throw new LinesideError('REQUEST_INVALID', 'peer', 'an address holds no NUL');
  });
}

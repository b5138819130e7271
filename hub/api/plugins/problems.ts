/** Every error leaves as application/problem+json (RFC 9457) with a stable code. */
import type { Problem } from '@lineside/shared/contracts/api.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { ThrottledError } from '../../auth/auth-service.ts';

/** Codes of our own errors and the status that each means. What is not listed is a fault of the hub. */
const STATUS: Record<string, number> = {
  LOGIN_REFUSED: 401,
  LOGIN_THROTTLED: 429,
  SESSION_ENDED: 401,
  ORIGIN_REFUSED: 403,
  ALARM_NOT_FOUND: 404,
  ALARM_ACKNOWLEDGED: 409,
  TAG_NOT_FOUND: 404,
  TAG_NOT_WRITABLE: 409,
  VALUE_REFUSED: 400,
  GATEWAY_OFFLINE: 409,
  TOO_MANY_WRITES: 429,
  WRITE_UNKNOWN: 504,
  CURSOR_INVALID: 400,
  MACHINE_NOT_FOUND: 404,
  RANGE_INVALID: 400,
  DAY_INVALID: 400,
  GATEWAY_NOT_FOUND: 404,
  CONFIG_PENDING: 409,
  CONFIG_UNKNOWN: 504,
};

/** Codes for what the framework refuses. */
const CODES: Record<number, string> = {
  400: 'REQUEST_INVALID',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  429: 'TOO_MANY_REQUESTS',
};

const TITLES: Record<number, string> = {
  400: 'Request not understood',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Not possible in the present state',
  413: 'Request too large',
  415: 'Media type not supported',
  429: 'Too many requests',
  500: 'The hub failed',
  504: 'No answer from the gateway',
};

export function addProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | LinesideError>((error, request, reply) => {
    if (error instanceof LinesideError) {
      const status = STATUS[error.code] ?? 500;
      if (error instanceof ThrottledError) void reply.header('retry-after', error.seconds);
      if (status === 500) request.log.error({ err: error }, 'request failed');
      return sendProblem(reply, status, error.code, status === 500 ? 'see the log of the hub' : error.message);
    }
    const status = error.validation ? 400 : (error.statusCode ?? 500);
    if (status >= 500) request.log.error({ err: error }, 'request failed');
    const code = status >= 500 ? 'INTERNAL' : (CODES[status] ?? 'REQUEST_REFUSED');
    return sendProblem(reply, status, code, status >= 500 ? 'see the log of the hub' : error.message);
  });
}

export function sendProblem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  const problem: Problem = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail };
  return reply.code(status).type('application/problem+json').send(problem);
}

/** Every error leaves as application/problem+json (RFC 9457) with a code of the list. */
import type { Problem } from '@lineside/shared/contracts/api.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { ThrottledError } from '../../auth/throttled-error.ts';
import { PROBLEMS, type ProblemCode, problemOf, typeOf } from '../problem-list.ts';
import { validationWords } from './validation-words.ts';

/** Codes for what the framework refuses. */
const CODES: Record<number, ProblemCode> = {
  404: 'NOT_FOUND',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  429: 'TOO_MANY_REQUESTS',
};

export function addProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | LinesideError>((error, request, reply) => {
    if (error instanceof LinesideError && problemOf(error.code)) {
      if (error instanceof ThrottledError) void reply.header('retry-after', error.seconds);
      return sendProblem(reply, error.code as ProblemCode, error.message);
    }
    const status = 'validation' in error && error.validation ? 400 : 'statusCode' in error ? error.statusCode : 500;
    if (status === undefined || status >= 500) {
      request.log.error({ err: error }, 'request failed');
      return sendProblem(reply, 'INTERNAL', 'see the log of the hub');
    }
    return sendProblem(reply, CODES[status] ?? 'REQUEST_INVALID', wordsOf(error));
  });
}

function wordsOf(error: FastifyError | LinesideError): string {
  if (!('validation' in error) || !error.validation) return error.message;
  return validationWords(error.validationContext ?? 'body', error.validation);
}

export function sendProblem(reply: FastifyReply, code: ProblemCode, detail: string): FastifyReply {
  const { status, title } = PROBLEMS[code];
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  const problem: Problem = { type: typeOf(code), title, status, code, detail, requestId: reply.request.id };
  return reply.code(status).type('application/problem+json').send(problem);
}

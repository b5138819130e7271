/**
 * A line in the audit log for everything that the API changes: who, what, from where, and what became of it. Routes
 * whose change is a transaction of the store write theirs within it and say so by `audit: false`.
 */
import type { AuditOutcome } from '@lineside/shared/contracts/accounts.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditLog } from '../../auth/audit-log.ts';
import { isSafe } from '../methods.ts';
import { redacted } from '../redacted.ts';
import { actorOf } from './session.ts';

interface Note {
  /** Of what; without it the parameters of the address. */
  target?: string;
  before?: unknown;
  /** Without it the body, its secrets left out. */
  after?: unknown;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the line in the audit log says, where the route knows better than the body. */
    auditNote: Note | null;
  }
  interface FastifyContextConfig {
    /** The action in the audit log; without it the permission. False: nothing changes, or the route writes it itself. */
    audit?: string | false;
  }
}

export function addAudit(app: FastifyInstance, audit: Pick<AuditLog, 'note'>, now: () => number): void {
  app.decorateRequest('auditNote', null);
  app.addHook('onSend', async (request, reply, payload) => {
    const { config } = request.routeOptions;
    const outcome = outcomeOf(reply);
    if (!request.identity || isSafe(request.method) || outcome === null) return payload;
    // Done before, and noted then.
    if (request.replayed) return payload;
    // Who tries what they may not is of interest, whoever would write the line otherwise.
    if (config.audit === false && outcome !== 'refused') return payload;
    await audit.note({
      ...{ actor: actorOf(request), action: config.audit || String(config.permission), outcome, at: now() },
      ...{ target: targetOf(request), ...bodiesOf(request, outcome) },
    });
    return payload;
  });
}

/** Null when nothing has changed. */
function outcomeOf({ statusCode }: FastifyReply): AuditOutcome | null {
  if (statusCode < 300) return 'done';
  if (statusCode === 403) return 'refused';
  if (statusCode === 504) return 'unknown';
  return statusCode >= 500 ? 'failed' : null;
}

function targetOf({ auditNote, params }: FastifyRequest): string {
  return auditNote?.target ?? Object.values((params ?? {}) as Record<string, unknown>).join('/');
}

function bodiesOf({ auditNote, body, method, routeOptions }: FastifyRequest, outcome: AuditOutcome) {
  const before = auditNote?.before;
  if (auditNote?.after !== undefined) return { before, after: auditNote.after };
  // Refused before anybody has read the body: what was tried says the route.
  if (outcome === 'refused' && body === undefined)
    return { before, after: { route: `${method} ${routeOptions.url}` } };
  return { before, after: redacted(body) };
}

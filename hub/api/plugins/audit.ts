/**
 * A line in the audit log for everything that the API changes: who, what, from where, and what became of it. Where the
 * change is a transaction of the store, whoever makes it writes the line within that; the route says so by `deskNotes`,
 * and only what was refused at the door is noted here.
 */
import type { AuditOutcome } from '@lineside/shared/contracts/accounts.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
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
    /** Why it did not come about, in words; empty while it may. */
    auditFault: string;
  }
  interface FastifyContextConfig {
    /** The action in the audit log, such as user.create. Every route that may change something has one; null: it leaves no line. */
    audit?: string | null;
    /** The line stands in the audit log already when the route is done, by whoever made the change. */
    deskNotes?: true;
  }
}

export function addAudit(app: FastifyInstance, audit: Pick<AuditLog, 'note'>, now: () => number): void {
  app.decorateRequest('auditNote', null);
  app.decorateRequest('auditFault', '');
  app.addHook('onRoute', expectAction);
  app.addHook('onError', async (request, _reply, error) => {
    request.auditFault = messageOf(error);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const { config } = request.routeOptions;
    const outcome = outcomeOf(reply);
    if (!request.identity || !config.audit || outcome === null) return payload;
    // Done before, and noted then.
    if (request.replayed) return payload;
    // Who tries what they may not is of interest, whoever would write the line otherwise.
    if (config.deskNotes && outcome !== 'refused') return payload;
    await audit.note({
      ...{ actor: actorOf(request), action: config.audit, outcome, at: now() },
      ...{ target: targetOf(request), ...bodiesOf(request, outcome) },
    });
    return payload;
  });
}

/** A change that nobody has thought about would leave a line that says nothing: the hub does not start with it. */
function expectAction({ url, method, config, schema }: RouteOptions): void {
  if (!url.startsWith('/api/') || [method].flat().every(isSafe)) return;
  if (config?.audit === undefined) {
    const words = `${method} ${url} does not say as what it stands in the audit log`;
    throw new LinesideError('ROUTE_WITHOUT_RULE', 'bug', words);
  }
  // For whoever reads the OpenAPI document.
  if (schema && config.audit !== null) Object.assign(schema, { 'x-audit': config.audit });
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

function bodiesOf({ auditNote, auditFault, body, method, routeOptions }: FastifyRequest, outcome: AuditOutcome) {
  const before = auditNote?.before;
  if (auditNote?.after !== undefined) return { before, after: auditNote.after };
  if (outcome === 'failed' || outcome === 'unknown') {
    return { before, after: { ...(redacted(body) as object | undefined), error: auditFault } };
  }
  // Refused before anybody has read the body: what was tried says the route.
  if (outcome === 'refused' && body === undefined)
    return { before, after: { route: `${method} ${routeOptions.url}` } };
  return { before, after: redacted(body) };
}

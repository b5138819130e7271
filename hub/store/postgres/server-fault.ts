/** What errors of a PostgreSQL server mean: whether waiting helps, and what to say to whoever runs it. */
import { tlsReason } from '@lineside/shared/config/tls-client.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

/** Of the system, when no connection comes about or one breaks. */
const AWAY =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN)$/;
/**
 * Of PostgreSQL: connection exceptions, its shutdown and its start, no connection left, no room, and a transaction that
 * stood still, with which it ends the connection (appendix A).
 */
const AWAY_STATES = /^(08...|25P03|57P0[1-5]|53...)$/;
/** Of the client, without a code. */
const BROKEN = /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired)/;

/** Whether nothing is wrong but that the server is not there, is not ready, or is full. */
export function isAway(error: unknown): boolean {
  if (error instanceof LinesideError) return error.code === 'STORE_UNREACHABLE';
  if (error instanceof AggregateError) return error.errors.every(isAway);
  if (!(error instanceof Error)) return false;
  const code = String((error as { code?: unknown }).code ?? '');
  return AWAY.test(code) || AWAY_STATES.test(code) || BROKEN.test(error.message);
}

/**
 * Why the server lets nobody in, for whoever wrote the configuration.
 *
 * @param where the server, for people
 */
export function refusalOf(error: unknown, where: string, username: string): LinesideError {
  const code = String((error as { code?: unknown }).code ?? '');
  const tls = error instanceof Error ? tlsReason(error) : null;
  const words =
    {
      '28P01': `it does not know "${username}" by this password; check relational.username and relational.passwordFile`,
      '28000': `it does not let "${username}" in from here: ${messageOf(error)}; check relational.username and its pg_hba.conf`,
      '3D000': `${messageOf(error)}; create the database (docs/operations/postgresql.md has the statements)`,
      '42501': `"${username}" lacks a right: ${messageOf(error)}; docs/operations/postgresql.md has the grants`,
    }[code] ??
    tls ??
    (/SSL|SASL|password must be a string/.test(messageOf(error))
      ? wordsOfHandshake(messageOf(error))
      : messageOf(error));
  return new LinesideError('STORE_REFUSED', 'config', `${where}: ${words}`, { cause: error });
}

function wordsOfHandshake(message: string): string {
  if (/does not support SSL/.test(message)) return 'it speaks no TLS; set it up there, or remove relational.tls';
  if (/password must be a string|must be a non-empty string/.test(message)) {
    return 'it asks for a password; set relational.passwordFile';
  }
  return message;
}

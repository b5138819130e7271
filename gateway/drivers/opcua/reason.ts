/** What went wrong with an OPC UA server, as a sentence for an operator, without a final stop. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';

const HINTS: [pattern: RegExp, sentence: string][] = [
  [/ECONNREFUSED/, 'connection refused; is the PLC powered and the port right?'],
  [/ENOTFOUND|EAI_AGAIN/, 'the name is unknown; check the host in endpoint or the name server'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route to the host; is the PLC powered and the cable plugged in?'],
  [
    /ECONNRESET|EPIPE|socket has been disconnected/i,
    'the server closed the connection; does it speak OPC UA on this port?',
  ],
  [
    /endpoint.*(?:not found|cannot find)|Cannot find an Endpoint/i,
    'the server offers no endpoint with security policy None; switch it on there',
  ],
  [/BadTooManySessions/, 'the server has no session left; close other clients or raise its limit'],
  [/BadTooManySubscriptions/, 'the server has no subscription left; close other clients or raise its limit'],
  [/ETIMEDOUT|timeout|timed out/i, 'no answer in time; is the PLC powered and no firewall between?'],
];

export function unreachable(endpoint: string, error: unknown): string {
  if (error instanceof LinesideError) return `cannot use ${endpoint}: ${error.message}`;
  const message = messageOf(error);
  const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1];
  return `cannot reach ${endpoint}: ${hint ?? (message.split('\n')[0] || 'unknown error')}`;
}

/** What a server says to a write, for an operator. */

const REFUSALS: Record<string, string> = {
  BadTypeMismatch: 'it wants another type than the node says that it has; correct the node at the server',
  BadNotWritable: 'the node can only be read; remove writable, or make it writable in the program of the server',
  BadUserAccessDenied: 'this user may not write it; give it the right at the server, or configure another user',
  BadSecurityModeInsufficient: 'it takes this only over a protected connection; set security',
  BadOutOfRange: 'the value is beyond the limits that the server has; correct min and max',
  BadWriteNotSupported: 'it does not take a value without a time and a status, or none at all for this node',
  BadNodeIdUnknown: 'the node is gone; correct its address',
  BadNodeIdInvalid: 'the node is gone; correct its address',
  BadLocked: 'another program has locked the node',
  BadInvalidState: 'the machine does not take it in its present state',
  BadInvalidArgument: 'it does not take this value',
  BadServiceUnsupported: 'this server takes no writes at all',
  BadTooManyOperations: 'it has too much to do; try it again',
  BadResourceUnavailable: 'it has too much to do; try it again',
  BadSessionIdInvalid: 'it no longer knew the session; try it again',
  BadSessionClosed: 'it no longer knew the session; try it again',
};

/** Statuses after which a server may have written all the same (OPC 10000-4, table 177 and 5.11.4). */
const UNSURE = new Set([
  'BadTimeout',
  'BadUnexpectedError',
  'BadInternalError',
  'BadCommunicationError',
  'BadNoCommunication',
  'BadWaitingForResponse',
  'BadRequestInterrupted',
  'BadRequestCancelledByClient',
  'BadShutdown',
  'BadConnectionClosed',
  'BadDeviceFailure',
]);

export function leavesUnsure(status: string): boolean {
  return UNSURE.has(status);
}

export function refusalWords(status: string): string {
  const words = REFUSALS[status];
  return `the server refused it (${status})${words ? `: ${words}` : ''}`;
}

/** What a server says to an acknowledgement (OPC 10000-9, 5.7.3), for an operator. */

const REFUSALS: Record<string, string> = {
  BadConditionBranchAlreadyAcked: 'it has been acknowledged there already',
  BadEventIdUnknown: 'it has changed meanwhile; look at it again',
  BadConditionDisabled: 'it is switched off there',
  BadUserAccessDenied: 'this user may not acknowledge; give it the right at the server, or configure another user',
  BadSecurityModeInsufficient: 'it takes this only over a protected connection; set security',
  BadNodeIdUnknown: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadNodeIdInvalid: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadMethodInvalid: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadNotImplemented: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadNotSupported: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadServiceUnsupported: 'it cannot be acknowledged from outside; acknowledge it at the machine',
  BadInvalidArgument: 'it does not take the comment; try without',
};

export function acknowledgeWords(status: string): string {
  const words = REFUSALS[status];
  return `the server refused it (${status})${words ? `: ${words}` : ''}`;
}

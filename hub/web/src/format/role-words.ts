import type { Role } from '@lineside/shared/contracts/permissions.ts';

/** What each role is for; the whole table stands in shared/contracts/permissions.ts. */
export const ROLE_WORDS: Record<Role, string> = {
  operator: 'Sees the plant; acknowledges alarms',
  supervisor: 'Also sets values',
  maintenance: 'Also sets values, restarts gateways and reads their logs',
  engineer: 'Also configures, enrols and manages gateways',
  manager: 'Sees everything, and reads the audit log; changes nothing',
  admin: 'Everything, with users, keys and backups',
};

/** Where somebody may look. */
export function sitesWords(sites: readonly string[] | null): string {
  return sites === null ? 'Whole plant' : sites.join(', ');
}

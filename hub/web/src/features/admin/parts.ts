import type { User } from '@lineside/shared/contracts/api.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';

const PARTS = [
  { part: 'users', label: 'Users', permission: 'users.manage' },
  { part: 'keys', label: 'API keys', permission: 'keys.manage' },
  { part: 'audit', label: 'Audit log', permission: 'audit.read' },
] as const satisfies readonly { part: string; label: string; permission: Permission }[];

/** What there is of the administration for somebody; for most nothing. */
export function administrationOf({ permissions, sites }: User) {
  // The audit log is of the whole plant.
  return PARTS.filter(({ part, permission }) => permissions.includes(permission) && (part !== 'audit' || !sites));
}

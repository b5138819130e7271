/** From what a provider says of somebody to a role here. */
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import type { OidcConfig } from '../config/auth.ts';

export interface RoleByClaim {
  role: Role;
  sites: readonly string[] | null;
}

/**
 * @param said value of the claim: a text or a list of texts
 * @returns the first of `roles` that is among it; null when none is
 */
export function roleOf(said: unknown, roles: OidcConfig['roles']): RoleByClaim | null {
  const values = new Set(Array.isArray(said) ? said : [said]);
  const found = roles.find(({ value }) => values.has(value));
  return found ? { role: found.role, sites: found.sites ?? null } : null;
}

/** The claim of this name, or what dots in the name lead to. */
export function valueAt(claims: Record<string, unknown>, name: string): unknown {
  // Namespaced claims are addresses, which have dots too.
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

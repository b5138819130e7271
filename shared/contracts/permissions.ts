/**
 * Who may do what: the one place. A permission is a word that a route of the hub's API asks for; a role is what a person
 * at a plant is. The web app hides what is not allowed, the hub refuses it.
 */
import { type Static, Type } from 'typebox';

export const ROLES = ['operator', 'supervisor', 'maintenance', 'engineer', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];
export const Role = Type.Enum([...ROLES], { description: 'what somebody is at the plant' });

interface Rule {
  /** What it lets somebody do, for the documents and the page. */
  may: string;
  roles: readonly Role[];
  /** Only a person may: it would let an API key make itself more than it is. */
  person?: true;
}

export const PERMISSIONS = {
  'account.read': { may: 'see who they are signed in as', roles: ROLES },
  'account.change': { may: 'change their own password, end their own sessions', roles: ROLES, person: true },
  'plant.read': { may: 'see the plant, its machines, OEE and completeness', roles: ROLES },
  'tags.read': { may: 'see values and their past', roles: ROLES },
  'tags.write': {
    may: 'set tags that a gateway lets be written',
    roles: ['supervisor', 'maintenance', 'engineer', 'admin'],
  },
  'writes.read': { may: 'see who has set which tag', roles: ROLES },
  'alarms.read': { may: 'see alarms', roles: ROLES },
  'alarms.acknowledge': {
    may: 'acknowledge alarms',
    roles: ['operator', 'supervisor', 'maintenance', 'engineer', 'admin'],
  },
  'gateways.read': { may: 'see gateways and the health of their devices', roles: ROLES },
  'gateways.logs': { may: 'read the last lines of a gateway’s log', roles: ['maintenance', 'engineer', 'admin'] },
  'gateways.browse': { may: 'browse a device through its gateway', roles: ['maintenance', 'engineer', 'admin'] },
  'gateways.restart': { may: 'restart a gateway', roles: ['maintenance', 'engineer', 'admin'] },
  'gateways.configure': { may: 'read and change the configuration of gateways', roles: ['engineer', 'admin'] },
  'gateways.enrol': { may: 'let new gateways in', roles: ['engineer', 'admin'] },
  'gateways.manage': { may: 'revoke certificates, remove gateways', roles: ['engineer', 'admin'] },
  'integrators.manage': { may: 'manage MQTT accounts of integrators', roles: ['admin'] },
  'jobs.read': { may: 'see jobs and how far they are', roles: ['engineer', 'manager', 'admin'] },
  'hub.read': { may: 'see the state of the hub, its stores and backups', roles: ['engineer', 'manager', 'admin'] },
  'hub.manage': { may: 'make backups, run jobs, delete data', roles: ['admin'] },
  'metrics.read': { may: 'read the metrics of the hub from another machine', roles: ['engineer', 'admin'] },
  'audit.read': { may: 'read the audit log', roles: ['manager', 'admin'] },
  'users.manage': { may: 'manage users', roles: ['admin'], person: true },
  'keys.manage': { may: 'manage API keys', roles: ['admin'], person: true },
} as const satisfies Record<string, Rule>;

export type Permission = keyof typeof PERMISSIONS;

const RULES: Record<Permission, Rule> = PERMISSIONS;
const WORDS = Object.keys(PERMISSIONS) as Permission[];

/** Schema of a permission's word. */
export const Permission = Type.Enum([...WORDS]);

/** What an API key may be given. */
const KEY_SCOPES = WORDS.filter((word) => RULES[word].person !== true);
export const KeyScope = Type.Enum([...KEY_SCOPES]);
export type KeyScope = Static<typeof KeyScope>;

const BY_ROLE = new Map(
  ROLES.map((role) => [role, new Set(WORDS.filter((word) => RULES[word].roles.includes(role)))] as const),
);

/** All that a role may do. */
export function permissionsOf(role: Role): ReadonlySet<Permission> {
  return BY_ROLE.get(role)!;
}

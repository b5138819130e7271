/** What of the hub's work a process does, and whether it can do so beside others. */
import { type Static, Type } from 'typebox';

const Role = Type.Union([Type.Literal('ingest'), Type.Literal('api'), Type.Literal('jobs')], {
  description: 'ingest takes the data of gateways, api serves pages and API, jobs calculates and publishes',
});
export type Role = Static<typeof Role>;

const ROLES: readonly Role[] = ['ingest', 'api', 'jobs'];

export const RolesConfig = Type.Array(Role, {
  default: [...ROLES],
  minItems: 1,
  uniqueItems: true,
  description: 'What this process does; less than all of it needs servers: see docs/operations/replicas.md',
});
export type RolesConfig = Static<typeof RolesConfig>;

export const ReplicaConfig = Type.Optional(
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$',
    description:
      'Name of this process among several; a hub that comes back under its name takes up its work at once. Of two that run at a time, each has its own',
  }),
);

export interface Servers {
  roles: RolesConfig;
  relational?: object | undefined;
  timeSeries: { influx?: object | undefined };
  mqtt: { broker?: object | undefined };
}

/** What is missing for several processes on the same data; empty when there can be. */
export function missingOf({ relational, timeSeries, mqtt }: Servers): string[] {
  return [
    ...(relational ? [] : ['relational (a PostgreSQL)']),
    ...(timeSeries.influx ? [] : ['timeSeries.influx']),
    ...(mqtt.broker ? [] : ['mqtt.broker']),
  ];
}

/** Whether other hubs may work on the same data. */
export function isReplicated(config: Servers): boolean {
  return missingOf(config).length === 0;
}

export function checkRoles(config: Servers): { path: string[]; message: string }[] {
  const missing = missingOf(config);
  if (config.roles.length === ROLES.length || missing.length === 0) return [];
  const words = `roles ${config.roles.join(', ')} are a part of a hub, and the embedded stores and broker work for one process only: set ${missing.join(', ')}, or leave roles out`;
  return [{ path: ['roles'], message: words }];
}

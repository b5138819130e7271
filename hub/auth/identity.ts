/** Who is asking, and how far that reaches. Every route has one in `request.identity`. */
import { type Permission, permissionsOf, type Role } from '@lineside/shared/contracts/permissions.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { isAtOrBelow } from '../equipment/path.ts';

/** How the name of an API key begins, so that it is nobody's else. */
export const KEY_NAME = 'key:';

export interface Identity {
  kind: 'user' | 'key';
  /** A user's name, or `key:NAME`: what stands in the audit log and what a gateway is told. */
  name: string;
  /** Null for an API key. */
  role: Role | null;
  permissions: ReadonlySet<Permission>;
  /** Equipment paths that it is limited to, with all that lies below them; null: the whole plant. */
  sites: readonly string[] | null;
  /** Whoever does not by a password has none here that could be changed. */
  signsInBy: 'password' | 'provider' | 'key';
  /**
   * When what it came in by is over, whatever happens: milliseconds since 1970 UTC. Null for a session, which lives on
   * while it is used, and for a key without an end.
   */
  endsAt: number | null;
  /** Nothing but that until it is done. */
  mustChangePassword: boolean;
}

/** What the stores know of a user that its identity is made of. */
export interface UserFacts {
  name: string;
  role: Role;
  sites: readonly string[] | null;
  must_change_password: boolean;
  oidc_issuer: string | null;
}

export function identityOfUser(
  { name, role, sites, must_change_password, oidc_issuer }: UserFacts,
  endsAt: number | null = null,
): Identity {
  return {
    ...{ kind: 'user', name, role, sites },
    permissions: permissionsOf(role),
    signsInBy: oidc_issuer === null ? 'password' : 'provider',
    ...{ endsAt, mustChangePassword: must_change_password },
  };
}

/**
 * Whether a place lies within an identity's sites. What does not is not there for it: leave it out of lists, and answer
 * as for what does not exist. What has no place in the plant ('') is for those who are not limited.
 *
 * @param path ISA-95 path, such as acme/hamburg/packaging/line-1/packer
 */
export function reaches({ sites }: Pick<Identity, 'sites'>, path: string): boolean {
  if (sites === null) return true;
  return sites.some((site) => isAtOrBelow(path, site));
}

/** Those whose place lies within an identity's sites; the list itself when that is not limited. */
export function within<T>(identity: Pick<Identity, 'sites'>, items: readonly T[], pathOf: (item: T) => string): T[] {
  if (identity.sites === null) return items as T[];
  return items.filter((item) => reaches(identity, pathOf(item)));
}

interface PlacedMachine {
  path: string;
  gateway: string;
  device: string;
}

/** Whether an identity sees a device: some machine that it gives values to lies within its sites. */
export function seesDevice(
  identity: Identity,
  machines: readonly PlacedMachine[],
  gateway: string,
  device: string,
): boolean {
  if (identity.sites === null) return true;
  return machines.some(
    (machine) => machine.gateway === gateway && machine.device === device && reaches(identity, machine.path),
  );
}

/** Whether an identity sees a gateway: some machine behind it lies within its sites. */
export function seesGateway(identity: Identity, machines: readonly PlacedMachine[], gateway: string): boolean {
  if (identity.sites === null) return true;
  return machines.some((machine) => machine.gateway === gateway && reaches(identity, machine.path));
}

/** What is told of gateways, as far as an identity sees them: each with the devices that it sees. */
export function gatewaysWithin<T extends { devices: { device: string }[] }>(
  identity: Identity,
  machines: readonly PlacedMachine[],
  items: T[],
  gatewayOf: (item: T) => string,
): T[] {
  if (identity.sites === null) return items;
  return items
    .filter((item) => seesGateway(identity, machines, gatewayOf(item)))
    .map((item) => ({
      ...item,
      devices: item.devices.filter(({ device }) => seesDevice(identity, machines, gatewayOf(item), device)),
    }));
}

/** Whether an identity may act on the whole of a gateway: all machines behind it lie within its sites. */
export function ownsGateway(identity: Identity, machines: readonly PlacedMachine[], gateway: string): boolean {
  if (identity.sites === null) return true;
  const behind = machines.filter((machine) => machine.gateway === gateway);
  return behind.length > 0 && behind.every(({ path }) => reaches(identity, path));
}

/** The gateways that an identity may act on as a whole; undefined when it is not limited. */
export function ownedGateways(identity: Identity, machines: readonly PlacedMachine[]): string[] | undefined {
  if (identity.sites === null) return undefined;
  const known = new Set(machines.map(({ gateway }) => gateway));
  return [...known].filter((gateway) => ownsGateway(identity, machines, gateway));
}

/** @throws LinesideError GATEWAY_NOT_FOUND unless an identity may act on the whole of the gateway */
export function expectOwnGateway(identity: Identity, machines: readonly PlacedMachine[], gateway: string): void {
  if (ownsGateway(identity, machines, gateway)) return;
  throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${gateway} that is all yours`);
}

/** The devices within an identity's sites, for queries; undefined when it is not limited. */
export function devicesWithin(
  identity: Identity,
  machines: readonly PlacedMachine[],
): { gateway: string; device: string }[] | undefined {
  if (identity.sites === null) return undefined;
  return within(identity, machines, ({ path }) => path).map(({ gateway, device }) => ({ gateway, device }));
}

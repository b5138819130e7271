/** What the OPC UA contestants collect, and the names of it. */
export interface OpcUaLoad {
  endpoint: string;
  groups: ItemGroup[];
}

export interface ItemGroup {
  /** Its nodes are `s=<prefix>0`, `s=<prefix>1` and so on, in the namespace of the test server. */
  prefix: string;
  items: number;
  /** How often each changes, and is looked at. Milliseconds. */
  everyMs: number;
}

/** Of the subscription: both contestants ask for the same, which is what the gateway asks for by itself. */
export const SUBSCRIPTION = { publishingMs: 250, keepAliveCount: 10, lifetimeCount: 1200, queueSize: 50 };

export function countOf(groups: readonly ItemGroup[]): number {
  return groups.reduce((sum, { items }) => sum + items, 0);
}

/** Changes a second. */
export function paceOf(groups: readonly ItemGroup[]): number {
  return groups.reduce((sum, { items, everyMs }) => sum + (items * 1_000) / everyMs, 0);
}

/** Walks through a server's nodes, many at a time, and gives the variables that are wanted. */
import {
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  NodeClass,
  type NodeId,
  type ReferenceDescription,
  ReferenceTypeIds,
} from 'node-opcua-client';
import type { Batches } from './batches.ts';
import type { Glob } from './glob.ts';

/** Reference type, node class, browse name, display name (OPC 10000-4, 5.8.2). */
const RESULT_MASK = 0x01 | 0x04 | 0x08 | 0x10;
const HAS_PROPERTY = ReferenceTypeIds.HasProperty;
/** The server's own node, with hundreds of diagnostic variables. */
const SERVER_OBJECT = 2253;

export interface FoundVariable {
  nodeId: NodeId;
  /** Browse names below the root of the search. */
  path: string[];
  /** Its property EngineeringUnits. */
  units: NodeId | null;
}

export interface BrowseWish {
  include: readonly Glob[];
  /** Also leaves out what lies below. */
  exclude: readonly Glob[];
  /** Levels below the root. */
  maxDepth: number;
  /** Variables; the search ends there. */
  maxVariables: number;
  progress(nodes: number, variables: number): void;
}

export interface Browsed {
  variables: FoundVariable[];
  /** Nodes looked into. */
  nodes: number;
  /** Left out by include and exclude. */
  unwanted: number;
  /** Nodes that the server would not show the inside of, by status. */
  closed: Map<string, number>;
  /** True when there is more than `maxVariables`. */
  cut: boolean;
}

interface Place {
  nodeId: NodeId;
  path: string[];
  variable: FoundVariable | null;
}

/** Whether a reference leads to a property, which says something of its node and is none of what lies below. */
export function isProperty({ referenceTypeId }: ReferenceDescription): boolean {
  return referenceTypeId.namespace === 0 && referenceTypeId.value === HAS_PROPERTY;
}

/** Whether it leads to another server. */
export function isElsewhere({ nodeId }: ReferenceDescription): boolean {
  return Boolean((nodeId as { serverIndex?: number }).serverIndex);
}

/**
 * Follows hierarchical references from the root, level by level. A node that is reached on several ways counts
 * once, at the shortest one, so circles end.
 */
export async function browse(
  session: ClientSession,
  batches: Batches,
  root: NodeId,
  wish: BrowseWish,
): Promise<Browsed> {
  const result: Browsed = { variables: [], nodes: 0, unwanted: 0, closed: new Map(), cut: false };
  const seen = new Set([root.toString()]);
  let level: Place[] = [{ nodeId: root, path: [], variable: null }];
  while (level.length > 0 && !result.cut) {
    const next: Place[] = [];
    // Some at a time, so that progress is told and a large level does not pile up.
    for (let at = 0; at < level.length && !result.cut; at += batches.size('browse')) {
      const some = level.slice(at, at + batches.size('browse'));
      const insides = await insidesOf(session, batches, some, result.closed);
      insides.forEach((references, i) => {
        for (const reference of references) enter(some[i]!, reference);
      });
      result.nodes += some.length;
      wish.progress(result.nodes, result.variables.length);
    }
    level = next;

    function enter(parent: Place, reference: ReferenceDescription): void {
      const { nodeId, browseName, nodeClass } = reference;
      const name = browseName.name ?? '';
      if (isProperty(reference)) {
        if (parent.variable && name === 'EngineeringUnits') parent.variable.units = nodeId;
        return;
      }
      const key = nodeId.toString();
      const server = nodeId.namespace === 0 && nodeId.value === SERVER_OBJECT;
      if (seen.has(key) || isElsewhere(reference) || server || parent.path.length >= wish.maxDepth) return;
      seen.add(key);
      const path = [...parent.path, name];
      const isVariable = nodeClass === NodeClass.Variable;
      if (wish.exclude.some((matches) => matches(path))) {
        if (isVariable) result.unwanted++;
        return;
      }
      const wanted = wish.include.length === 0 || wish.include.some((matches) => matches(path));
      const variable = isVariable && wanted ? { nodeId, path, units: null } : null;
      if (isVariable && !wanted) result.unwanted++;
      if (variable && result.variables.length >= wish.maxVariables) {
        result.cut = true;
        return;
      }
      if (variable) result.variables.push(variable);
      // One at the greatest depth is opened for its properties.
      if (path.length < wish.maxDepth || variable) next.push({ nodeId, path, variable });
    }
  }
  return result;
}

/** What lies in each of these nodes. @param closed counts those that the server does not open, by status */
export async function insidesOf(
  session: ClientSession,
  batches: Batches,
  places: readonly { nodeId: NodeId }[],
  closed: Map<string, number>,
): Promise<ReferenceDescription[][]> {
  const asked = places.map(({ nodeId }) => ({
    nodeId,
    browseDirection: BrowseDirection.Forward,
    referenceTypeId: ReferenceTypeIds.HierarchicalReferences,
    includeSubtypes: true,
    nodeClassMask: NodeClass.Object | NodeClass.Variable,
    resultMask: RESULT_MASK,
  }));
  const insides: ReferenceDescription[][] = places.map(() => []);
  let open = asked.map((_, i) => i);
  while (open.length > 0) {
    // The rest is fetched at once, for a server keeps only some continuation points.
    const again: number[] = [];
    const results = await batches.each('browse', open, async (some) => {
      const first = await session.browse(some.map((i) => asked[i]!));
      await finish(session, first);
      return first;
    });
    results.forEach(({ statusCode, references }, at) => {
      const i = open[at]!;
      if (statusCode.isGoodish()) insides[i] = references ?? [];
      else if (statusCode.name === 'BadNoContinuationPoints' && open.length > 1) again.push(i);
      else closed.set(statusCode.name, (closed.get(statusCode.name) ?? 0) + 1);
    });
    if (again.length === open.length) {
      // None got a continuation point: one at a time then.
      for (const i of again) insides[i] = (await insidesOf(session, batches, [places[i]!], closed))[0]!;
      return insides;
    }
    open = again;
  }
  return insides;
}

/** Follows the continuation points, and puts what they give to the results. */
async function finish(session: ClientSession, results: BrowseResult[]): Promise<void> {
  let open = results.filter((result) => result.continuationPoint?.length > 0);
  while (open.length > 0) {
    const more = await session.browseNext(
      open.map((result) => result.continuationPoint),
      false,
    );
    open = open.filter((result, i) => {
      const { references, continuationPoint, statusCode } = more[i]!;
      if (!statusCode.isGoodish()) {
        result.statusCode = statusCode;
        return false;
      }
      result.references = [...(result.references ?? []), ...(references ?? [])];
      result.continuationPoint = continuationPoint;
      return continuationPoint?.length > 0;
    });
  }
}

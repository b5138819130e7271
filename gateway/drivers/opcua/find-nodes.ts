/** From addresses to the node ids that they have on this server, now. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { BrowsePath, type ClientSession, ReferenceTypeIds, StatusCodes } from 'node-opcua-client';
import type { Address } from './address.ts';
import type { Batches } from './batches.ts';
import { type Namespace, namespaceIndex, resolve } from './node-id.ts';

/** A node id, or why there is none. */
export type Found = { nodeId: string } | { quality: number; status: string; why: string };

const ROOT_FOLDER = 'i=84';
/** "Nothing of the path is left" (OPC 10000-4, 5.8.4). */
const WHOLE = 0xffff_ffff;

/**
 * Finds all addresses, in their order. What the server does not have is an answer, not an error.
 *
 * @param namespaces the server's present list
 * @throws when the server fails
 */
export async function findNodes(
  session: ClientSession,
  batches: Batches,
  namespaces: readonly string[],
  addresses: readonly Address[],
): Promise<Found[]> {
  const found: Found[] = new Array(addresses.length);
  const paths: { at: number; path: BrowsePath }[] = [];
  addresses.forEach((address, at) => {
    if (!('steps' in address)) {
      const nodeId = resolve(address, namespaces);
      found[at] = nodeId === null ? unknownNamespace(address.namespace, namespaces) : { nodeId };
      return;
    }
    const missing = address.steps.find(({ namespace }) => namespaceIndex(namespace, namespaces) < 0);
    if (missing) {
      found[at] = unknownNamespace(missing.namespace, namespaces);
      return;
    }
    const elements = address.steps.map(({ namespace, name }) => ({
      referenceTypeId: ReferenceTypeIds.HierarchicalReferences,
      includeSubtypes: true,
      isInverse: false,
      targetName: { namespaceIndex: namespaceIndex(namespace, namespaces), name },
    }));
    const path = new BrowsePath({ startingNode: ROOT_FOLDER, relativePath: { elements } });
    paths.push({ at, path });
  });
  const results = await batches.each('translate', paths, (some) =>
    session.translateBrowsePath(some.map(({ path }) => path)),
  );
  results.forEach(({ statusCode, targets }, i) => {
    const target = statusCode.isGood() ? targets?.find((one) => one.remainingPathIndex === WHOLE) : undefined;
    const status = statusCode.isGood() ? StatusCodes.BadNoMatch : statusCode;
    found[paths[i]!.at] = target
      ? { nodeId: target.targetId.toString() }
      : { quality: status.value >>> 0, status: status.name, why: `the server has no such path (${status.name})` };
  });
  return found;
}

function unknownNamespace(namespace: Namespace, namespaces: readonly string[]): Found {
  const wanted = 'uri' in namespace ? namespace.uri : `${namespace.index}`;
  return {
    quality: Quality.BadConfigurationError,
    status: 'unknown namespace',
    why: `the server has no namespace ${wanted}, only ${namespaces.slice(1).join(', ')}`,
  };
}

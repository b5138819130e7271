/** One look at a server: connect, walk, describe, and write it down as YAML. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { ObjectIds, resolveNodeId } from 'node-opcua-client';
import { parseAddress } from './address.ts';
import { type Browsed, browse } from './browse.ts';
import type { OpcUaDevice } from './config.ts';
import { describeVariables } from './describe-variables.ts';
import { deviceYaml } from './device-yaml.ts';
import { findNodes } from './find-nodes.ts';
import { glob } from './glob.ts';
import type { SecurityContext } from './security-connect.ts';
import { withSession } from './session.ts';

export interface BrowseRequest {
  id: string;
  /** Node id or browse path; absent: the folder Objects. */
  root?: string | undefined;
  include: string[];
  exclude: string[];
  maxTags: number;
  maxDepth: number;
  progress(nodes: number, variables: number): void;
}

export interface BrowseReport extends Omit<Browsed, 'variables'> {
  yaml: string;
  tags: number;
  /** Why variables were left out → how many. */
  leftOut: Map<string, number>;
}

/** @throws LinesideError ROOT when the root is wrong or not there; whatever hinders the connection. */
export async function browseServer(
  device: OpcUaDevice,
  context: SecurityContext,
  request: BrowseRequest,
): Promise<BrowseReport> {
  const { root } = request;
  const address =
    root === undefined
      ? null
      : parseAddress(root.startsWith('/') ? { browsePath: root } : { nodeId: root }, device.namespaces);
  if (typeof address === 'string') throw new LinesideError('ROOT', 'config', `--root: ${address}`);
  return withSession(device, context, async ({ session, batches, namespaces }) => {
    let start = `i=${ObjectIds.ObjectsFolder}`;
    if (address) {
      const [found] = await findNodes(session, batches, namespaces, [address]);
      if (!found || !('nodeId' in found)) throw new LinesideError('ROOT', 'config', `--root ${root}: ${found?.why}`);
      start = found.nodeId;
    }
    const { variables, ...walked } = await browse(session, batches, resolveNodeId(start), {
      include: request.include.map(glob),
      exclude: request.exclude.map(glob),
      maxDepth: request.maxDepth,
      maxVariables: request.maxTags,
      progress: request.progress,
    });
    const { described, leftOut } = await describeVariables(session, batches, variables);
    const yaml = deviceYaml({ id: request.id, endpoint: device.endpoint }, described, namespaces);
    return { ...walked, yaml, tags: described.length, leftOut };
  });
}

/** Where a tag's value is found: by node id or by browse path. */
import { type BrowsePath, parseBrowsePath } from './browse-path.ts';
import type { OpcUaTag } from './config.ts';
import { type NodeAddress, parseNodeId } from './node-id.ts';

export type Address = NodeAddress | BrowsePath;

type Addressed = Pick<OpcUaTag, 'nodeId' | 'browsePath'>;

/** The setting that holds the address. */
export function addressField(tag: Addressed): 'nodeId' | 'browsePath' {
  return tag.nodeId === undefined && tag.browsePath !== undefined ? 'browsePath' : 'nodeId';
}

/** The address as the operator wrote it. */
export function addressText(tag: Addressed): string {
  return tag.nodeId ?? tag.browsePath ?? '';
}

/** Reads the address; a string is the operator's remedy. */
export function parseAddress(tag: Addressed, aliases?: Record<string, string>): Address | string {
  if (tag.nodeId !== undefined && tag.browsePath !== undefined) {
    return 'there is both a nodeId and a browsePath: keep one of them';
  }
  if (tag.nodeId !== undefined) return parseNodeId(tag.nodeId, aliases);
  if (tag.browsePath !== undefined) return parseBrowsePath(tag.browsePath, aliases);
  return 'a tag needs a nodeId or a browsePath';
}

import type { FoundNode, NodeLevel } from '@lineside/shared/contracts/device-look.ts';

/** What is known of the nodes below one. */
export type Below = { level: NodeLevel } | { error: Error } | 'loading';

/** A line of the tree: a node, or what stands below one in the place of nodes. */
export type TreeRow =
  | { kind: 'node'; key: string; depth: number; node: FoundNode; open: boolean }
  | { kind: 'loading'; key: string; depth: number }
  | { kind: 'empty'; key: string; depth: number }
  | { kind: 'error'; key: string; depth: number; error: Error; of: string }
  | { kind: 'left'; key: string; depth: number; left: number };

export const ROOT = '';

/** By its way from the root: the same node may stand at several places. */
const keyBelow = (parent: string, node: FoundNode): string => `${parent}\n${node.nodeId}`;

/** The way to a node without its last step. */
export const parentOf = (key: string): string => key.slice(0, key.lastIndexOf('\n'));

/** The tree as lines, from the root on. @param below what is known of each node that is open, by its key */
export function treeRows(below: ReadonlyMap<string, Below>): TreeRow[] {
  const rows: TreeRow[] = [];
  const enter = (key: string, depth: number) => {
    const known = below.get(key) ?? 'loading';
    if (known === 'loading') rows.push({ kind: 'loading', key: `${key}\n…`, depth });
    else if ('error' in known) rows.push({ kind: 'error', key: `${key}\n!`, depth, error: known.error, of: key });
    else {
      const { nodes, left } = known.level;
      if (nodes.length === 0) rows.push({ kind: 'empty', key: `${key}\n0`, depth });
      for (const node of nodes) {
        const own = keyBelow(key, node);
        const open = below.has(own);
        rows.push({ kind: 'node', key: own, depth, node, open });
        if (open) enter(own, depth + 1);
      }
      if (left > 0) rows.push({ kind: 'left', key: `${key}\n+`, depth, left });
    }
  };
  enter(ROOT, 0);
  return rows;
}

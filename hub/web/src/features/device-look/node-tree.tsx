import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useQueries } from '@tanstack/react-query';
import { type KeyboardEvent, useRef, useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { formatClock } from '../../format/duration.ts';
import classes from './device-look.module.css';
import { NodeRow, OtherRow } from './node-row.tsx';
import tree from './node-tree.module.css';
import { type Below, parentOf, ROOT, type TreeRow, treeRows } from './tree-rows.ts';

type NodeLine = Extract<TreeRow, { kind: 'node' }>;

/** The nodes of an OPC UA server, level by level. */
export function NodeTree({ gateway, device }: { gateway: GatewayView; device: string }) {
  /** Of the nodes that are open: the way to each, and its node id. */
  const [open, setOpen] = useState<ReadonlyMap<string, string | null>>(new Map([[ROOT, null]]));
  const [selected, setSelected] = useState('');
  const [current, setCurrent] = useState('');
  const table = useRef<HTMLTableElement>(null);
  const levels = useQueries({
    queries: [...open].map(([key, node]) => ({
      queryKey: ['nodes', gateway.id, device, key],
      queryFn: ({ signal }: { signal: AbortSignal }) => fleetApi.nodes(gateway.id, device, node, signal),
      enabled: gateway.online,
      retry: false,
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 0,
    })),
  });
  const below = new Map<string, Below>();
  [...open.keys()].forEach((key, i) => {
    const { data, error } = levels[i]!;
    below.set(key, data ? { level: data } : error ? { error } : 'loading');
  });
  const rows = treeRows(below);
  const nodes = rows.filter((row) => row.kind === 'node');
  const here = nodes.find(({ key }) => key === current) ?? nodes[0];
  const fetching = levels.some(({ isFetching }) => isFetching);
  const newest = Math.max(0, ...levels.map(({ dataUpdatedAt }) => dataUpdatedAt));

  const toggle = ({ key, node }: NodeLine) =>
    setOpen((known) => {
      const next = new Map(known);
      if (!next.has(key)) return next.set(key, node.nodeId);
      for (const each of known.keys()) if (each === key || each.startsWith(`${key}\n`)) next.delete(each);
      return next;
    });
  const goTo = (row: NodeLine | undefined) => {
    if (!row) return;
    table.current?.querySelectorAll<HTMLElement>('[data-node]')[nodes.indexOf(row)]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // What has the focus inside of a row has its own keys.
    if (!here || !(event.target as HTMLElement).hasAttribute('data-node')) return;
    const at = nodes.indexOf(here);
    switch (event.key) {
      case 'ArrowDown':
        goTo(nodes[at + 1]);
        break;
      case 'ArrowUp':
        goTo(nodes[at - 1]);
        break;
      case 'Home':
        goTo(nodes[0]);
        break;
      case 'End':
        goTo(nodes.at(-1));
        break;
      case 'ArrowRight':
        if (here.node.inside && !here.open) toggle(here);
        else goTo(childOf(nodes, at));
        break;
      case 'ArrowLeft':
        if (here.open) toggle(here);
        else goTo(nodes.find(({ key }) => key === parentOf(here.key)));
        break;
      case 'Enter':
      case ' ':
        setSelected(selected === here.key ? '' : here.key);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  return (
    <>
      <div className={classes.bar}>
        <span className={classes.at}>{newest > 0 ? `As it was at ${formatClock(newest)}` : 'Not read yet'}</span>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconRefresh size="1rem" />}
          loading={fetching}
          disabled={!gateway.online}
          onClick={() => {
            for (const level of levels) void level.refetch();
          }}
        >
          Read again
        </Button>
      </div>
      <div className={classes.frame}>
        <table
          ref={table}
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table that is walked by the arrow keys
          role="treegrid"
          className={tree.tree}
          aria-label={`Nodes of ${device}`}
          onKeyDown={onKeyDown}
        >
          <thead>
            <tr>
              <th scope="col">Name and node id</th>
              <th scope="col">Value</th>
              <th scope="col">Data type</th>
              <th scope="col">Access</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) =>
              row.kind === 'node' ? (
                <NodeRow
                  key={row.key}
                  row={row}
                  selected={selected === row.key}
                  current={row === here}
                  onToggle={() => toggle(row)}
                  onSelect={() => setSelected(selected === row.key ? '' : row.key)}
                  onFocus={() => setCurrent(row.key)}
                />
              ) : (
                <OtherRow
                  key={row.key}
                  row={row}
                  online={gateway.online}
                  onRetry={(key) => void levels[[...open.keys()].indexOf(key)]?.refetch()}
                />
              ),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** The first node below the one at a place, when that is shown. */
function childOf(nodes: readonly NodeLine[], at: number): NodeLine | undefined {
  const next = nodes[at + 1];
  return next && next.depth > nodes[at]!.depth ? next : undefined;
}

import { Button, Loader } from '@mantine/core';
import { IconAlertTriangle, IconChevronRight, IconFolder, IconTag } from '@tabler/icons-react';
import { qualityWords } from '../../format/quality-words.ts';
import { sentence } from '../../format/sentence.ts';
import { trustOf, UNKNOWN } from '../../format/value.ts';
import { Snippet } from '../../ui/snippet.tsx';
import classes from './device-look.module.css';
import tree from './node-tree.module.css';
import type { TreeRow } from './tree-rows.ts';

const ACCESS = { read: 'Read', readWrite: 'Read, write', write: 'Write only', none: 'None' };

const depth = (row: TreeRow) => ({ '--depth': row.depth }) as React.CSSProperties;

/** A node; when it is selected, below it what can be taken along. */
export function NodeRow(props: {
  row: Extract<TreeRow, { kind: 'node' }>;
  selected: boolean;
  current: boolean;
  onToggle: () => void;
  onSelect: () => void;
  onFocus: () => void;
}) {
  const { row, selected } = props;
  const { node } = row;
  const variable = node.kind === 'variable';
  const Kind = variable ? IconTag : IconFolder;
  return (
    <>
      <tr
        data-node
        data-testid="node"
        aria-level={row.depth + 1}
        aria-expanded={node.inside ? row.open : undefined}
        aria-selected={selected}
        tabIndex={props.current ? 0 : -1}
        style={depth(row)}
        onFocus={props.onFocus}
        onClick={props.onSelect}
        onDoubleClick={node.inside ? props.onToggle : undefined}
      >
        <th scope="row">
          <div className={tree.head}>
            {node.inside ? (
              <button
                type="button"
                tabIndex={-1}
                aria-label={`${row.open ? 'Close' : 'Open'} ${node.name}`}
                className={tree.toggle}
                data-open={row.open || undefined}
                onClick={(event) => {
                  event.stopPropagation();
                  props.onToggle();
                }}
              >
                <IconChevronRight size="1.1rem" aria-hidden="true" />
              </button>
            ) : (
              <i className={tree.toggle} />
            )}
            <Kind className={tree.kind ?? ''} size="1.1rem" aria-hidden="true" />
            <span className={tree.name}>
              <b>{node.name}</b>
              <code>{node.nodeId}</code>
            </span>
          </div>
        </th>
        <td data-label="Value" data-none={!variable || undefined}>
          {variable ? <ValueOf node={node} /> : null}
        </td>
        <td data-label="Data type" data-none={!variable || undefined}>
          {variable ? (node.dataType ?? UNKNOWN) : null}
        </td>
        <td data-label="Access" data-none={!variable || undefined}>
          {variable ? (node.access ? ACCESS[node.access] : UNKNOWN) : null}
        </td>
      </tr>
      {selected ? (
        <tr className={tree.details} data-testid="node-details" style={depth(row)}>
          <td colSpan={4}>
            <div className={classes.snippets}>
              {node.description ? <p>{node.description}</p> : null}
              <Snippet name="Node id" text={node.nodeId} />
              {node.tag ? <Snippet name="Tag entry" text={node.tag} /> : null}
              {node.noTag ? <p>It cannot be a tag: {node.noTag}.</p> : null}
            </div>
          </td>
        </tr>
      ) : null}
    </>
  );
}

function ValueOf({ node }: { node: Extract<TreeRow, { kind: 'node' }>['node'] }) {
  const quality = node.quality ?? 0;
  const trust = trustOf(quality);
  return (
    <>
      <span className={tree.value}>{node.value ?? UNKNOWN}</span>
      {node.unit && node.value !== null ? ` ${node.unit}` : null}
      {trust === 'good' ? null : (
        <small className={tree.trust} data-trust={trust}>
          {qualityWords(quality)}
        </small>
      )}
    </>
  );
}

/** What stands in the place of nodes. */
export function OtherRow(props: {
  row: Exclude<TreeRow, { kind: 'node' }>;
  online: boolean;
  onRetry: (key: string) => void;
}) {
  const { row } = props;
  return (
    <tr className={tree.other} data-kind={row.kind} style={depth(row)}>
      <td colSpan={4}>
        <div role={row.kind === 'error' ? 'alert' : 'status'}>
          {row.kind === 'loading' ? (
            props.online ? (
              <>
                <Loader size="1rem" /> The gateway asks the device
              </>
            ) : (
              'Not read: the gateway is offline'
            )
          ) : row.kind === 'empty' ? (
            'Nothing lies below it'
          ) : row.kind === 'left' ? (
            `${row.left} more lie here that are not shown; write the configuration with gateway browse`
          ) : (
            <>
              <IconAlertTriangle size="1.2rem" aria-hidden="true" />
              <span>{sentence(row.error.message)}</span>
              <Button variant="default" size="compact-sm" onClick={() => props.onRetry(row.of)}>
                Try again
              </Button>
            </>
          )}
        </div>
      </td>
    </tr>
  );
}

import type { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import { Modal, Skeleton } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { formatUnit, formatValue, trustOf, UNKNOWN } from '../../format/value.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { FailedPanel } from '../../ui/failed-panel.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import classes from './proposal-dialog.module.css';

/** Tags that are listed of a device; the rest is counted. */
const LISTED = 12;

/** The devices of a gateway that are no machines yet, each with the lines that make it one. */
export function ProposalDialog({ gateway, onClose }: { gateway: string | null; onClose: () => void }) {
  const proposals = useQuery({
    queryKey: ['proposals'],
    queryFn: ({ signal }) => hubApi.proposals(signal),
    enabled: gateway !== null,
    refetchInterval: 5_000,
  });
  const own = proposals.data?.filter((proposal) => proposal.gateway === gateway) ?? [];
  return (
    <Modal
      opened={gateway !== null}
      onClose={onClose}
      title={`Not on the dashboard yet: ${gateway ?? ''}`}
      size="52rem"
      classNames={{ body: classes.body }}
    >
      <p className={classes.how}>
        Put these lines under <code>cells:</code> of a line in the plant&rsquo;s file, give the machine its name, and
        restart the hub. What has been stored until then is its history.
      </p>
      {proposals.isPending ? (
        <Skeleton height="12rem" />
      ) : proposals.isError ? (
        <FailedPanel title="It cannot be told" error={proposals.error} onRetry={proposals.refetch} />
      ) : own.length === 0 ? (
        <MessagePanel icon={<IconCircleCheck size="1.6rem" />} title="All of its devices are machines">
          There is nothing to add.
        </MessagePanel>
      ) : (
        <ul className={classes.list}>
          {own.map((proposal) => (
            <Proposal key={proposal.device} proposal={proposal} />
          ))}
        </ul>
      )}
    </Modal>
  );
}

function Proposal({ proposal: { device, state, tags, tagCount, yaml } }: { proposal: EquipmentProposal }) {
  const more = tagCount - Math.min(tags.length, LISTED);
  return (
    <li className={classes.proposal} data-testid="proposal">
      <div className={classes.head}>
        <h3>{device}</h3>
        <span>
          {state === 'up' ? '' : `${state} · `}
          {tagCount === 1 ? '1 tag' : `${tagCount} tags`}
        </span>
      </div>
      <dl className={classes.tags}>
        {tags.slice(0, LISTED).map(({ name, type, unit, value, quality }) => (
          <div key={name}>
            <dt title={`${name} (${type})`}>{name}</dt>
            <dd>
              {value === null || trustOf(quality) === 'bad'
                ? UNKNOWN
                : `${formatValue(value, type === 'integer' ? 0 : 2)} ${formatUnit(unit)}`}
            </dd>
          </div>
        ))}
      </dl>
      {more > 0 ? <p className={classes.more}>and {more} more</p> : null}
      <Lines text={yaml} device={device} />
    </li>
  );
}

function Lines({ text, device }: { text: string; device: string }) {
  const pre = useRef<HTMLPreElement>(null);
  return (
    <div className={classes.lines}>
      <pre ref={pre}>{text}</pre>
      <CopyButton className={classes.copy} text={text} shown={pre} label={`Copy the lines for ${device}`} />
    </div>
  );
}

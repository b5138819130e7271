import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { ConfigCheck } from '@lineside/shared/contracts/fleet.ts';
import { Button, Loader, Modal, SegmentedControl } from '@mantine/core';
import { useEffect, useState } from 'react';
import { formatDuration } from '../../format/duration.ts';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { LineDiff } from '../../ui/line-diff.tsx';
import { Changes } from './config-findings.tsx';
import classes from './trial-dialog.module.css';

const WITHIN = [15, 30, 60, 300];

/** Says what will change and what a trial is, and counts while it lasts. */
export function TrialDialog(props: {
  gateway: GatewayView;
  check: ConfigCheck;
  /** The file, and what shall take its place. */
  before: string;
  after: string;
  busy: boolean;
  onApply: (seconds: number) => void;
  onClose: () => void;
}) {
  const { gateway, check, busy, onApply, onClose } = props;
  const [seconds, setSeconds] = useState(30);
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Apply on trial at ${gateway.id}`}
      size="52rem"
      closeOnClickOutside={!busy}
      closeOnEscape={!busy}
      withCloseButton={!busy}
    >
      <div className={classes.body}>
        <Changes {...check} />
        <LineDiff label="What changes in the file" before={props.before} after={props.after} />
        {busy ? (
          <Trial gateway={gateway} sha256={check.sha256} seconds={seconds} />
        ) : (
          <>
            <p>
              The gateway runs it at once, and keeps its file as it is. As soon as the hub has seen the gateway with
              it, the file is replaced. If the hub does not see it in this time, the gateway goes back by itself:
            </p>
            <SegmentedControl
              aria-label="Time until it goes back"
              value={String(seconds)}
              onChange={(next) => setSeconds(Number(next))}
              data={WITHIN.map((each) => ({ value: String(each), label: formatDuration(each * 1_000) }))}
            />
          </>
        )}
        <DialogButtons>
          <Button variant="default" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button loading={busy} onClick={() => onApply(seconds)}>
            Apply now
          </Button>
        </DialogButtons>
      </div>
    </Modal>
  );
}

/** The gateway tells in its health which configuration it runs: from then on the trial is as good as over. */
function Trial({ gateway, sha256, seconds }: { gateway: GatewayView; sha256: string; seconds: number }) {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    const until = performance.now() + seconds * 1_000;
    const timer = setInterval(() => setLeft(Math.ceil((until - performance.now()) / 1_000)), 250);
    return () => clearInterval(timer);
  }, [seconds]);
  const seen = gateway.configSha256 === sha256;
  return (
    <div className={classes.trial} role="status">
      <Loader size="sm" />
      <p>
        <strong>
          {seen
            ? 'Seen with it: being confirmed'
            : left > 0
              ? `On trial: ${left} s until it goes back`
              : 'Waiting for the gateway’s answer'}
        </strong>
        <span>
          {seen
            ? 'The gateway replaces its file now.'
            : left > 0
              ? 'The gateway makes everything ready and takes it over; the hub waits to see it with it.'
              : 'A gateway with many tags takes longer to make ready; the time counts from when it runs it.'}
        </span>
      </p>
    </div>
  );
}

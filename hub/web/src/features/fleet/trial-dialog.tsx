import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { ConfigCheck } from '@lineside/shared/contracts/fleet.ts';
import { Button, Modal, SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { formatDuration } from '../../format/duration.ts';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { LineDiff } from '../../ui/line-diff.tsx';
import { isAllowed } from './accept-hint.tsx';
import { Changes } from './config-findings.tsx';
import { RestartChoice } from './restart-choice.tsx';
import classes from './trial-dialog.module.css';
import { TrialProgress } from './trial-progress.tsx';

const WITHIN = [15, 30, 60, 300];

/** Says what will change, what of it only after a restart, and what a trial is; and how far it is. */
export function TrialDialog(props: {
  gateway: GatewayView;
  check: ConfigCheck;
  /** The file, and what shall take its place. */
  before: string;
  after: string;
  busy: boolean;
  onApply: (seconds: number, restart: boolean) => void;
  onClose: () => void;
}) {
  const { gateway, check, busy, onApply, onClose } = props;
  const [seconds, setSeconds] = useState(30);
  const [restart, setRestart] = useState(false);
  const mayRestart = useMay('gateways.restart');
  const narrow = useMediaQuery('(max-width: 40em)') ?? false;
  const waiting = check.needsRestart.length > 0;
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Apply on trial at ${gateway.id}`}
      size="52rem"
      fullScreen={narrow}
      closeOnClickOutside={!busy}
      closeOnEscape={!busy}
      withCloseButton={!busy}
    >
      <div className={classes.body}>
        <Changes changes={check.changes} needsRestart={[]} />
        <LineDiff label="What changes in the file" before={props.before} after={props.after} />
        {busy ? (
          <TrialProgress gateway={gateway} sha256={check.sha256} restart={restart} />
        ) : (
          <>
            {waiting ? (
              <RestartChoice
                settings={check.needsRestart}
                able={mayRestart && isAllowed(gateway, 'restart')}
                restart={restart}
                onChange={setRestart}
              />
            ) : null}
            <p>
              {restart
                ? 'The gateway starts anew with it, and keeps its file as it is. As soon as the hub has seen it back, the file is replaced. If the hub does not see it in this time after the start, or the gateway does not live through it, it starts with what it had:'
                : 'The gateway runs it at once, and keeps its file as it is. As soon as the hub has seen the gateway with it, the file is replaced. If the hub does not see it in this time, the gateway goes back by itself:'}
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
          <Button loading={busy} onClick={() => onApply(seconds, restart)}>
            {restart ? 'Restart with it' : 'Apply now'}
          </Button>
        </DialogButtons>
      </div>
    </Modal>
  );
}

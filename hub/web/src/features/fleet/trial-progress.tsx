import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Loader } from '@mantine/core';
import { formatDuration } from '../../format/duration.ts';
import { useHubNow } from '../../live/live-context.tsx';
import classes from './trial-dialog.module.css';

/** How far a trial is, as the gateway tells: from when it runs the configuration, it says until when it does. */
export function TrialProgress(props: { gateway: GatewayView; sha256: string; restart: boolean }) {
  const now = useHubNow();
  const [title, words] = stageOf(props.gateway, props.sha256, props.restart, now);
  return (
    <div className={classes.trial} role="status">
      <Loader size="sm" />
      <p>
        <strong>{title}</strong>
        <span>{words}</span>
      </p>
    </div>
  );
}

function stageOf({ online, trial, configSha256 }: GatewayView, sha256: string, restart: boolean, now: number) {
  if (!online && restart) {
    return [
      'It starts anew',
      'This goes on when it is back. When it does not come back with it, it starts with what it had.',
    ];
  }
  if (!online) return ['It is offline', 'Unless the hub sees it in time, it goes back by itself.'];
  if (trial) {
    return [`On trial: it goes back in ${leftWords(trial.endsAt, now)}`, 'The hub has seen it, and confirms it now.'];
  }
  if (configSha256 === sha256) return ['Confirmed', 'The gateway replaces its file.'];
  return restart
    ? ['It makes ready to start anew', 'The gateway looks at it once more, and ends in order.']
    : ['It is being taken over', 'The gateway makes everything ready; with many tags that takes longer.'];
}

/** How long until a moment of the hub's clock. */
export function leftWords(endsAt: number, now: number): string {
  return formatDuration(Math.max(0, endsAt - now));
}

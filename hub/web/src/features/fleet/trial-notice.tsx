import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { IconHourglass } from '@tabler/icons-react';
import { useHubNow } from '../../live/live-context.tsx';
import { Notice } from '../../ui/notice.tsx';
import { leftWords } from './trial-progress.tsx';

/** A configuration is on trial at a gateway: whose, and until when. */
export function TrialNotice({ trial }: { trial: NonNullable<GatewayView['trial']> }) {
  const now = useHubNow();
  return (
    <Notice tone="warning" icon={<IconHourglass size="1.35rem" />} title="A configuration is on trial">
      From {trial.by}. Unless the hub confirms it, the gateway goes back in {leftWords(trial.endsAt, now)}.
    </Notice>
  );
}

import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { fleetApi } from '../../api/fleet-api.ts';
import { sentence } from '../../format/sentence.ts';
import { Notice } from '../../ui/notice.tsx';
import classes from './hub-notices.module.css';

const AGAIN_MS = 60_000;

/** What is wrong at the hub itself, and what somebody should see to before it is; nothing while all is well. */
export function HubNotices() {
  const { data } = useQuery({
    queryKey: ['health'],
    queryFn: ({ signal }) => fleetApi.health(signal),
    refetchInterval: AGAIN_MS,
  });
  if (!data || data.faults.length + data.notices.length === 0) return null;
  return (
    <div className={classes.root} data-testid="hub-notices">
      {data.faults.map((words) => (
        <Notice key={words} tone="error" icon={<IconAlertTriangle size="1.2rem" />}>
          {sentence(words)}
        </Notice>
      ))}
      {data.notices.map((words) => (
        <Notice key={words} tone="warning" icon={<IconInfoCircle size="1.2rem" />}>
          {sentence(words)}
        </Notice>
      ))}
    </div>
  );
}

import { SegmentedControl } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { needsAcknowledge } from '../../format/alarm-words.ts';
import { useAlarms, usePlantLoaded } from '../../live/live-context.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { AlarmHistory } from './alarm-history.tsx';
import classes from './alarm-panel.module.css';
import { AlarmTable } from './alarm-table.tsx';

type View = 'active' | 'history';

/** The alarm list: what is active now, most urgent first, or what has been. */
export function AlarmPanel({ hubLostAt }: { hubLostAt: number | null }) {
  const [view, setView] = useState<View>('active');
  const alarms = useAlarms();
  const loaded = usePlantLoaded();
  const open = alarms.filter(needsAcknowledge).length;
  return (
    <Panel
      title="Alarms"
      className={classes.root}
      aside={
        <>
          <span className={classes.count} data-open={open > 0 || undefined}>
            {alarms.length === 0 ? null : open > 0 ? `${open} to acknowledge` : `${alarms.length} active`}
          </span>
          <SegmentedControl
            size="xs"
            aria-label="Which alarms"
            value={view}
            onChange={(value) => setView(value as View)}
            data={[
              { value: 'active', label: 'Active' },
              { value: 'history', label: 'History' },
            ]}
          />
        </>
      }
    >
      <div className={classes.body}>
        {view === 'history' ? (
          <AlarmHistory />
        ) : alarms.length > 0 ? (
          <AlarmTable alarms={alarms} label="Active alarms" />
        ) : loaded && hubLostAt === null ? (
          <MessagePanel icon={<IconCircleCheck size="1.9rem" />} title="No active alarms">
            Nothing needs attention.
          </MessagePanel>
        ) : (
          <p className={classes.waiting}>{loaded ? 'No active alarms when the hub was last heard.' : 'Loading…'}</p>
        )}
      </div>
    </Panel>
  );
}

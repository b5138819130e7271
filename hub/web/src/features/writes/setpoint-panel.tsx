import type { TagView } from '@lineside/shared/contracts/api.ts';
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { Panel } from '../../ui/panel.tsx';
import classes from './setpoint-panel.module.css';
import { Setpoints } from './setpoints.tsx';
import { WriteDialog } from './write-dialog.tsx';
import { WriteLog } from './write-log.tsx';

type View = 'values' | 'log';

/** The values that may be set from here, and who did. A plant that lets nothing be set has no such panel. */
export function SetpointPanel() {
  const [view, setView] = useState<View>('values');
  const [asked, setAsked] = useState<TagView | null>(null);
  const writable = useQuery({
    queryKey: ['writable'],
    queryFn: ({ signal }) => hubApi.writableTags(signal),
    refetchInterval: 60_000,
  });
  const tags = writable.data;
  if (!tags || tags.length === 0) return null;
  return (
    <Panel
      title="Setpoints"
      className={classes.root}
      aside={
        <SegmentedControl
          size="xs"
          aria-label="Values or log"
          value={view}
          onChange={(value) => setView(value as View)}
          data={[
            { value: 'values', label: 'Values' },
            { value: 'log', label: 'Log' },
          ]}
        />
      }
    >
      <div className={classes.body}>{view === 'log' ? <WriteLog /> : <Setpoints tags={tags} onAsk={setAsked} />}</div>
      {asked ? <WriteDialog key={asked.id} tag={asked} onClose={() => setAsked(null)} /> : null}
    </Panel>
  );
}

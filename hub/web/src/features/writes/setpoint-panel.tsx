import type { TagView } from '@lineside/shared/contracts/api.ts';
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { useLiveHub, useMachines } from '../../live/live-context.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Setpoint } from './setpoint.tsx';
import classes from './setpoint-panel.module.css';
import { WriteDialog } from './write-dialog.tsx';
import { WriteLog } from './write-log.tsx';

type View = 'values' | 'log';

/** The values that may be set from here, and who did. A plant that lets nothing be set has no such panel. */
export function SetpointPanel() {
  const hub = useLiveHub();
  const [view, setView] = useState<View>('values');
  const [asked, setAsked] = useState<TagView | null>(null);
  const writable = useQuery({
    queryKey: ['writable'],
    queryFn: ({ signal }) => hubApi.writableTags(signal),
    refetchInterval: 60_000,
  });
  const tags = writable.data;
  useEffect(() => {
    hub.want(
      'setpoints',
      (tags ?? []).map(({ id }) => id),
    );
    return () => hub.want('setpoints', []);
  }, [hub, tags]);

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

function Setpoints({ tags, onAsk }: { tags: readonly TagView[]; onAsk: (tag: TagView) => void }) {
  const machines = useMachines();
  return (
    <ul className={classes.list}>
      {tags.map((tag) => {
        const machine = machines.find(({ gateway, device }) => gateway === tag.gateway && device === tag.device);
        return <Setpoint key={tag.id} tag={tag} machine={machine} onSet={() => onAsk(tag)} />;
      })}
    </ul>
  );
}

import type { User } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconCloudOff, IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { hubApi } from '../api/hub-api.ts';
import { CHART_TAGS_MAX } from '../chart/chart-window.ts';
import { AlarmPanel } from '../features/alarms/alarm-panel.tsx';
import { GatewayStrip } from '../features/gateways/gateway-strip.tsx';
import { AppHeader } from '../features/header/app-header.tsx';
import { HubLostBanner } from '../features/header/hub-lost-banner.tsx';
import { MachineTiles } from '../features/machine/machine-tiles.tsx';
import { defaultTags, TrendPanel, type TrendSelection } from '../features/trend/trend-panel.tsx';
import { SetpointPanel } from '../features/writes/setpoint-panel.tsx';
import { useHubLostAt, useLiveHub, useMachines, usePlantLoaded } from '../live/live-context.tsx';
import { MessagePanel } from '../ui/message-panel.tsx';
import classes from './overview.module.css';
import { useWall } from './use-wall.ts';

const NOTHING: readonly number[] = [];

/** The line at a glance: machines, chart, alarms, gateways. */
export function Overview({ user, onSignedOut }: { user: User; onSignedOut: () => void }) {
  const hub = useLiveHub();
  const hubLostAt = useHubLostAt();
  const loaded = usePlantLoaded();
  const [wall, toggleWall] = useWall();
  const alarms = useRef<HTMLDivElement>(null);
  const trend = useRef<HTMLDivElement>(null);

  // The first picture may come over HTTP sooner than the socket is open; from then on only the socket speaks.
  const first = useQuery({
    queryKey: ['overview'],
    queryFn: ({ signal }) => hubApi.overview(signal),
    enabled: !loaded,
    gcTime: 0,
  });
  useEffect(() => {
    if (first.data) hub.offer(first.data);
  }, [hub, first.data]);

  const [selection, setSelection] = useSelection();
  const chart = useCallback(
    (machine: string, tag: number) => {
      setSelection((now) => withTag(now, machine, tag));
      trend.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    },
    [setSelection],
  );

  return (
    <div className={classes.root} data-wall={wall || undefined}>
      <AppHeader
        user={user}
        wall={{ on: wall, toggle: toggleWall }}
        onSignedOut={onSignedOut}
        onAlarms={() => alarms.current?.scrollIntoView({ block: 'start', behavior: 'smooth' })}
      />
      {hubLostAt === null ? null : <HubLostBanner since={hubLostAt} />}
      {!loaded && first.isError ? (
        <main className={classes.failed}>
          <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title="The line cannot be shown">
            <p>{first.error.message}</p>
            <Button
              mt="md"
              variant="default"
              leftSection={<IconRefresh size="1.1rem" />}
              onClick={() => {
                void first.refetch();
                hub.retry();
              }}
            >
              Try again
            </Button>
          </MessagePanel>
        </main>
      ) : (
        <main className={classes.main}>
          <div className={classes.tiles}>
            <MachineTiles hubLostAt={hubLostAt} charted={selection?.tags ?? NOTHING} onChart={chart} />
          </div>
          <div className={classes.trend} ref={trend}>
            <TrendPanel selection={selection} onSelect={setSelection} wall={wall} />
          </div>
          <div className={classes.alarms} ref={alarms}>
            <AlarmPanel hubLostAt={hubLostAt} />
          </div>
          <div className={classes.setpoints}>
            <SetpointPanel />
          </div>
          <div className={classes.gateways}>
            <GatewayStrip />
          </div>
        </main>
      )}
    </div>
  );
}

/** What the chart shows: what someone chose, and until then the first machine's first values. */
function useSelection() {
  const machines = useMachines();
  const [chosen, setChosen] = useState<TrendSelection | null>(null);
  const start = machines.find((machine) => machine.connection.status === 'live') ?? machines[0];
  useEffect(() => {
    if (start) setChosen((now) => now ?? { machine: start.path, tags: defaultTags(start.values) });
  }, [start]);
  return [chosen, setChosen] as const;
}

/** Adds a value to the chart or takes it out; one of another machine starts anew. */
function withTag(now: TrendSelection | null, machine: string, tag: number): TrendSelection {
  if (now?.machine !== machine) return { machine, tags: [tag] };
  if (now.tags.includes(tag)) return { machine, tags: now.tags.filter((each) => each !== tag) };
  return { machine, tags: [...now.tags, tag].slice(-CHART_TAGS_MAX) };
}

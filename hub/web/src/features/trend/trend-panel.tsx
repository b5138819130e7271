import type { AlarmView, TagView } from '@lineside/shared/contracts/api.ts';
import { MultiSelect, SegmentedControl, Select, useComputedColorScheme } from '@mantine/core';
import { IconChartLine, IconCloudOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { CHART_TAGS_MAX, CHART_WINDOWS } from '../../chart/chart-window.ts';
import type { TrendCursor, TrendLimit } from '../../chart/trend-chart.ts';
import { formatNumber, formatUnit } from '../../format/value.ts';
import { useAlarms, useLiveHub, useMachines } from '../../live/live-context.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { TREND_COLORS } from './palette.ts';
import { TrendCanvas } from './trend-canvas.tsx';
import { TrendLegend } from './trend-legend.tsx';
import classes from './trend-panel.module.css';
import { useTrendGrids } from './use-trend-grids.ts';

export interface TrendSelection {
  machine: string;
  tags: readonly number[];
}

export interface TrendPanelProps {
  selection: TrendSelection | null;
  onSelect: (selection: TrendSelection) => void;
  wall: boolean;
}

const NO_TAGS: readonly TagView[] = [];

/** The live chart of one machine's values. */
export function TrendPanel({ selection, onSelect, wall }: TrendPanelProps) {
  const hub = useLiveHub();
  const machines = useMachines();
  const scheme = useComputedColorScheme('light');
  const [span, setSpan] = useState('5 min');
  const [cursor, setCursor] = useState<TrendCursor | null>(null);
  const window = CHART_WINDOWS.find((each) => each.label === span) ?? CHART_WINDOWS[1]!;
  const machine = machines.find((each) => each.path === selection?.machine);
  const available = useQuery({
    queryKey: ['tags', selection?.machine],
    queryFn: ({ signal }) => hubApi.tags(selection?.machine ?? '', signal),
    enabled: selection !== null,
    staleTime: 60_000,
  });
  const known = available.data ?? machine?.values ?? NO_TAGS;
  const chosen = (selection?.tags ?? []).flatMap((id) => known.find((tag) => tag.id === id) ?? []);
  const key = chosen.map((tag) => `${tag.id}:${tag.unit}`).join(',');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what matters of the tags
  const tags = useMemo(() => chosen, [key]);
  const { grids, loaded, loading, error } = useTrendGrids(tags, window, machine?.connection.status === 'live');

  useEffect(() => {
    hub.want(
      'chart',
      tags.map((tag) => tag.id),
    );
    return () => hub.want('chart', []);
  }, [hub, tags]);

  const colors = TREND_COLORS[scheme];
  const series = useMemo(
    () =>
      tags.flatMap((tag, index) => {
        const grid = grids.get(tag.id);
        const label = tag.label || tag.name;
        return grid ? [{ tag: tag.id, label, unit: tag.unit, type: tag.type, color: colors[index]!, grid }] : [];
      }),
    [tags, grids, colors],
  );
  const alarms = useAlarms();
  const limits = useMemo(() => limitsOf(alarms, tags), [alarms, tags]);
  const names = tags.map((tag) => tag.label || tag.name).join(', ');

  const legend = <TrendLegend tags={tags} colors={colors} cursor={cursor} />;

  return (
    <Panel
      title={wall && machine ? `${machine.name}, ${window.words}` : 'Live chart'}
      className={classes.root}
      aside={
        wall ? (
          legend
        ) : (
          <div className={classes.controls}>
            <Select
              aria-label="Machine of the chart"
              size="xs"
              className={classes.machine}
              allowDeselect={false}
              value={selection?.machine ?? null}
              data={machines.map((each) => ({ value: each.path, label: each.name }))}
              onChange={(path) => {
                const next = machines.find((each) => each.path === path);
                if (next) onSelect({ machine: next.path, tags: defaultTags(next.values) });
              }}
            />
            <MultiSelect
              aria-label="Values of the chart"
              size="xs"
              className={classes.tags}
              maxValues={CHART_TAGS_MAX}
              styles={{ inputField: { minWidth: '1.5rem' } }}
              searchable
              hidePickedOptions
              placeholder={tags.length === 0 ? 'Choose values' : ''}
              value={tags.map((tag) => String(tag.id))}
              data={known
                .filter((tag) => tag.type !== 'string' && !tag.name.startsWith('$'))
                .map((tag) => ({ value: String(tag.id), label: tag.label || tag.name }))}
              onChange={(ids) => selection && onSelect({ ...selection, tags: ids.map(Number) })}
            />
            <SegmentedControl
              size="xs"
              className={classes.span}
              aria-label="Time span"
              value={span}
              onChange={setSpan}
              data={CHART_WINDOWS.map((each) => each.label)}
            />
          </div>
        )
      }
    >
      {tags.length > 0 ? (
        <>
          {wall ? null : legend}
          <div className={classes.body} aria-busy={loading}>
            <TrendCanvas
              series={series}
              window={window}
              limits={limits}
              loaded={loaded}
              look={`${scheme} ${wall}`}
              label={`${names} of ${machine?.name ?? 'the machine'}, ${window.words}`}
              onCursor={setCursor}
            />
          </div>
          {error ? (
            <p className={classes.notice} role="alert">
              The history cannot be read ({error.message}). New values are drawn as they come.
            </p>
          ) : null}
        </>
      ) : available.isError ? (
        <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title="The values cannot be read">
          {available.error.message}
        </MessagePanel>
      ) : (
        <MessagePanel icon={<IconChartLine size="1.6rem" />} title="Nothing chosen">
          Choose a value above, or press one on a machine's tile.
        </MessagePanel>
      )}
    </Panel>
  );
}

/** What the chart shows of a machine until someone chooses: its first two numbers. */
export function defaultTags(values: readonly TagView[]): number[] {
  return values
    .filter((tag) => tag.type !== 'string' && tag.type !== 'boolean')
    .slice(0, 2)
    .map((tag) => tag.id);
}

function limitsOf(alarms: readonly AlarmView[], tags: readonly TagView[]): TrendLimit[] {
  return alarms.flatMap((alarm) => {
    const tag = tags.find((each) => each.id === alarm.tag);
    if (!tag || alarm.limit === null) return [];
    const label = `Limit ${formatNumber(alarm.limit, tag.decimals)} ${formatUnit(tag.unit)}`.trim();
    return [{ tag: tag.id, value: alarm.limit, label }];
  });
}

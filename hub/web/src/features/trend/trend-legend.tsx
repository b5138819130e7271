import type { TagView } from '@lineside/shared/contracts/api.ts';
import type { TrendCursor } from '../../chart/trend-chart.ts';
import { formatClock } from '../../format/duration.ts';
import { qualityWords } from '../../format/quality-words.ts';
import { formatUnit, formatValue, trustOf, UNKNOWN } from '../../format/value.ts';
import { useTagValue } from '../../live/live-context.tsx';
import classes from './trend-panel.module.css';

/** Names, colours and values of the lines: the newest, or those under the crosshair while the chart rests. */
export function TrendLegend(props: {
  tags: readonly TagView[];
  colors: readonly string[];
  cursor: TrendCursor | null;
}) {
  return (
    <ul className={classes.legend} aria-label="Lines of the chart">
      {props.tags.map((tag, index) => (
        <LegendItem
          key={tag.id}
          tag={tag}
          color={props.colors[index] ?? ''}
          under={props.cursor ? (props.cursor.values[index] ?? null) : undefined}
        />
      ))}
      <li className={classes.paused} data-on={props.cursor !== null || undefined}>
        {props.cursor ? `Paused · ${formatClock(props.cursor.at)}` : 'Point at the chart to pause'}
      </li>
    </ul>
  );
}

function LegendItem({ tag, color, under }: { tag: TagView; color: string; under: number | null | undefined }) {
  const live = useTagValue(tag.id) ?? tag;
  const trust = under === undefined ? trustOf(live.quality) : 'good';
  const value = under === undefined ? live.value : tag.type === 'boolean' && under !== null ? under >= 0.5 : under;
  const shown = formatValue(value, tag.decimals);
  return (
    <li>
      <i style={{ background: color }} aria-hidden="true" />
      <span>{tag.label || tag.name}</span>
      <b>
        {trust === 'bad' && shown !== UNKNOWN ? <s>{shown}</s> : shown}
        {shown === UNKNOWN || !tag.unit ? '' : ` ${formatUnit(tag.unit)}`}
      </b>
      {trust === 'good' ? null : <em>{qualityWords(live.quality)}</em>}
    </li>
  );
}

import type { TagView } from '@lineside/shared/contracts/api.ts';
import { IconAlertTriangle, IconChartLine } from '@tabler/icons-react';
import { qualityWords } from '../../format/quality-words.ts';
import { formatUnit, formatValue, trustOf, UNKNOWN } from '../../format/value.ts';
import { useTagValue } from '../../live/live-context.tsx';
import classes from './tile-value.module.css';

const isChartable = (tag: TagView): boolean => tag.type !== 'string';

/** One live value of a machine. Bad is struck through and says what is wrong; a click shows it in the chart. */
export function TileValue({ tag, charted, onChart }: { tag: TagView; charted: boolean; onChart: () => void }) {
  const live = useTagValue(tag.id) ?? tag;
  const trust = trustOf(live.quality);
  const shown = formatValue(live.value, tag.decimals);
  const unit = formatUnit(tag.unit);
  const name = tag.label || tag.name;
  const figure = (
    <>
      <span className={classes.label}>
        {name}
        {charted ? <IconChartLine size="0.95rem" role="img" aria-label="shown in the chart" /> : null}
      </span>
      <span className={classes.value} data-trust={trust} data-testid="tile-value">
        {trust === 'bad' && shown !== UNKNOWN ? <s>{shown}</s> : <b>{shown}</b>}
        {unit && shown !== UNKNOWN ? <small>{unit}</small> : null}
      </span>
      {trust === 'good' ? null : (
        <span className={classes.quality} data-trust={trust}>
          <IconAlertTriangle size="0.95rem" aria-hidden="true" />
          {qualityWords(live.quality)}
        </span>
      )}
    </>
  );
  return (
    <li className={classes.root}>
      {isChartable(tag) ? (
        <button type="button" onClick={onChart} title="Show in the chart" aria-pressed={charted}>
          {figure}
        </button>
      ) : (
        <div>{figure}</div>
      )}
    </li>
  );
}

import type { TagView } from '@lineside/shared/contracts/api.ts';
import { IconChartLine } from '@tabler/icons-react';
import { useTagValue } from '../../live/live-context.tsx';
import { TrustedValue } from '../../ui/trusted-value.tsx';
import classes from './tile-value.module.css';

const isChartable = (tag: TagView): boolean => tag.type !== 'string';

/** One live value of a machine; a click shows it in the chart. */
export function TileValue({ tag, charted, onChart }: { tag: TagView; charted: boolean; onChart: () => void }) {
  const live = useTagValue(tag.id) ?? tag;
  const figure = (
    <>
      <span className={classes.label}>
        {tag.label || tag.name}
        {charted ? <IconChartLine size="0.95rem" role="img" aria-label="shown in the chart" /> : null}
      </span>
      <TrustedValue
        value={live.value}
        quality={live.quality}
        decimals={tag.decimals}
        unit={tag.unit}
        testId="tile-value"
      />
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

import type { WriteView } from '@lineside/shared/contracts/api.ts';
import { formatFull, formatMoment } from '../../format/duration.ts';
import { decimalsOf, valueWords, writerWords, writeStateWords } from '../../format/write-words.ts';
import { useHubMinute } from '../../live/live-context.tsx';
import classes from './write-log.module.css';

/** One attempt: when, who, what, from what to what, and how it went. */
export function WriteRow({ write }: { write: WriteView }) {
  const now = useHubMinute();
  const words = (value: WriteView['old']) => valueWords(value, decimalsOf(value), write.unit);
  const written = write.state === 'written';
  return (
    // biome-ignore-start lint/a11y/useSemanticElements: as in WriteLog
    // biome-ignore-start lint/a11y/useFocusableInteractive: as in WriteLog
    <div role="row" className={classes.row} data-state={write.state} data-testid="write-row">
      <div role="cell" className={classes.who}>
        <b>{writerWords(write)}</b>
        <span title={formatFull(write.at)}>{formatMoment(write.at, now)}</span>
      </div>
      <div role="cell" className={classes.what}>
        <b>{write.tag}</b>
        <span>{write.machineName}</span>
      </div>
      <div role="cell" className={classes.values}>
        {words(write.old)} → <b>{written ? words(write.new) : words(write.requested)}</b>
      </div>
      <div role="cell" className={classes.result}>
        <b>{writeStateWords(write.state)}</b>
        {write.error ? <span>{write.error}</span> : null}
        {write.comment ? <q>{write.comment}</q> : null}
      </div>
    </div>
    // biome-ignore-end lint/a11y/useFocusableInteractive: as in WriteLog
    // biome-ignore-end lint/a11y/useSemanticElements: as in WriteLog
  );
}

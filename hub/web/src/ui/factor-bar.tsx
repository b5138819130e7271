import { formatPercent, UNKNOWN } from '../format/value.ts';
import classes from './factor-bar.module.css';

/** One factor of OEE: name, figure and a thin bar; no bar at all when it cannot be known. */
export function FactorBar({ name, ratio }: { name: string; ratio: number | null }) {
  const shown = formatPercent(ratio);
  const known = shown !== UNKNOWN;
  return (
    <div className={classes.root} data-unknown={!known || undefined}>
      <dt>{name}</dt>
      <dd>
        {known ? (
          `${shown} %`
        ) : (
          <>
            <span aria-hidden="true">{UNKNOWN}</span>
            <span className="visually-hidden">not known</span>
          </>
        )}
      </dd>
      <div className={classes.track} aria-hidden="true">
        {known ? <div style={{ width: `${Math.min(100, Math.max(0, (ratio ?? 0) * 100))}%` }} /> : null}
      </div>
    </div>
  );
}

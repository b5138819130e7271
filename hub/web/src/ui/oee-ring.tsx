import { formatPercent, UNKNOWN } from '../format/value.ts';
import classes from './oee-ring.module.css';

const RADIUS = 52;
const LENGTH = 2 * Math.PI * RADIUS;

/** A ratio as a ring with its figure in the middle; a dashed empty ring and a dash when it cannot be known. */
export function OeeRing({ ratio, label }: { ratio: number | null; label: string }) {
  const shown = formatPercent(ratio);
  const known = shown !== UNKNOWN;
  const part = known ? Math.min(1, Math.max(0, ratio ?? 0)) : 0;
  return (
    <div
      className={classes.root}
      role="img"
      aria-label={known ? `${label} ${shown} percent` : `${label} not known`}
      data-testid="oee"
    >
      <svg viewBox="0 0 120 120" aria-hidden="true">
        <circle className={classes.track} cx="60" cy="60" r={RADIUS} data-unknown={!known || undefined} />
        {part > 0 ? (
          <circle
            className={classes.value}
            cx="60"
            cy="60"
            r={RADIUS}
            strokeDasharray={`${part * LENGTH} ${LENGTH}`}
            transform="rotate(-90 60 60)"
          />
        ) : null}
      </svg>
      <span className={classes.figure}>
        <strong>{shown}</strong>
        <small>{known ? `% ${label}` : label}</small>
      </span>
    </div>
  );
}

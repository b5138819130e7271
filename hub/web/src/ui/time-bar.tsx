import type { Oee, StateCategory } from '@lineside/shared/contracts/api.ts';
import { formatDuration } from '../format/duration.ts';
import { STATE_WORDS } from './state-look.tsx';
import classes from './time-bar.module.css';

type Shares = Pick<Oee, 'producingMs' | 'idleMs' | 'stoppedMs' | 'downMs' | 'unknownMs'>;

/** Where the shift's time went, as one thin stacked bar and in words. What is not known is hatched. */
export function TimeBar({ oee }: { oee: Shares }) {
  const parts: { category: StateCategory; ms: number }[] = [
    { category: 'producing', ms: oee.producingMs },
    { category: 'idle', ms: oee.idleMs },
    { category: 'stopped', ms: oee.stoppedMs },
    { category: 'down', ms: oee.downMs },
    { category: 'unknown', ms: oee.unknownMs },
  ];
  const shown = parts.filter((part) => part.ms >= 1_000);
  return (
    <div className={classes.root}>
      <div className={classes.bar} aria-hidden="true">
        {shown.map((part) => (
          <div key={part.category} data-category={part.category} style={{ flexGrow: part.ms }} />
        ))}
      </div>
      <ul className={classes.words} aria-label="Where the shift's time went">
        {shown.map((part) => (
          <li key={part.category}>
            <i data-category={part.category} aria-hidden="true" />
            {STATE_WORDS[part.category]} <b>{formatDuration(Math.round(part.ms / 60_000) * 60_000 || part.ms)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

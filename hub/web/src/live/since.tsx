import { formatDuration, formatDurationShort, formatFull } from '../format/duration.ts';
import { useHubNow } from './live-context.tsx';

/** For how long something has been so, counting on; the exact moment as a tooltip. @param at ms since 1970 UTC */
export function Since({ at, short }: { at: number; short?: boolean }) {
  const now = useHubNow();
  const format = short ? formatDurationShort : formatDuration;
  return (
    <time dateTime={new Date(at).toISOString()} title={formatFull(at)}>
      {format(now - at)}
    </time>
  );
}

import type { AlarmPriority } from '@lineside/shared/contracts/alarm.ts';
import {
  type Icon,
  IconAlertCircle,
  IconAlertOctagonFilled,
  IconAlertSquare,
  IconAlertTriangleFilled,
} from '@tabler/icons-react';
import classes from './priority-mark.module.css';

const ICONS: Record<AlarmPriority, Icon> = {
  critical: IconAlertOctagonFilled,
  high: IconAlertTriangleFilled,
  medium: IconAlertSquare,
  low: IconAlertCircle,
};

const WORDS: Record<AlarmPriority, string> = { critical: 'Critical', high: 'High', medium: 'Medium', low: 'Low' };

/** An alarm's priority by shape, colour and word. */
export function PriorityMark({ priority }: { priority: AlarmPriority }) {
  const Shape = ICONS[priority];
  return (
    <span className={classes.root} data-priority={priority}>
      <Shape size="1.35rem" aria-hidden="true" />
      {WORDS[priority]}
    </span>
  );
}

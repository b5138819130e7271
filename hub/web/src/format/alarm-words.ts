import type { AlarmPriority } from '@lineside/shared/contracts/alarm.ts';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { formatNumber, formatUnit } from './value.ts';

/** Less is more urgent. */
const STATE_RANK: Record<AlarmView['state'], number> = { unacknowledged: 0, returned: 1, acknowledged: 2, normal: 3 };
const PRIORITY_RANK: Record<AlarmPriority, number> = { critical: 0, high: 1, medium: 2, low: 3 };

/**
 * Most urgent first: what still needs someone (unacknowledged, then returned) before what somebody has taken,
 * within that by priority, within that the newest.
 */
export function compareAlarms(a: AlarmView, b: AlarmView): number {
  return (
    STATE_RANK[a.state] - STATE_RANK[b.state] ||
    PRIORITY_RANK[a.priority] - PRIORITY_RANK[b.priority] ||
    b.raisedAt - a.raisedAt ||
    (a.occurrence < b.occurrence ? -1 : a.occurrence > b.occurrence ? 1 : 0)
  );
}

/** True while someone must still acknowledge it. */
export function needsAcknowledge(alarm: AlarmView): boolean {
  return (alarm.state === 'unacknowledged' || alarm.state === 'returned') && !alarm.acknowledgePending;
}

/** The ISA-18.2 state in words. */
export function alarmStateWords(alarm: AlarmView): string {
  switch (alarm.state) {
    case 'unacknowledged':
      return 'Unacknowledged';
    case 'acknowledged':
      return alarm.acknowledgedBy ? `Acknowledged by ${alarm.acknowledgedBy}` : 'Acknowledged';
    case 'returned':
      return 'Returned, not acknowledged';
    case 'normal':
      return alarm.acknowledgedBy ? `Over, acknowledged by ${alarm.acknowledgedBy}` : 'Over';
  }
}

/** `86.4 °C, limit 80 °C`; empty when the alarm has neither. */
export function alarmValueWords(alarm: AlarmView): string {
  const unit = formatUnit(alarm.unit);
  const show = (value: number) => {
    const decimals = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
    return unit ? `${formatNumber(value, decimals)} ${unit}` : formatNumber(value, decimals);
  };
  const parts: string[] = [];
  if (alarm.value !== null) parts.push(show(alarm.value));
  if (alarm.limit !== null) parts.push(`limit ${show(alarm.limit)}`);
  return parts.join(', ');
}

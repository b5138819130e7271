/** Whether an alarm's condition holds, from one sample. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { AlarmConfig } from './config.ts';

/**
 * True, false, or null when the sample cannot tell: a value that is not Good neither raises nor clears an alarm.
 * `active` is the condition's present state, for the hysteresis.
 */
export function conditionHolds(alarm: AlarmConfig, value: Value, quality: number, active: boolean): boolean | null {
  if (!isGood(quality)) return null;
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return null;
  // A signed word with its highest bit set is negative, and so may the remainder be.
  if (alarm.bit !== undefined) return Math.floor(number / 2 ** alarm.bit) % 2 !== 0;
  const band = active ? alarm.hysteresis : 0;
  if (alarm.above !== undefined) return number > alarm.above - band;
  return number < alarm.below! + band;
}

export function limitOf(alarm: AlarmConfig): number | null {
  return alarm.above ?? alarm.below ?? null;
}

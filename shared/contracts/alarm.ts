/**
 * Alarms as they cross a process. States are those of ISA-18.2 / IEC 62682 that this version uses:
 * normal → unacknowledged → acknowledged → normal, and unacknowledged → returned → normal.
 */

/** `returned`: the condition is over, but nobody has acknowledged it yet ("RTN unacknowledged"). */
export type AlarmState = 'normal' | 'unacknowledged' | 'acknowledged' | 'returned';

/** Most urgent first. */
export const ALARM_PRIORITIES = ['critical', 'high', 'medium', 'low'] as const;
export type AlarmPriority = (typeof ALARM_PRIORITIES)[number];

export type AlarmTransition = 'raised' | 'returned' | 'acknowledged';

/** One change of state of one occurrence of an alarm. Travels in the buffer, after the samples that caused it. */
export interface AlarmEvent {
  /** Names this occurrence: the same in all its events. */
  occurrence: string;
  /** The alarm's id in the gateway's configuration. */
  rule: string;
  device: string;
  /** Tag id of the tag that it watches. */
  tag: number;
  transition: AlarmTransition;
  /** The state after the transition. */
  state: AlarmState;
  /** When it happened, milliseconds since 1970 UTC. */
  at: number;
  priority: AlarmPriority;
  message: string;
  /** The value that caused the transition; null when it was an acknowledgement or the value was Bad. */
  value: number | null;
  limit: number | null;
  unit: string;
  /** Who acknowledged; empty otherwise. */
  by: string;
  comment: string;
}

/** Alarms that live in a device: what it says of them, from its driver to the gateway's alarms. */
import type { AlarmPriority } from './alarm.ts';

/** The state of one, as the device tells it (OPC 10000-9, 5.5). */
export interface ConditionState {
  /** Names it within its device: the same in all its states, also after a restart of both sides. */
  condition: string;
  /** Not empty for a former state that still waits to be acknowledged: names that among those of the condition. */
  branch: string;
  /** What it is an alarm of, such as `Packer.Motor1`. */
  source: string;
  name: string;
  message: string;
  /** The device's own, 1 to 1000. */
  severity: number;
  priority: AlarmPriority;
  /** The situation holds now. */
  active: boolean;
  /** Also when it needs no acknowledgement. */
  acked: boolean;
  /** It is of interest; false: it is over, or not to be shown. */
  retain: boolean;
  /** When it came to this state by the device's clock, milliseconds since 1970 UTC; null when it does not say. */
  at: number | null;
  comment: string;
  /** Who changed it last at the device; empty when it does not say. */
  by: string;
}

export interface ConditionNews {
  device: string;
  states: ConditionState[];
  /**
   * After a full account of the device: all that there are, named as by `conditionKey`. What is not among them is
   * over. Absent when this is news only.
   */
  all?: ReadonlySet<string>;
}

/** What became of an acknowledgement that was sent to a device. */
export interface AcknowledgeResult {
  /** The device took it; that it is so follows as a state of the condition. */
  ok: boolean;
  /** Empty when it is well, else what happened and what to do, for an operator. */
  error: string;
  /** It may go better once the device has given a new account of its alarms. */
  again: boolean;
}

/** Names a condition, or a former state of one, within its device. */
export function conditionKey({ condition, branch }: Pick<ConditionState, 'condition' | 'branch'>): string {
  return branch === '' ? condition : `${condition}|${branch}`;
}

/**
 * One alarm that lives in its device: the device's states, told as transitions of ISA-18.2. What was missed between
 * two states is told as if it had been seen, so that no occurrence skips a step.
 */
import type { AlarmEvent, AlarmPriority, AlarmState, AlarmTransition } from '@lineside/shared/contracts/alarm.ts';
import type { ConditionState } from '@lineside/shared/contracts/condition.ts';
import type { Occurrence } from './alarm-rule.ts';

/** What outlives a restart. */
export interface DeviceOccurrence extends Occurrence {
  device: string;
  /** As of `conditionKey`. */
  key: string;
  condition: string;
  rule: string;
  message: string;
  priority: AlarmPriority;
  /** Of the newest event: the hub knows events of an occurrence apart by their times. */
  lastAt: number;
}

/** Other words alone are told at most so often, milliseconds: some devices put the present value into them. */
const WORDS_EVERY_MS = 10_000;

/** Who acknowledged, when the device does not say. */
const AT_DEVICE = 'at the machine';

type Step = [transition: AlarmTransition, state: AlarmState];

export class DeviceAlarm {
  occurrence: DeviceOccurrence;
  /** An acknowledgement that the device was sent from here. */
  wish: { by: string; comment: string } | null = null;
  #saidAt = 0;

  constructor(occurrence: DeviceOccurrence) {
    this.occurrence = occurrence;
  }

  /** One that is normal until `take` says otherwise. */
  static of(device: string, key: string, state: ConditionState, id: string): DeviceAlarm {
    const { condition, source, name } = state;
    return new DeviceAlarm({
      ...{ id, device, key, condition, rule: `condition:${device}/${source}/${name}`.slice(0, 300), state: 'normal' },
      ...{ message: wordsOf(state), priority: state.priority, raisedAt: 0, returnedAt: null, lastAt: 0 },
      ...{ acknowledgedAt: null, acknowledgedBy: '', comment: '', value: null },
    });
  }

  /** What a state of the device changes. */
  take(state: ConditionState, now: number): AlarmEvent[] {
    const target = targetOf(state);
    const from = this.occurrence.state;
    const before = { priority: this.occurrence.priority, message: this.occurrence.message };
    if (state.active) Object.assign(this.occurrence, { priority: state.priority, message: wordsOf(state) });
    if (from !== target) return this.#walk(stepsBetween(from, target, state.acked), state, now);
    const { priority, message } = this.occurrence;
    const other = state.active && (before.priority !== priority || before.message !== message);
    if (!other) return [];
    const wait = before.priority === priority && now >= this.#saidAt && now - this.#saidAt < WORDS_EVERY_MS;
    if (from === 'unacknowledged' && !wait) return this.#walk([['raised', 'unacknowledged']], state, now);
    if (from !== 'acknowledged' || before.priority === priority) return [];
    const { acknowledgedBy: by, comment } = this.occurrence;
    const steps: Step[] = [
      ['raised', 'unacknowledged'],
      ['acknowledged', 'acknowledged'],
    ];
    return this.#walk(steps, { ...state, by, comment }, now);
  }

  /** The device no longer knows it, or nobody asks the device any more. */
  end(now: number): AlarmEvent {
    return this.#step(['returned', 'normal'], null, now);
  }

  #walk(steps: Step[], state: ConditionState, now: number): AlarmEvent[] {
    return steps.map((step) => this.#step(step, state, now));
  }

  #step([transition, next]: Step, state: ConditionState | null, now: number): AlarmEvent {
    const occurrence = this.occurrence;
    const { lastAt } = occurrence;
    const said = state?.at ?? now;
    // A device's clock may be wrong; the order never is.
    const at = said > lastAt && said <= now ? said : Math.max(now, lastAt + 1);
    Object.assign(occurrence, { state: next, lastAt: at });
    let [by, comment] = ['', ''];
    if (transition === 'raised') {
      this.#saidAt = now;
      const first = occurrence.raisedAt === 0;
      Object.assign(occurrence, { returnedAt: null, acknowledgedAt: null, acknowledgedBy: '', comment: '' });
      if (first) occurrence.raisedAt = at;
    } else if (transition === 'returned') occurrence.returnedAt = at;
    else {
      by = this.wish?.by ?? (state?.by || AT_DEVICE);
      comment = this.wish?.comment ?? state?.comment ?? '';
      Object.assign(occurrence, { acknowledgedAt: at, acknowledgedBy: by, comment });
    }
    if (next !== 'unacknowledged' && next !== 'returned') this.wish = null;
    const { id, rule, device, priority, message } = occurrence;
    return {
      ...{ occurrence: id, rule, device, tag: 0, transition, state: next, at, priority, message },
      ...{ value: null, limit: null, unit: '', by, comment },
    };
  }
}

function targetOf({ active, acked, retain }: ConditionState): AlarmState {
  // Some servers call an acknowledged one uninteresting while it still holds; an operator does not.
  if (!retain && !(active && acked)) return 'normal';
  if (active) return acked ? 'acknowledged' : 'unacknowledged';
  return acked ? 'normal' : 'returned';
}

/** @param acked whether somebody did, when all is over */
function stepsBetween(from: AlarmState, to: AlarmState, acked: boolean): Step[] {
  const raised: Step = ['raised', 'unacknowledged'];
  const over: Step = ['returned', 'normal'];
  const answered: Step = ['acknowledged', 'normal'];
  switch (to) {
    case 'unacknowledged':
      return [raised];
    case 'acknowledged': {
      const step: Step = ['acknowledged', 'acknowledged'];
      return from === 'unacknowledged' ? [step] : [raised, step];
    }
    case 'returned': {
      const step: Step = ['returned', 'returned'];
      return from === 'unacknowledged' ? [step] : [raised, step];
    }
    case 'normal':
      if (from === 'acknowledged' || !acked) return [over];
      return from === 'returned' ? [answered] : [['returned', 'returned'], answered];
  }
}

/** With what it is an alarm of, which many devices leave to the reader's screen. */
function wordsOf({ source, message }: ConditionState): string {
  const named = source === '' || message.includes(source);
  return named ? message : `${source}: ${message}`;
}

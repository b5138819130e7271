/**
 * One alarm and its state machine (ISA-18.2, 5.3; IEC 62682):
 *
 *   normal ──raised──▶ unacknowledged ──acknowledged──▶ acknowledged ──returned──▶ normal
 *                            └──returned──▶ returned ──acknowledged──▶ normal
 *
 * Pure: it is given samples and the time, and gives back what happened.
 */
import type { AlarmEvent, AlarmState, AlarmTransition } from '@lineside/shared/contracts/alarm.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { conditionHolds, limitOf } from './condition.ts';
import type { AlarmConfig } from './config.ts';

/** What outlives a restart. */
export interface Occurrence {
  id: string;
  state: AlarmState;
  raisedAt: number;
  returnedAt: number | null;
  acknowledgedAt: number | null;
  acknowledgedBy: string;
  comment: string;
  value: number | null;
}

export interface RuleTag {
  id: number;
  device: string;
  unit: string;
}

export class AlarmRule {
  readonly config: AlarmConfig;
  readonly tag: RuleTag;
  readonly #newId: () => string;
  /** The present occurrence; undefined while normal. */
  occurrence: Occurrence | undefined;
  /** What the condition says now, and since when it says otherwise than the state; null when in accord. */
  #holds = false;
  #value: number | null = null;
  #differsSince: number | null = null;
  /** Since when its tag is not Good: nothing is known, and no delay goes on. */
  #blindSince: number | null = null;

  constructor(config: AlarmConfig, tag: RuleTag, newId: () => string, occurrence?: Occurrence) {
    this.config = config;
    this.tag = tag;
    this.#newId = newId;
    this.occurrence = occurrence;
    this.#holds = this.#active;
  }

  get #active(): boolean {
    return this.occurrence !== undefined && this.occurrence.state !== 'returned';
  }

  /** Takes a sample of its tag; what it changes comes from `tick`. */
  observe(value: Value, quality: number, now: number): void {
    const holds = conditionHolds(this.config, value, quality, this.#active);
    if (holds === null) {
      this.#blindSince ??= now;
      return;
    }
    if (this.#blindSince !== null && this.#differsSince !== null) {
      this.#differsSince += Math.max(0, now - this.#blindSince);
    }
    this.#blindSince = null;
    this.#value = Number(value);
    this.#holds = holds;
    if (holds === this.#active) this.#differsSince = null;
    else this.#differsSince ??= now;
  }

  /** The clock was set by so many milliseconds: what has lasted has lasted as long as before. */
  clockStepped(stepMs: number): void {
    if (this.#differsSince !== null) this.#differsSince += stepMs;
    if (this.#blindSince !== null) this.#blindSince += stepMs;
  }

  /** The transition that is due at `now`, if any. */
  tick(now: number): AlarmEvent | null {
    if (this.#differsSince === null || this.#blindSince !== null) return null;
    const delay = this.#holds ? this.config.onDelayMs : this.config.offDelayMs;
    // A clock that was set back must not hold an alarm up for hours: the delay then counts anew.
    if (now < this.#differsSince) this.#differsSince = now;
    if (now - this.#differsSince < delay) return null;
    this.#differsSince = null;
    return this.#holds ? this.#raise(now) : this.#return(now);
  }

  /** Acknowledges the occurrence; null when it is over, another one, or acknowledged already. */
  acknowledge(by: string, comment: string, at: number): AlarmEvent | null {
    const current = this.occurrence;
    if (!current || (current.state !== 'unacknowledged' && current.state !== 'returned')) return null;
    const state = current.state === 'returned' ? 'normal' : 'acknowledged';
    this.occurrence = { ...current, state, acknowledgedAt: at, acknowledgedBy: by, comment };
    return this.#event('acknowledged', at);
  }

  #raise(now: number): AlarmEvent {
    // Raised again before anybody acknowledged: the same occurrence goes on.
    const again = this.occurrence;
    this.occurrence = {
      id: again?.id ?? this.#newId(),
      state: 'unacknowledged',
      raisedAt: again?.raisedAt ?? now,
      returnedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: '',
      comment: '',
      value: this.#value,
    };
    return this.#event('raised', now);
  }

  #return(now: number): AlarmEvent {
    const current = this.occurrence!;
    const state = current.state === 'acknowledged' ? 'normal' : 'returned';
    this.occurrence = { ...current, state, returnedAt: now };
    return this.#event('returned', now);
  }

  #event(transition: AlarmTransition, at: number): AlarmEvent {
    const { id, state, acknowledgedBy, comment } = this.occurrence!;
    if (state === 'normal') this.occurrence = undefined;
    const acknowledged = transition === 'acknowledged';
    return {
      occurrence: id,
      rule: this.config.id,
      device: this.tag.device,
      tag: this.tag.id,
      transition,
      state,
      at,
      priority: this.config.priority,
      message: this.config.message,
      value: acknowledged ? null : this.#value,
      limit: limitOf(this.config),
      unit: this.tag.unit,
      by: acknowledged ? acknowledgedBy : '',
      comment: acknowledged ? comment : '',
    };
  }
}

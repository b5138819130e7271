/**
 * All alarms that live in devices and are not normal. The device decides what they are; here they are remembered over
 * a restart and an outage, and a storm of them is thinned to each one's newest state.
 */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import { type ConditionNews, type ConditionState, conditionKey } from '@lineside/shared/contracts/condition.ts';
import { DeviceAlarm, type DeviceOccurrence } from './device-alarm.ts';

/** Alarms that are kept, of all devices together. */
const MOST_KEPT = 5_000;

/** So many states are told at once, and so many a second go on; of more, the newest of each alarm waits. */
const BURST = 1_000;
const PER_SECOND = 20;

interface Held {
  device: string;
  key: string;
  state: ConditionState;
}

export class DeviceAlarms {
  readonly #newId: () => string;
  readonly #complain: (words: string) => void;
  /** By device and key. */
  readonly #alarms = new Map<string, DeviceAlarm>();
  readonly #held = new Map<string, Held>();
  #tokens = BURST;
  #filledAt = 0;
  #full = false;

  constructor(newId: () => string, complain: (words: string) => void) {
    this.#newId = newId;
    this.#complain = complain;
  }

  restore(occurrences: DeviceOccurrence[]): void {
    for (const occurrence of occurrences) {
      this.#alarms.set(nameOf(occurrence.device, occurrence.key), new DeviceAlarm(occurrence));
    }
  }

  all(): DeviceOccurrence[] {
    return [...this.#alarms.values()].map(({ occurrence }) => occurrence);
  }

  find(occurrence: string): DeviceAlarm | undefined {
    for (const alarm of this.#alarms.values()) if (alarm.occurrence.id === occurrence) return alarm;
    return undefined;
  }

  /** Those of a device that somebody wants to be acknowledged and the device has not. */
  wished(device: string): DeviceAlarm[] {
    return [...this.#alarms.values()].filter(
      ({ occurrence, wish }) => occurrence.device === device && wish && needsAnswer(occurrence),
    );
  }

  take({ device, states, all }: ConditionNews, now: number): AlarmEvent[] {
    const events = this.tick(now);
    for (const state of states) {
      const key = conditionKey(state);
      const held = { device, key, state };
      if (this.#held.size > 0 || this.#tokens < 1) this.#held.set(nameOf(device, key), held);
      else events.push(...this.#tell(nameOf(device, key), held, now));
    }
    if (!all) return events;
    for (const [name, alarm] of this.#alarms) {
      const { occurrence } = alarm;
      if (occurrence.device !== device || all.has(occurrence.key) || this.#held.has(name)) continue;
      events.push(this.#end(name, alarm, now));
    }
    this.#full = false;
    return events;
  }

  /** Tells what has had to wait: the oldest first, each as it is now. */
  tick(now: number): AlarmEvent[] {
    // A clock that was set back fills nothing.
    this.#tokens = Math.min(BURST, this.#tokens + (Math.max(0, now - this.#filledAt) / 1000) * PER_SECOND);
    this.#filledAt = now;
    const events: AlarmEvent[] = [];
    for (const [name, held] of this.#held) {
      if (this.#tokens < 1) break;
      this.#held.delete(name);
      events.push(...this.#tell(name, held, now));
    }
    return events;
  }

  /** Ends the alarms of all devices but these: nobody asks the others any more. */
  keepOnly(devices: ReadonlySet<string>, now: number): AlarmEvent[] {
    for (const [name, { device }] of this.#held) if (!devices.has(device)) this.#held.delete(name);
    const gone = [...this.#alarms].filter(([, { occurrence }]) => !devices.has(occurrence.device));
    return gone.map(([name, alarm]) => this.#end(name, alarm, now));
  }

  #tell(name: string, { device, key, state }: Held, now: number): AlarmEvent[] {
    const alarm = this.#alarms.get(name) ?? this.#begin(name, device, key, state);
    if (!alarm) return [];
    const events = alarm.take(state, now);
    if (events.length > 0) this.#tokens--;
    if (alarm.occurrence.state === 'normal') this.#alarms.delete(name);
    return events;
  }

  #begin(name: string, device: string, key: string, state: ConditionState): DeviceAlarm | null {
    const present = nameOf(device, state.condition);
    const former = state.branch === '' ? undefined : this.#alarms.get(present);
    if (former && needsAnswer(former.occurrence)) {
      // The device keeps what was not acknowledged apart from now on; here it is the same occurrence.
      this.#alarms.delete(present);
      former.occurrence.key = key;
      this.#alarms.set(name, former);
      return former;
    }
    const calm = !state.active && (state.acked || !state.retain);
    if (calm) return null;
    if (this.#alarms.size >= MOST_KEPT) {
      if (!this.#full) this.#complain(`more than ${MOST_KEPT} alarms of devices at once; the others are left out`);
      this.#full = true;
      return null;
    }
    const alarm = DeviceAlarm.of(device, key, state, this.#newId());
    this.#alarms.set(name, alarm);
    return alarm;
  }

  #end(name: string, alarm: DeviceAlarm, now: number): AlarmEvent {
    this.#alarms.delete(name);
    return alarm.end(now);
  }
}

/** Not acknowledged yet. */
export function needsAnswer({ state }: Pick<DeviceOccurrence, 'state'>): boolean {
  return state === 'unacknowledged' || state === 'returned';
}

function nameOf(device: string, key: string): string {
  // No device's id has a slash.
  return `${device}/${key}`;
}

import type { AlarmView, GatewayView, MachineView, Overview } from '@lineside/shared/contracts/api.ts';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import { compareAlarms } from '../format/alarm-words.ts';

/** What the page knows of the plant. Parts that did not change keep their identity. */
export interface PlantState {
  enterprise: string;
  machines: readonly MachineView[];
  /** All that are not normal, most urgent first. */
  alarms: readonly AlarmView[];
  gateways: readonly GatewayView[];
  /** Hub's clock minus this computer's, milliseconds: "for 4 min" must be right on a PC whose clock is not. */
  clockOffset: number;
  loaded: boolean;
}

export const EMPTY_PLANT: PlantState = {
  enterprise: '',
  machines: [],
  alarms: [],
  gateways: [],
  clockOffset: 0,
  loaded: false,
};

/** What changes the plant's state: messages of the live socket, and what came over HTTP. */
export type PlantMessage =
  | Exclude<LiveMessage, { type: 'alarm' }>
  | { type: 'alarm'; alarm: AlarmView }
  | { type: 'overview'; overview: Overview };

/** The state after a message. @param now this computer's clock, milliseconds since 1970 UTC */
export function reducePlant(state: PlantState, message: PlantMessage, now: number): PlantState {
  switch (message.type) {
    case 'overview':
      return fromOverview(message.overview, now);
    case 'machine':
      return { ...state, machines: put(state.machines, message.machine, (m) => m.path) };
    case 'gateway':
      return { ...state, gateways: put(state.gateways, message.gateway, (g) => g.id) };
    case 'alarm':
      return { ...state, alarms: putAlarm(state.alarms, message.alarm) };
    case 'hello':
      return { ...state, enterprise: message.enterprise, clockOffset: clock(state, message, now) };
    case 'snapshot':
      return {
        ...state,
        machines: message.machines ?? state.machines,
        gateways: message.gateways ?? state.gateways,
        alarms: message.alarms ? shown(message.alarms) : state.alarms,
        clockOffset: clock(state, message, now),
        loaded: true,
      };
    case 'time':
      return { ...state, clockOffset: clock(state, message, now) };
    default:
      return state;
  }
}

/**
 * The state after an answer over HTTP about an alarm. It may come later than what the socket has brought of the alarm
 * since it was asked, which is newer: the answer would bring an alarm back that is over, or wait for ever.
 */
export function reduceAnswer(state: PlantState, asked: AlarmView, answer: AlarmView, now: number): PlantState {
  return state.alarms.includes(asked) ? reducePlant(state, { type: 'alarm', alarm: answer }, now) : state;
}

function fromOverview(overview: Overview, now: number): PlantState {
  return {
    enterprise: overview.enterprise,
    machines: overview.machines,
    alarms: shown(overview.alarms),
    gateways: overview.gateways,
    clockOffset: steady(0, overview.serverTime - now),
    loaded: true,
  };
}

function shown(alarms: AlarmView[]): AlarmView[] {
  return alarms.filter((alarm) => alarm.state !== 'normal').toSorted(compareAlarms);
}

function clock(state: PlantState, { serverTime }: { serverTime: number }, now: number): number {
  return steady(state.clockOffset, serverTime - now);
}

/** A way over the network of a few hundred milliseconds is no reason to move every "since" on the page. */
function steady(known: number, measured: number): number {
  return Math.abs(measured - known) < 1_500 ? known : measured;
}

function put<T>(list: readonly T[], item: T, key: (item: T) => string): readonly T[] {
  const index = list.findIndex((other) => key(other) === key(item));
  return index < 0 ? [...list, item] : list.with(index, item);
}

function putAlarm(list: readonly AlarmView[], alarm: AlarmView): readonly AlarmView[] {
  const others = list.filter((other) => other.occurrence !== alarm.occurrence);
  return alarm.state === 'normal' ? others : [...others, alarm].sort(compareAlarms);
}

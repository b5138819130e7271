/** The retained payloads of the unified namespace as text; an empty one takes the retained message away. */
import type { AlarmPriority, AlarmState } from '../contracts/alarm.ts';
import type { Value } from '../contracts/frame.ts';
import { isGood, qualityName } from '../contracts/quality.ts';
import type { UmhValue, UnsAlarm, UnsDeviceState, UnsGateway, UnsHub, UnsValue } from '../contracts/uns.ts';
import type { UnsStyle } from './topics.ts';

export interface UnsSample {
  /** Milliseconds since 1970 UTC. */
  at: number;
  value: Value;
  /** OPC UA StatusCode. */
  quality: number;
}

/** An alarm with what the gateway or the hub knows of it. */
export interface UnsAlarmPicture {
  occurrence: string;
  rule: string;
  device: string;
  state: AlarmState;
  at: number;
  priority: AlarmPriority;
  message: string;
  value: number | null;
  limit: number | null;
  unit: string;
  by: string;
}

/**
 * A value that is Bad, or that JSON does not know, is null: nobody takes it for the present one. UMH has no word for
 * that, so in its style the topic is then empty.
 */
export function valuePayload(style: UnsStyle, { at, value, quality }: UnsSample, unit: string): string {
  const timestamp_ms = Math.round(at);
  const known = isPresentable(value, quality) ? value : null;
  if (style === 'umh') {
    if (known === null) return '';
    const body: UmhValue = { timestamp_ms, value: known };
    return JSON.stringify(body);
  }
  const body: UnsValue = {
    timestamp_ms,
    value: known,
    quality: nameOf(quality),
    quality_code: quality >>> 0,
    unit,
  };
  return JSON.stringify(body);
}

export function statePayload(state: UnsDeviceState): string {
  return JSON.stringify({ ...state, timestamp_ms: Math.round(state.timestamp_ms) });
}

export function gatewayPayload(gateway: UnsGateway): string {
  return JSON.stringify({ ...gateway, timestamp_ms: Math.round(gateway.timestamp_ms) });
}

export function hubPayload(hub: UnsHub): string {
  return JSON.stringify({ ...hub, timestamp_ms: Math.round(hub.timestamp_ms) });
}

/** Empty when the alarm is over. */
export function alarmPayload(alarm: UnsAlarmPicture): string {
  const { occurrence, rule, device, state, at, priority, message, value, limit, unit, by } = alarm;
  if (state === 'normal') return '';
  const body: UnsAlarm = {
    timestamp_ms: Math.round(at),
    ...{ occurrence, rule, device, state, priority, message, limit, unit, by },
    value: Number.isFinite(value) ? value : null,
  };
  return JSON.stringify(body);
}

/** Uncertain values are shown with their quality; Bad ones may be anything. */
function isPresentable(value: Value, quality: number): boolean {
  if (quality >>> 31 === 1) return false;
  return typeof value !== 'number' || Number.isFinite(value);
}

/** Without the number, which has a field of its own. */
function nameOf(quality: number): string {
  const name = qualityName(quality);
  return isGood(quality) && quality !== 0 ? 'Good' : name.replace(/ \(0x.*$/, '');
}

/** Why a device gives no values, for the quality of its samples and for an operator. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';

export interface Failure {
  /** OPC UA StatusCode of the samples that follow from it. */
  quality: number;
  /** What happened and what to look at; no final stop. */
  reason: string;
}

const HINTS: Record<string, string> = {
  ECONNREFUSED: 'connection refused; is the device powered and the port right?',
  EHOSTUNREACH: 'no route to the host; is the device powered and the cable plugged in?',
  ENETUNREACH: 'network unreachable; check the network settings of this machine',
  ENOTFOUND: 'the name is unknown; check the host setting or the name server',
  EAI_AGAIN: 'the name server does not answer; check the network or write an address instead of a name',
  ECONNRESET: 'the device reset the connection; does it allow one more client?',
  EPIPE: 'the device closed the connection; does it allow one more client?',
};

export function unreachable(endpoint: string, cause: Error): Failure {
  const code = 'code' in cause ? String(cause.code) : '';
  return {
    quality: Quality.BadNoCommunication,
    reason: `cannot reach ${endpoint}: ${HINTS[code] ?? messageOf(cause)}`,
  };
}

export function noConnection(endpoint: string, timeoutMs: number): Failure {
  return {
    quality: Quality.BadNoCommunication,
    reason: `cannot reach ${endpoint}: no answer to the connection attempt within ${timeoutMs} ms; is the device powered and no firewall between?`,
  };
}

export function connectionLost(endpoint: string, cause: Error): Failure {
  const code = 'code' in cause ? String(cause.code) : '';
  return { quality: Quality.BadNoCommunication, reason: `lost ${endpoint}: ${HINTS[code] ?? messageOf(cause)}` };
}

export function noAnswer(endpoint: string, unit: number, timeoutMs: number): Failure {
  return {
    quality: Quality.BadTimeout,
    reason: `${endpoint} unit ${unit} did not answer within ${timeoutMs} ms; is unitId right, and is timeoutMs long enough for this device?`,
  };
}

/**
 * What an exception answer is about (Modbus application protocol V1.1b3, 7): the moment, the whole device, or the
 * addresses that were asked for.
 */
export function scopeOf(exception: number): 'moment' | 'device' | 'address' {
  if (exception === 5 || exception === 6) return 'moment';
  return exception === 10 || exception === 11 ? 'device' : 'address';
}

/** A gateway's exception 10 or 11: the unit behind it is not there. */
export function unitUnreachable(unit: number, exception: number): Failure {
  return {
    quality: Quality.BadNoCommunication,
    reason: `the gateway cannot reach unit ${unit} (exception ${exception}); is that device powered and unitId right?`,
  };
}

/** What an exception answer of scope `address` means for a tag. */
export function refusal(exception: number): Failure {
  switch (exception) {
    case 1:
      return { quality: Quality.BadConfigurationError, reason: 'the device does not know this table (exception 1)' };
    case 2:
      return { quality: Quality.BadOutOfRange, reason: 'the device has no such address (exception 2)' };
    case 3:
      return { quality: Quality.BadConfigurationError, reason: 'the device rejects this read (exception 3)' };
    case 4:
      return {
        quality: Quality.BadDeviceFailure,
        reason: 'the device failed internally at this address (exception 4)',
      };
    default:
      return { quality: Quality.BadDeviceFailure, reason: `the device refuses this read (exception ${exception})` };
  }
}

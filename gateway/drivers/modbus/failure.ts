/** Why a device gives no values, for the quality of its samples and for an operator. */
import { tlsReason } from '@lineside/shared/config/tls-client.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';

/** What went wrong, in a word, for counting. */
type FailureKind = 'connection' | 'timeout' | 'wrongAnswer' | 'exception' | 'busy';

export interface Failure {
  kind: FailureKind;
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

/** The serial port's errors have no code, only words. */
const SERIAL_HINTS: [RegExp, string][] = [
  [/No such file|ENOENT/, 'there is no such file or port; is the adapter plugged in and the path right?'],
  [/Permission denied|EACCES/, 'no permission; add the user of the gateway to the group dialout'],
  [/EIO|ENXIO|ENODEV|i\/o error/i, 'the serial port is gone; is the adapter plugged in?'],
  [/lock|busy|temporarily unavailable/i, 'the port is in use; do two devices give other serial settings for it?'],
];

function hintFor(code: string, cause: Error): string {
  const message = messageOf(cause);
  return HINTS[code] ?? tlsReason(cause) ?? SERIAL_HINTS.find(([words]) => words.test(message))?.[1] ?? message;
}

export function unreachable(endpoint: string, cause: Error): Failure {
  const code = 'code' in cause ? String(cause.code) : '';
  return {
    kind: 'connection',
    quality: Quality.BadNoCommunication,
    reason: `cannot reach ${endpoint}: ${hintFor(code, cause)}`,
  };
}

export function noConnection(endpoint: string, timeoutMs: number): Failure {
  return {
    kind: 'connection',
    quality: Quality.BadNoCommunication,
    reason: `cannot reach ${endpoint}: no answer to the connection attempt within ${timeoutMs} ms; is the device powered and no firewall between?`,
  };
}

export function connectionLost(endpoint: string, cause: Error): Failure {
  const code = 'code' in cause ? String(cause.code) : '';
  return {
    kind: 'connection',
    quality: Quality.BadNoCommunication,
    reason: `lost ${endpoint}: ${hintFor(code, cause)}`,
  };
}

export function noAnswer(endpoint: string, unit: number, timeoutMs: number): Failure {
  return {
    kind: 'timeout',
    quality: Quality.BadTimeout,
    reason: `${endpoint} unit ${unit} did not answer within ${timeoutMs} ms; is unitId right, and is timeoutMs long enough for this device?`,
  };
}

/** An answer came, and it was not one to the request. */
export function wrongAnswer(endpoint: string, reason: string): Failure {
  return { kind: 'wrongAnswer', quality: Quality.BadNoCommunication, reason: `${endpoint}: ${reason}` };
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
    kind: 'exception',
    quality: Quality.BadNoCommunication,
    reason: `the gateway cannot reach unit ${unit} (exception ${exception}); is that device powered and unitId right?`,
  };
}

/** What an exception answer of scope `address` means for a tag. */
export function refusal(exception: number): Failure {
  switch (exception) {
    case 1:
      return {
        kind: 'exception',
        quality: Quality.BadConfigurationError,
        reason: 'the device does not know this table (exception 1)',
      };
    case 2:
      return {
        kind: 'exception',
        quality: Quality.BadOutOfRange,
        reason: 'the device has no such address (exception 2)',
      };
    case 3:
      return {
        kind: 'exception',
        quality: Quality.BadConfigurationError,
        reason: 'the device rejects this read (exception 3)',
      };
    case 4:
      return {
        kind: 'exception',
        quality: Quality.BadDeviceFailure,
        reason: 'the device failed internally at this address (exception 4)',
      };
    default:
      return {
        kind: 'exception',
        quality: Quality.BadDeviceFailure,
        reason: `the device refuses this read (exception ${exception})`,
      };
  }
}

import { isBad, isGood, Quality, qualityName } from '@lineside/shared/contracts/quality.ts';

const WORDS = new Map<number, string>([
  [Quality.Good, 'Good'],
  [Quality.Uncertain, 'Uncertain'],
  [Quality.UncertainLastUsableValue, 'Last usable value'],
  [Quality.Bad, 'Bad'],
  [Quality.BadTimeout, 'No answer in time'],
  [Quality.BadDecodingError, 'Cannot be decoded'],
  [Quality.BadConfigurationError, 'Configuration error'],
  [Quality.BadNotConnected, 'Not connected'],
  [Quality.BadDeviceFailure, 'Device failure'],
  [Quality.BadSensorFailure, 'Sensor failure'],
  [Quality.BadOutOfService, 'Out of service'],
  [Quality.BadNoCommunication, 'No communication'],
  [Quality.BadWaitingForInitialData, 'Waiting for first value'],
  [Quality.BadOutOfRange, 'Out of range'],
  [Quality.BadNoData, 'No data'],
]);

/** An OPC UA StatusCode in a few words for an operator; codes without words keep severity and number. */
export function qualityWords(code: number): string {
  const unsigned = code >>> 0;
  const known = WORDS.get(unsigned);
  if (known) return known;
  // The low 16 bits are flags such as "overflow": the same fault in the same words.
  const base = WORDS.get((unsigned & 0xffff_0000) >>> 0);
  if (base && !isGood(code)) return base;
  if (isGood(code)) return 'Good';
  return isBad(code) || !base ? qualityName(unsigned) : base;
}

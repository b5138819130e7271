/**
 * OPC UA status codes that the gateway itself assigns (OPC 10000-6, annex A; values of the published
 * StatusCode.csv). Codes that come from an OPC UA server are kept as they are.
 */
export const Quality = {
  Good: 0x0000_0000,
  Uncertain: 0x4000_0000,
  UncertainLastUsableValue: 0x4090_0000,
  Bad: 0x8000_0000,
  BadTimeout: 0x800a_0000,
  BadDecodingError: 0x8007_0000,
  BadConfigurationError: 0x8089_0000,
  BadNotConnected: 0x808a_0000,
  BadDeviceFailure: 0x808b_0000,
  BadSensorFailure: 0x808c_0000,
  BadOutOfService: 0x808d_0000,
  BadNoCommunication: 0x8031_0000,
  BadWaitingForInitialData: 0x8032_0000,
  BadOutOfRange: 0x803c_0000,
  BadNoData: 0x809b_0000,
} as const;

const names = new Map<number, string>(Object.entries(Quality).map(([name, code]) => [code, name]));

/** True when the two severity bits say Good (OPC 10000-4, 7.39.1). */
export function isGood(code: number): boolean {
  return code >>> 30 === 0;
}

/** True when the two severity bits say Bad. */
export function isBad(code: number): boolean {
  return code >>> 31 === 1;
}

/** Bits that say "the queue has overflowed here": type DataValue and Overflow (OPC 10000-4, 7.39.1, table 174). */
const OVERFLOW = 0x0480;

/** True when the device has thrown samples away just before or after this one. */
export function overflowed(code: number): boolean {
  return (code & OVERFLOW) === OVERFLOW;
}

/** The code's name where the gateway knows it, else its severity and its hexadecimal form. */
export function qualityName(code: number): string {
  const known = names.get(code >>> 0);
  if (known) return known;
  const severity = isGood(code) ? 'Good' : isBad(code) ? 'Bad' : 'Uncertain';
  return `${severity} (0x${(code >>> 0).toString(16).padStart(8, '0')})`;
}

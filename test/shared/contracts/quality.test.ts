import { isBad, isGood, Quality, qualityName } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';

/** Values of the StatusCode.csv that the OPC Foundation publishes. */
describe('status codes', () => {
  test.each<[number, string, boolean, boolean]>([
    [0x0000_0000, 'Good', true, false],
    [0x4000_0000, 'Uncertain', false, false],
    [0x4090_0000, 'UncertainLastUsableValue', false, false],
    [0x8000_0000, 'Bad', false, true],
    [0x800a_0000, 'BadTimeout', false, true],
    [0x808c_0000, 'BadSensorFailure', false, true],
    [0x8031_0000, 'BadNoCommunication', false, true],
    [0x002f_0000, 'Good (0x002f0000)', true, false],
    [0x4094_0000, 'Uncertain (0x40940000)', false, false],
    [0x80ab_0000, 'Bad (0x80ab0000)', false, true],
  ])('%i is %s', (code, name, good, bad) => {
    expect([qualityName(code), isGood(code), isBad(code)]).toEqual([name, good, bad]);
    // As a signed integer, which is how some libraries hold it.
    expect([qualityName(code | 0), isGood(code | 0), isBad(code | 0)]).toEqual([name, good, bad]);
  });

  test('every code of the gateway’s own has the severity that its name says', () => {
    for (const [name, code] of Object.entries(Quality)) {
      expect([name, isGood(code), isBad(code)]).toEqual([name, name.startsWith('Good'), name.startsWith('Bad')]);
    }
  });
});

import { DeviceHealth } from '@lineside/shared/contracts/link.ts';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { HealthMeter } from '../../../gateway/drivers/health-meter.ts';

test('before the first poll nothing is made up', () => {
  const health = new HealthMeter().read();
  expect(health).toEqual({ cycles: 0, cyclesTotalMs: 0, cycleMs: null, jitterMs: null, errorsByKind: {} });
  expect(Value.Check(DeviceHealth, health)).toBe(true);
});

test('mean, longest and jitter are those of the newest 128 polls, the sum is that of all', () => {
  const meter = new HealthMeter();
  meter.began(400);
  meter.ended(1_000);
  for (let i = 0; i < 128; i++) {
    meter.began(i % 2 === 0 ? -0.5 : 3);
    meter.ended(i === 127 ? 12 : 4);
  }
  const health = meter.read('halfOpen');
  expect(health).toMatchObject({
    cycles: 129,
    cyclesTotalMs: 1_520,
    cycleMs: { last: 12, mean: 4.063, max: 12 },
    jitterMs: 1.5,
    breaker: 'halfOpen',
  });
  expect(Value.Check(DeviceHealth, health)).toBe(true);
});

test('errors are counted by kind and together', () => {
  const meter = new HealthMeter();
  for (const kind of ['timeout', 'connection', 'timeout']) meter.error(kind);
  expect(meter.errors).toBe(3);
  expect(meter.read().errorsByKind).toEqual({ timeout: 2, connection: 1 });
});

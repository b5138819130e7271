/** Statements about a day, for the mock hub: one gateway to whom things happened, and one to whom nothing did. */
import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';

const HOUR = 3_600_000;

export function mockCompleteness(day: string, now: number): CompletenessStatement[] {
  const from = Date.parse(`${day}T00:00:00Z`);
  const to = from + 24 * HOUR;
  const until = Math.min(to, now);
  const base = { day, timeZone: 'UTC', from, to, at: now };
  const device = (name: string, silent: CompletenessStatement['devices'][0]['silent'] = []) => ({
    device: name,
    samples: 86_400,
    firstAt: from,
    lastAt: until,
    expectedMs: until - from,
    collectedMs: until - from - silent.reduce((sum, each) => sum + each.to - each.from, 0),
    silent,
  });
  return [
    {
      ...{ ...base, gateway: 'line-1', delivery: 'incomplete', samples: 259_200 },
      missing: [
        {
          ...{ cause: 'bufferFull', epoch: 'a'.repeat(32), fromSeq: 1_200, toSeq: 1_499, samples: 60_000 },
          ...{ fromAt: from + 2 * HOUR, toAt: from + 2.25 * HOUR },
        },
      ],
      clockSteps: [{ at: from + 5 * HOUR, stepMs: -90_000 }],
      devices: [
        device('packer'),
        device('moulder', [{ from: from + HOUR, to: from + 1.2 * HOUR, cause: 'deviceDown' }]),
        device('pump', [{ from: from + 2 * HOUR, to: from + 2.5 * HOUR, cause: 'gatewayAway' }]),
      ],
    },
    {
      ...{ ...base, gateway: 'line-2', samples: 86_400, missing: [], clockSteps: [] },
      delivery: to <= now ? 'complete' : 'open',
      devices: [device('press')],
    },
  ];
}

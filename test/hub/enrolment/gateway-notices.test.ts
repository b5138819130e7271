import { describe, expect, test } from 'vitest';
import { gatewayNotices } from '../../../hub/enrolment/gateway-notices.ts';
import { gatewayTroubles } from '../../../hub/web/src/format/gateway-words.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22);

/** One whose certificate of a year has so many days left. */
function gateway(id: string, left: number, problem?: string) {
  const notAfter = NOW + left * DAY;
  const certificate = { serial: 'ab', notBefore: notAfter - 365 * DAY, notAfter, ...(problem ? { problem } : {}) };
  return { id, online: true, certificate };
}

describe('gateways whose certificates nobody has renewed', () => {
  test('are named with the reason, the most urgent first; those that renew in time, or have none, are not', () => {
    const gateways = [
      gateway('fresh', 300),
      gateway('due', 100),
      { ...gateway('away', 20), online: false },
      gateway('asked', 25, 'it could not be renewed: another one was given out a moment ago'),
      gateway('today', 0.5),
      gateway('over', -3),
      { id: 'by-password', online: true },
    ];
    expect(gatewayNotices(gateways, NOW)).toEqual([
      'the certificate of gateway over has ended, and the hub lets it in no more: enrol it again',
      expect.stringMatching(
        /^the certificate of gateway today ends in less than a day: it has not asked for another/,
      ),
      expect.stringMatching(/^the certificate of gateway away ends in 20 days: it is off line; /),
      expect.stringMatching(
        /^the certificate of gateway asked ends in 25 days: it could not be renewed: another one was/,
      ),
    ]);
    expect(gatewayNotices(gateways, NOW - 60 * DAY)).toHaveLength(1);
  });

  test('are counted from the twenty-first on', () => {
    const many = Array.from({ length: 45 }, (_, i) => gateway(`line-${i}`, 1 + i / 10));
    const notices = gatewayNotices(many, NOW);
    expect(notices).toHaveLength(21);
    expect(notices[0]).toContain('gateway line-0 ');
    expect(notices[20]).toContain('25 more gateways');
  });

  test('need attention on the page by the same measure', () => {
    const rest = {
      since: 1,
      devices: [],
      pendingSamples: 0,
      quarantined: 0,
      lastSeenAt: 1,
      version: '',
      samplesStored: 0,
    };
    const troubles = (left: number, problem?: string) =>
      gatewayTroubles({ ...gateway('line-1', left, problem), ...rest }, NOW);
    expect(troubles(31)).toEqual([]);
    expect(troubles(29)).toEqual([expect.stringMatching(/^Its certificate ends in /)]);
    expect(troubles(-1)).toEqual(['Its certificate has ended']);
    expect(troubles(29, 'the hub failed')).toEqual(['Its certificate was not renewed: the hub failed']);
  });
});
